// Owns a request as HTTP/2 says it: control data in pseudo-fields, names in lower case, nothing of
// the connection (RFC 9113 sections 8.2 and 8.3). Pure.

import type { FieldLines } from "../http/message.ts";
import type { OriginRequest } from "./attempt.ts";
import { fieldsWithLength } from "./origin-fields.ts";

/**
 * Name, value, name, value, …, the pseudo-fields first. `host` is what the target is called, for
 * requests whose fields name no other.
 */
export function h2Fields(request: OriginRequest, scheme: string, host: string): string[] {
  const out = [":method", request.method, ":scheme", scheme, ":authority", host];
  out.push(":path", request.path);
  const fields = fieldsWithLength(request);
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? "").toLowerCase();
    const value = fields[index + 1] ?? "";
    // Section 8.3.1: :authority stands for Host, and the two must not differ.
    if (name === "host") out[AUTHORITY] = value;
    else if (!CONNECTION_SPECIFIC.has(name) && (name !== "te" || value === "trailers")) {
      out.push(name, value);
    }
  }
  if (request.expectsContinue) out.push("expect", "100-continue");
  return out;
}

/** Where the value of :authority stands. */
const AUTHORITY = 5;

/** Section 8.2.2. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** A trailer section as node:http2 takes it: repeated fields as a list. */
export function h2Trailers(trailers: FieldLines): Record<string, string[]> {
  const out: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < trailers.length; index += 2) {
    const name = (trailers[index] ?? "").toLowerCase();
    (out[name] ??= []).push(trailers[index + 1] ?? "");
  }
  return out;
}

/** The field lines of a received field section. */
export function regularFields(raw: readonly string[]): FieldLines {
  const fields: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? "";
    if (!name.startsWith(":")) fields.push(name, raw[index + 1] ?? "");
  }
  return fields;
}

/** The status code of a received response head; 0 where it has none that can be read. */
export function statusOf(raw: readonly string[]): number {
  const at = raw.indexOf(":status");
  const text = at < 0 ? "" : (raw[at + 1] ?? "");
  return /^\d{3}$/.test(text) ? Number(text) : 0;
}
