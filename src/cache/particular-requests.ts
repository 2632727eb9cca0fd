// Owns which requests differ from the next one for the same URI, so that they share no response.

import { hasField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";
import type { RequestDirectives } from "./policy/directives.ts";

export const CONDITIONS = new Set([
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range",
]);

export function isConditional(fields: FieldLines): boolean {
  for (const name of CONDITIONS) if (hasField(fields, name)) return true;
  return false;
}

/**
 * The client wants something newer or less kept than the next one: it has an origin request of its
 * own.
 */
export function isParticular(directives: RequestDirectives): boolean {
  const { noCache, noStore, maxAge, minFresh } = directives;
  return noCache || noStore || maxAge !== undefined || minFresh !== undefined;
}
