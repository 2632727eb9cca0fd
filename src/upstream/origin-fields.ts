// Owns field lines at the origin's side: from the library's buffers to our flat strings, and the
// two framing fields that we add or judge (RFC 9112 section 6). Hot. Knows no connections.

import type { FieldLines } from "../http/message.ts";
import type { OriginRequest } from "./attempt.ts";

/** Raw names and values as undici keeps them: buffers in the order received. */
export function decodeFields(raw: unknown): string[] {
  if (!Array.isArray(raw)) return decodeRecord(raw);
  const fields: string[] = new Array(raw.length);
  for (let index = 0; index < raw.length; index += 1) {
    const item: unknown = raw[index];
    fields[index] = Buffer.isBuffer(item) ? item.toString("latin1") : String(item);
  }
  return fields;
}

/** The request's field lines with Content-Length where its content has a known length. */
export function fieldsWithLength(request: OriginRequest): FieldLines {
  if (request.body === null || request.bodyLength < 0) return request.fields;
  if (has(request.fields, "content-length")) return request.fields;
  return [...request.fields, "Content-Length", String(request.bodyLength)];
}

function has(fields: FieldLines, nameLower: string): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index];
    if (name?.length === nameLower.length && name.toLowerCase() === nameLower) return true;
  }
  return false;
}

/**
 * A transfer coding besides a single chunked. We neither decode it nor may we pass the content on
 * with the field removed, so the response is refused (RFC 9112 section 7: we sent no TE that would
 * allow it; section 6.1: chunked is applied once).
 */
export function isForeignTransferCoding(fields: FieldLines): boolean {
  let codings = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index];
    if (name?.length !== 17 || name.toLowerCase() !== "transfer-encoding") continue;
    codings += 1;
    if (codings > 1 || fields[index + 1]?.toLowerCase() !== "chunked") return true;
  }
  return false;
}

/**
 * The reason phrase if it is plain ASCII, else "", which means the standard phrase: undici decodes
 * it as UTF-8, so that other bytes cannot be passed on as they were (RFC 9112 section 4 lets a
 * recipient ignore it).
 */
export function safeReason(reason: string | undefined): string {
  if (reason === undefined) return "";
  for (let index = 0; index < reason.length; index += 1) {
    const code = reason.charCodeAt(index);
    if ((code < 32 && code !== 9) || code > 126) return "";
  }
  return reason;
}

/** HTTP/2 fields come as an object; repeated ones as an array of values. */
function decodeRecord(raw: unknown): string[] {
  const fields: string[] = [];
  if (typeof raw !== "object" || raw === null) return fields;
  for (const [name, value] of Object.entries(raw)) {
    if (name.startsWith(":")) continue;
    for (const item of Array.isArray(value) ? value : [value]) fields.push(name, String(item));
  }
  return fields;
}
