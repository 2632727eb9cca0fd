// Owns entity tags and the preconditions that a cache may evaluate (RFC 9110 sections 8.8.3 and
// 13.1, RFC 9111 section 4.3.2). Pure.

import { parseHttpDate } from "./date.ts";
import { getField } from "./fields.ts";
import type { FieldLines } from "./message.ts";

export interface EntityTag {
  /** As sent. */
  readonly text: string;
  readonly weak: boolean;
  /** With its quotes. */
  readonly opaque: string;
}

/** What a selected representation can be compared by. */
export interface Validators {
  /** "" without one. */
  readonly etag: string;
  /** NaN without one. */
  readonly lastModifiedMs: number;
  readonly dateMs: number;
}

export type Precondition =
  /** The request has none, or it does not hold back the content. */
  | "proceed"
  | "not_modified"
  /** If-Match or If-Unmodified-Since: not for a cache to decide (RFC 9111 section 4.3.2). */
  | "origin";

/** The one entity tag in a field value; undefined for anything else (RFC 9110 section 8.8.3). */
export function parseEntityTag(value: string): EntityTag | undefined {
  const match = ENTITY_TAG.exec(value);
  if (match === null) return undefined;
  return { text: value, weak: match[1] !== undefined, opaque: match[2] ?? "" };
}

/** Strong comparison: both strong and equal (RFC 9110 section 8.8.3.2). */
export function matchesStrongly(left: string, right: string): boolean {
  const tag = parseEntityTag(left);
  return tag !== undefined && !tag.weak && left === right;
}

/** Weak comparison: equal but for weakness. */
export function matchesWeakly(left: string, right: string): boolean {
  const opaque = parseEntityTag(left)?.opaque;
  return opaque !== undefined && opaque === parseEntityTag(right)?.opaque;
}

/**
 * A GET or HEAD request against the selected representation; If-None-Match decides alone where it
 * is present.
 */
export function evaluate(fields: FieldLines, validators: Validators, nowMs: number): Precondition {
  if (getField(fields, "if-match") !== undefined) return "origin";
  if (getField(fields, "if-unmodified-since") !== undefined) return "origin";
  const ifNoneMatch = getField(fields, "if-none-match");
  if (ifNoneMatch !== undefined) {
    return listsTag(ifNoneMatch, validators.etag) ? "not_modified" : "proceed";
  }
  const ifModifiedSince = getField(fields, "if-modified-since");
  if (ifModifiedSince === undefined) return "proceed";
  const sinceMs = parseHttpDate(ifModifiedSince, nowMs);
  const modifiedMs = Number.isNaN(validators.lastModifiedMs)
    ? validators.dateMs
    : validators.lastModifiedMs;
  // An invalid date compares false, so that the field is ignored (RFC 9110 section 13.1.3).
  return modifiedMs <= sinceMs ? "not_modified" : "proceed";
}

/** If-Range: whether ranges of exactly this representation are wanted (RFC 9110 section 13.1.5). */
export function ifRangeHolds(value: string, validators: Validators, nowMs: number): boolean {
  if (parseEntityTag(value) !== undefined) return matchesStrongly(value, validators.etag);
  const { lastModifiedMs, dateMs } = validators;
  // A date is a strong validator only when the representation was a minute old (RFC 9110 section
  // 8.8.2.2).
  return parseHttpDate(value, nowMs) === lastModifiedMs && dateMs - lastModifiedMs >= 60_000;
}

/**
 * Entity tags have no commas outside their quotes, but any inside; there are no escapes (RFC 9110
 * section 8.8.3).
 */
function listsTag(value: string, etag: string): boolean {
  if (value === "*") return true;
  if (etag === "") return false;
  LISTED_TAG.lastIndex = 0;
  for (let at = 0; at < value.length; at = LISTED_TAG.lastIndex) {
    LISTED_TAG.lastIndex = at;
    const match = LISTED_TAG.exec(value);
    if (match === null) return false;
    if (match[1] !== undefined && matchesWeakly(match[1], etag)) return true;
  }
  return false;
}

const ENTITY_TAG = /^(W\/)?("[\x21\x23-\x7e\x80-\xff]*")$/;
const LISTED_TAG = /[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?[ \t]*(?:,|$)/y;
