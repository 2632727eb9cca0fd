// Owns the tags of a response, by which it can be purged: the Surrogate-Key and Cache-Tag fields
// and what its route adds. Both fields are for this cache: they are read, and end here. Pure.

import { fieldValues, hasField, withoutFields } from "../../http/fields.ts";
import type { FieldLines } from "../../http/message.ts";

/**
 * A response with more is not stored, because a purge could miss it. CDNs keep as many, and a head
 * of 32 KiB can carry sixteen times that.
 */
export const TAGS_MAX = 1000;

/** Lower-case names of the fields that carry tags. */
export const TAG_FIELDS: ReadonlySet<string> = new Set(["surrogate-key", "cache-tag"]);

/** What a tag may be; they are compared byte by byte. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

export function hasTagFields(fields: FieldLines): boolean {
  return hasField(fields, "surrogate-key") || hasField(fields, "cache-tag");
}

/** The same lines when there is nothing to take out. */
export function withoutTagFields(fields: FieldLines): FieldLines {
  return hasTagFields(fields) ? withoutFields(fields, TAG_FIELDS) : fields;
}

/**
 * Tags of a response, each once: the route's, then those of Surrogate-Key (separated by spaces) and
 * Cache-Tag (separated by commas). What cannot be a tag is left out: no purge can name it.
 */
export function tagsOf(fields: FieldLines, routeTags: readonly string[]): readonly string[] {
  if (!hasTagFields(fields)) return routeTags;
  const tags = new Set(routeTags);
  for (const value of fieldValues(fields, "surrogate-key")) {
    for (const tag of value.split(SPACES)) if (isTag(tag)) tags.add(detached(tag));
  }
  for (const value of fieldValues(fields, "cache-tag")) {
    for (const tag of value.split(COMMAS)) if (isTag(tag)) tags.add(detached(tag));
  }
  return [...tags];
}

/** A tag outlives its response's head: it must not keep the text that it is a slice of. */
function detached(tag: string): string {
  return Buffer.from(tag, "latin1").toString("latin1");
}

const TAG = /^[\x21-\x2b\x2d-\x7e]{1,1024}$/;
const SPACES = /[ \t]+/;
/** No tag has a space inside; who writes one means the end of a tag. */
const COMMAS = /[ \t,]+/;
