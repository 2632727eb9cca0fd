// Owns the response that a stored one makes for a request: whole, 304, 206 or 416, with Age and
// Cache-Status (RFC 9111 sections 4, 4.3.2 and 5.1, RFC 9110 sections 13, 14 and 15.4.5). Knows no
// stores.

import { evaluate, ifRangeHolds, type Precondition } from "../http/conditional.ts";
import { getField, withoutFields } from "../http/fields.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import { type ByteRange, parseRanges, type RangeRequest } from "../http/ranges.ts";
import { refusalStatus } from "./cache-status.ts";
import { contentRangeOf, multipartOf } from "./multipart.ts";
import type { RequestView } from "./policy/storing.ts";
import type { StoredResponse } from "./stored-response.ts";

/** A response that needs nobody else any more. */
export interface Answer {
  /** With Age and Cache-Status, without X-Request-Id and framing. */
  readonly head: ResponseHead;
  /** Content to send, never to be changed; empty for none (HEAD, 304). */
  readonly content: readonly Uint8Array[];
  /** What Content-Length says; for HEAD the length of what GET would get. */
  readonly length: number;
  /** What asking the second tier came to; for the log. */
  readonly recalled?: "l2" | "refused";
}

/** Only-if-cached, and nothing usable is stored (RFC 9111 section 5.2.1.7). */
export function refusalFrom(cacheName: string): Answer {
  const fields = ["Cache-Status", refusalStatus(cacheName, "request_only_if_cached")];
  return { head: { status: 504, reason: "", fields }, content: [], length: 0 };
}

/**
 * What the request's preconditions say of the stored response; only successful ones are
 * conditional.
 */
export function preconditionOf(
  stored: StoredResponse,
  requestFields: FieldLines,
  nowMs: number,
): Precondition {
  // RFC 9110 section 13.2.1: without the condition the response has to be a 2xx.
  if (stored.status < 200 || stored.status > 299) return "proceed";
  return evaluate(requestFields, stored.metadata, nowMs);
}

/**
 * The stored response can answer the request: it is whole, or has all of the ranges that the
 * request asks for, so that the answer is a 206 (RFC 9111 section 3.3).
 */
export function suffices(stored: StoredResponse, request: RequestView, nowMs: number): boolean {
  if (stored.parts === null) return true;
  const asked = rangesOf(stored, request, nowMs);
  return asked.kind === "ranges" && asked.ranges.every((range) => stored.has(range));
}

/**
 * `cacheStatus` is our member of Cache-Status. Preconditions of the origin server are the caller's
 * to forward. The stored response suffices for the request.
 */
export function answerFrom(
  stored: StoredResponse,
  request: RequestView,
  cacheStatus: string,
  nowMs: number,
): Answer {
  const head = stored.head();
  const fields = withoutFields(head.fields, FRAMING);
  const extra = [
    "Age",
    String(stored.ageSeconds(nowMs)),
    "Cache-Status",
    stored.cacheStatus(cacheStatus),
  ];
  if (preconditionOf(stored, request.fields, nowMs) === "not_modified") {
    return notModified(stored, fields, extra);
  }
  const asked = rangesOf(stored, request, nowMs);
  if (asked.kind === "unsatisfiable") return unsatisfiable(stored, fields, extra);
  if (asked.kind === "ranges") return partial(stored, request, fields, extra, asked.ranges);
  return {
    head: { status: stored.status, reason: head.reason, fields: [...fields, ...extra] },
    content: request.method === "HEAD" ? [] : [stored.content],
    length: stored.contentLength,
  };
}

const FRAMING = new Set(["content-length"]);
const IGNORED: RangeRequest = { kind: "ignored" };

/** Representation metadata that a 304 should not repeat (RFC 9110 section 15.4.5). */
const NOT_IN_304 = new Set([
  "accept-ranges",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-range",
  "content-type",
]);

/** A client with If-Range has these already (RFC 9110 section 15.3.7). */
const NOT_AFTER_IF_RANGE = new Set([...NOT_IN_304, "last-modified"]);

/** What the request wants of the stored response's content, all of it where it is `ignored`. */
export function rangesOf(
  stored: StoredResponse,
  request: RequestView,
  nowMs: number,
): RangeRequest {
  if (request.method !== "GET" || stored.status !== 200) return IGNORED;
  const range = getField(request.fields, "range");
  if (range === undefined) return IGNORED;
  const ifRange = getField(request.fields, "if-range");
  if (ifRange !== undefined && !ifRangeHolds(ifRange, stored.metadata, nowMs)) return IGNORED;
  return parseRanges(range, stored.contentLength);
}

function notModified(stored: StoredResponse, fields: FieldLines, extra: FieldLines): Answer {
  const dropped =
    stored.metadata.etag === "" ? NOT_IN_304 : new Set([...NOT_IN_304, "last-modified"]);
  const kept = withoutFields(fields, dropped);
  const head = { status: 304, reason: "", fields: [...kept, ...extra] };
  return { head, content: [], length: stored.contentLength };
}

function partial(
  stored: StoredResponse,
  request: RequestView,
  fields: FieldLines,
  extra: FieldLines,
  ranges: readonly ByteRange[],
): Answer {
  const afterIfRange = getField(request.fields, "if-range") !== undefined;
  const kept = afterIfRange ? withoutFields(fields, NOT_AFTER_IF_RANGE) : fields;
  const [range] = ranges;
  if (range === undefined || ranges.length > 1) return several(stored, fields, kept, extra, ranges);
  const contentRange = contentRangeOf(range, stored.contentLength);
  return {
    head: { status: 206, reason: "", fields: [...kept, "Content-Range", contentRange, ...extra] },
    content: stored.slices(range),
    length: range.end - range.start,
  };
}

/** RFC 9110 section 15.3.7.2: the type is that of the parts, and each says its range. */
function several(
  stored: StoredResponse,
  fields: FieldLines,
  kept: FieldLines,
  extra: FieldLines,
  ranges: readonly ByteRange[],
): Answer {
  const { contentType, pieces, length } = multipartOf(
    {
      contentType: getField(fields, "content-type"),
      length: stored.contentLength,
      slices: (range) => stored.slices(range),
    },
    ranges,
  );
  const typed = [...withoutFields(kept, CONTENT_TYPE), "Content-Type", contentType];
  return {
    head: { status: 206, reason: "", fields: [...typed, ...extra] },
    content: pieces,
    length,
  };
}

const CONTENT_TYPE = new Set(["content-type"]);

function unsatisfiable(stored: StoredResponse, fields: FieldLines, extra: FieldLines): Answer {
  const kept = withoutFields(fields, NOT_AFTER_IF_RANGE);
  const contentRange = `bytes */${stored.contentLength}`;
  const head = {
    status: 416,
    reason: "",
    fields: [...kept, "Content-Range", contentRange, ...extra],
  };
  return { head, content: [], length: 0 };
}
