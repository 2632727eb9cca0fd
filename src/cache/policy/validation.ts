// Owns validation with the origin server: the conditions to send, which stored response a 304 or
// HEAD is about, and what it changes (RFC 9111 sections 3.2, 4.3.1, 4.3.4 and 4.3.5). Pure.

import { matchesStrongly, matchesWeakly, parseEntityTag } from "../../http/conditional.ts";
import { formatHttpDate, parseHttpDate } from "../../http/date.ts";
import { getField, hasField, withoutFields, withoutHopByHop } from "../../http/fields.ts";
import type { FieldLines, ResponseHead } from "../../http/message.ts";
import type { StoredMetadata } from "./metadata.ts";

/** Preconditions and ranges of the client, which are not sent along with ours. */
const CLIENT_CONDITIONS = new Set([
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "range",
]);

/**
 * The request's field lines with the conditions that validate the stored response (RFC 9111 section
 * 4.3.1).
 */
export function validatingFields(requestFields: FieldLines, metadata: StoredMetadata): string[] {
  const fields = withoutFields(requestFields, CLIENT_CONDITIONS);
  if (metadata.etag !== "") fields.push("If-None-Match", metadata.etag);
  if (metadata.lastModified !== "") fields.push("If-Modified-Since", metadata.lastModified);
  return fields;
}

export function hasValidator(metadata: StoredMetadata): boolean {
  return metadata.etag !== "" || metadata.lastModified !== "";
}

/**
 * A 304 says that this stored response, whose validators were sent, is still current. One with
 * another validator is about something that we do not have (RFC 9111 section 4.3.4).
 */
export function isAboutStored(
  metadata: StoredMetadata,
  fields: FieldLines,
  nowMs: number,
): boolean {
  const etag = getField(fields, "etag");
  if (etag !== undefined && metadata.etag !== "") {
    const strong = parseEntityTag(etag)?.weak === false;
    return strong ? matchesStrongly(etag, metadata.etag) : matchesWeakly(etag, metadata.etag);
  }
  const lastModified = getField(fields, "last-modified");
  if (lastModified !== undefined && metadata.lastModified !== "") {
    return parseHttpDate(lastModified, nowMs) === metadata.lastModifiedMs;
  }
  return true;
}

/**
 * A HEAD response may update a stored one only where nothing speaks against both being the same
 * representation (RFC 9111 section 4.3.5); otherwise the stored one is out of date.
 */
export function headAgrees(
  metadata: StoredMetadata,
  contentLength: number,
  head: ResponseHead,
  nowMs: number,
): boolean {
  if (head.status !== metadata.status) return false;
  const etag = getField(head.fields, "etag") ?? "";
  if ((etag === "") !== (metadata.etag === "")) return false;
  if (etag !== "" && !matchesStrongly(etag, metadata.etag) && etag !== metadata.etag) return false;
  const lastModified = getField(head.fields, "last-modified");
  const modifiedMs = lastModified === undefined ? Number.NaN : parseHttpDate(lastModified, nowMs);
  if (!Object.is(modifiedMs, metadata.lastModifiedMs)) return false;
  const length = getField(head.fields, "content-length");
  return length === undefined || length === String(contentLength);
}

/**
 * Length and range belong to the content that is stored (RFC 9111 section 3.2). A cookie set along
 * with a validation is for the client that asked, and must not reach others through the store.
 */
const NOT_UPDATED = new Set(["content-length", "content-range", "set-cookie"]);

/** Stored field lines, with those of the newer response in their place (RFC 9111 section 3.2). */
export function updatedFields(stored: FieldLines, newer: FieldLines, nowMs: number): string[] {
  const updates = withoutFields(withoutHopByHop(newer), NOT_UPDATED);
  // Without a Date of its own the newer response was made now, not when the stored one was.
  const names = new Set(["date"]);
  for (let index = 0; index < updates.length; index += 2) {
    names.add((updates[index] ?? "").toLowerCase());
  }
  const fields = [...withoutFields(stored, names), ...updates];
  if (!hasField(updates, "date")) fields.push("Date", formatHttpDate(nowMs));
  return fields;
}
