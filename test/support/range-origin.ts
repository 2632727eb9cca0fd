// Owns an origin server that serves ranges of one representation by the letter of RFC 9110 sections
// 13 to 15: what tests compare against.

import { getField } from "../../src/http/fields.ts";
import type { FieldLines, ResponseHead } from "../../src/http/message.ts";

export interface Representation {
  readonly content: string;
  /** Its validators, lifetime and what else it says. */
  readonly fields: readonly string[];
}

export interface OriginAnswer {
  readonly head: ResponseHead;
  readonly content: string;
}

/** One range at a time; several, and what does not parse, are answered with all of it. */
export function serveRange(requestFields: FieldLines, of: Representation): OriginAnswer {
  const { content, fields } = of;
  const etag = getField(fields, "etag");
  if (etag !== undefined && getField(requestFields, "if-none-match") === etag) {
    return { head: { status: 304, reason: "", fields }, content: "" };
  }
  const range = getField(requestFields, "range");
  const ifRange = getField(requestFields, "if-range");
  const lastModified = getField(fields, "last-modified");
  const holds = ifRange === undefined || ifRange === etag || ifRange === lastModified;
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (!holds || match === null || range === "bytes=-") return whole(of);
  const [, first = "", last = ""] = match;
  const length = content.length;
  const start = first === "" ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === "" || last === "" ? length : Math.min(length, Number(last) + 1);
  if (start >= length) {
    const lines = [...fields, "Content-Range", `bytes */${length}`, "Content-Length", "0"];
    return { head: { status: 416, reason: "", fields: lines }, content: "" };
  }
  return partial(of, start, end);
}

/** A 206 with the bytes from `start` to before `end`, whoever asked for what. */
export function partial(of: Representation, start: number, end: number): OriginAnswer {
  const content = of.content.slice(start, end);
  const contentRange = `bytes ${start}-${end - 1}/${of.content.length}`;
  const framing = ["Content-Range", contentRange, "Content-Length", String(content.length)];
  return { head: { status: 206, reason: "", fields: [...of.fields, ...framing] }, content };
}

function whole({ content, fields }: Representation): OriginAnswer {
  const lines = [...fields, "Content-Length", String(content.length)];
  return { head: { status: 200, reason: "", fields: lines }, content };
}
