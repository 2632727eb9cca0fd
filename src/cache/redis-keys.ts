// Owns under which names responses lie in Redis: one hash for a URI, a field of it for each
// variant, and pieces beside it. In braces, so that what belongs together lies in one slot of a
// Cluster. Pure.

import { createHash } from "node:crypto";
import type { RequestHead } from "../http/message.ts";
import { selectingFields } from "./policy/vary.ts";

/** The variant of a response without Vary; the others are this and an id. */
export const PLAIN = "r";

export function keyOf(prefix: string, uri: string): string {
  const digest = createHash("sha256").update(uri, "latin1").digest("base64url");
  return `${prefix}{${digest.slice(0, 32)}}`;
}

/** `version`: of the writing that the piece belongs to. */
export function pieceKey(key: string, version: string, index: number): string {
  return `${key}:${version}:${index}`;
}

/** The field of the variant that the request selects, if responses vary by these names. */
export function variantField(names: readonly string[], request: RequestHead): string {
  const selecting = selectingFields(names, request.fields);
  return fieldOf(selecting.map((field) => [field.name, field.normalised]));
}

/** No field value has a line feed. */
export function fieldOf(pairs: readonly (readonly [string, string])[]): string {
  if (pairs.length === 0) return PLAIN;
  const hash = createHash("sha256");
  for (const [name, value] of pairs) hash.update(`${name}\n${value}\n`, "latin1");
  return `${PLAIN}${hash.digest("base64url").slice(0, 22)}`;
}
