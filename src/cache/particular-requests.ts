// Owns which requests differ from the next one for the same URI, so that they share no response.

import type { RequestDirectives } from "./policy/directives.ts";

/** A response depends on them: not the same one for everybody who asks for the same range. */
export const PRECONDITIONS = new Set([
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
]);

export const CONDITIONS = new Set([...PRECONDITIONS, "range"]);

/**
 * The client wants something newer or less kept than the next one: it has an origin request of its
 * own.
 */
export function isParticular(directives: RequestDirectives): boolean {
  const { noCache, noStore, maxAge, minFresh } = directives;
  return noCache || noStore || maxAge !== undefined || minFresh !== undefined;
}
