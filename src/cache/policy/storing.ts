// Owns whether a response is stored, and which of its field lines (RFC 9111 sections 3, 3.1, 3.3
// and 3.5). Pure.

import { formatHttpDate, parseHttpDate } from "../../http/date.ts";
import { getField, hasField, withoutFields, withoutHopByHop } from "../../http/fields.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../../http/message.ts";
import { type ContentRange, parseContentRange } from "../../http/ranges.ts";
import { type ResponseDirectives, requestDirectives, responseDirectives } from "./directives.ts";
import {
  type CacheMode,
  type ExchangeTimes,
  type FreshnessOptions,
  freshnessLifetime,
  isHeuristicallyCacheable,
  metadataOf,
  routeLifetime,
} from "./freshness.ts";
import type { StoredMetadata } from "./metadata.ts";
import type { RuleName } from "./rules.ts";
import { hasTagFields, TAG_FIELDS } from "./tags.ts";
import type { Trace } from "./trace.ts";
import { varyNames } from "./vary.ts";

/** What a decision looks at of a request; the target URI only counts for POST. */
export type RequestView = Pick<RequestHead, "method" | "fields"> &
  Partial<Pick<RequestHead, "scheme" | "authority" | "path">>;

export type StoreDecision =
  | {
      readonly store: true;
      readonly rule: RuleName;
      readonly metadata: StoredMetadata;
      /** Field lines to store: end-to-end ones, with a Date. */
      readonly fields: readonly string[];
      readonly vary: readonly string[];
      /** Not null: the response is this part of the 200 that all else is about. */
      readonly part: ContentRange | null;
      /** Until when requests that come while it is on its way may have it (RFC 9111 section 4). */
      readonly shareableUntilMs: number;
    }
  | { readonly store: false; readonly rule: RuleName };

/** May the response to this request be stored, and what is then known of it? */
export function mayStore(
  request: RequestView,
  received: ResponseHead,
  times: ExchangeTimes,
  mode: CacheMode,
  options: FreshnessOptions,
  trace?: Trace,
): StoreDecision {
  if (mode.kind === "off") return refusal("route_off");
  trace?.passed("route_off");
  const part = received.status === 206 ? partOf(request, received) : null;
  if (part === undefined || received.status === 304) return refusal("partial_content");
  const head = part === null ? received : asWhole(received);
  const directives = responseDirectives(head.fields, options.targetedFields);
  trace?.passed("partial_content");
  for (const { rule, forbids } of PROHIBITIONS) {
    if (forbids(request, head, directives)) return refusal(rule);
    trace?.passed(rule);
  }
  const vary = varyNames(head.fields);
  if (vary === undefined) return refusal("vary_unmatchable");
  trace?.passed("vary_unmatchable");
  const own = freshnessLifetime(head, directives, times.responseMs, options);
  const byRoute = routeLifetime(mode, head.status);
  if (byRoute?.seconds === 0) return refusal("route_status");
  trace?.passed("route_status");
  const stated = own.explicit || directives.public || byRoute !== undefined;
  if (!stated && !isHeuristicallyCacheable(head.status)) return refusal("status_not_cacheable");
  trace?.passed("status_not_cacheable");
  if (request.method === "POST" && !own.explicit) return refusal("method");
  // A cookie made for one client is replayed to all only where the origin server itself stated how
  // long the response lives in caches (RFC 9111 section 7.3); neither a guess nor a route's ttl is
  // its word.
  if (hasField(head.fields, "set-cookie") && !own.explicit) return refusal("set_cookie");
  trace?.passed("set_cookie");
  const metadata = metadataOf(head, directives, times, mode, options);
  const usableUntilMs = metadata.bornMs + usableSeconds(metadata) * 1000;
  const hasValidator = metadata.etag !== "" || metadata.lastModified !== "";
  if (usableUntilMs <= times.responseMs && !hasValidator) return refusal("nothing_to_reuse");
  trace?.passed("nothing_to_reuse");
  return {
    store: true,
    rule: "stored",
    metadata,
    fields: storedFields(head.fields, directives.strippedFields, times.responseMs),
    vary,
    part,
    shareableUntilMs: shareableUntilMs(metadata),
  };
}

/**
 * The field lines that go into the store (RFC 9111 section 3.1), with a Date (RFC 9110 section
 * 6.6.1) and without tags, which are kept apart.
 */
export function storedFields(
  fields: FieldLines,
  stripped: readonly string[],
  responseMs: number,
): string[] {
  const kept = withoutHopByHop(fields);
  const date = getField(kept, "date");
  const hasDate = date !== undefined && !Number.isNaN(parseHttpDate(date, responseMs));
  const without = new Set(stripped);
  if (!hasDate) without.add("date");
  if (hasTagFields(kept)) for (const name of TAG_FIELDS) without.add(name);
  const result = without.size === 0 ? kept : withoutFields(kept, without);
  if (!hasDate || without.has("date")) result.push("Date", formatHttpDate(responseMs));
  return result;
}

/**
 * The one range that a 206 holds; undefined where it was not asked for, holds several, is of
 * another unit, or contradicts itself (RFC 9110 sections 14.4 and 15.3.7).
 */
function partOf(request: RequestView, head: ResponseHead): ContentRange | undefined {
  if (request.method !== "GET" || !hasField(request.fields, "range")) return undefined;
  const range = parseContentRange(getField(head.fields, "content-range") ?? "");
  if (range === undefined) return undefined;
  const length = getField(head.fields, "content-length");
  return length === undefined || Number(length) === range.end - range.start ? range : undefined;
}

/** "As if it were an incomplete 200 (OK) response" (RFC 9111 section 3.3). */
function asWhole(head: ResponseHead): ResponseHead {
  return { status: 200, reason: "", fields: withoutFields(head.fields, OF_PART) };
}

const OF_PART = new Set(["content-length", "content-range"]);

/**
 * Safe, and answered with content that is stored: GET, and QUERY where its content is in the key
 * (draft-ietf-httpbis-safe-method-w-body section 2.7).
 */
export function bringsContent(method: string): boolean {
  return method === "GET" || method === "QUERY";
}

/**
 * A GET with content: an origin server that heeds it makes a response that others must not get for
 * the same URI (RFC 9110 section 9.3.1).
 */
export function hasContent(requestFields: FieldLines): boolean {
  const length = getField(requestFields, "content-length");
  if (length !== undefined && length !== "0") return true;
  return hasField(requestFields, "transfer-encoding");
}

/**
 * The response to POST is what a GET of the same target would get: a 200 with that Content-Location
 * (RFC 9110 section 9.3.3). It must also state its freshness.
 */
function isRepresentation(request: RequestView, head: ResponseHead): boolean {
  if (request.method !== "POST" || head.status !== 200) return false;
  const location = getField(head.fields, "content-location");
  if (location === undefined || request.authority === undefined) return false;
  const target = URL.parse(`${request.scheme}://${request.authority}${request.path}`);
  return target !== null && URL.parse(location, target)?.href === target.href;
}

/** RFC 9111 section 3.5. */
function allowsAuthorized(directives: ResponseDirectives): boolean {
  return directives.public || directives.mustRevalidate || directives.sMaxAge !== undefined;
}

function usableSeconds(metadata: StoredMetadata): number {
  const { lifetimeSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds } = metadata;
  return lifetimeSeconds + Math.max(staleWhileRevalidateSeconds, staleIfErrorSeconds);
}

/** As long as it would be used from the store; 0 where each use needs a validation. */
function shareableUntilMs(metadata: StoredMetadata): number {
  if (metadata.noCache) return 0;
  const seconds = metadata.lifetimeSeconds + metadata.staleWhileRevalidateSeconds;
  return metadata.bornMs + seconds * 1000;
}

function refusal(rule: RuleName): StoreDecision {
  return { store: false, rule };
}

/**
 * They answer a precondition, a range, an expectation, or something else that the next request for
 * the URI need not have: stored, they would let one client take a page from all (RFC 9110 sections
 * 15.5.13, 15.5.17 and 15.5.18, RFC 6585 sections 3 to 6).
 */
const OF_ONE_REQUEST: ReadonlySet<number> = new Set([412, 416, 417, 428, 429, 431, 511]);

/** Final status codes whose caching RFC 9110 section 15 defines and this cache implements. */
const UNDERSTOOD_STATUS = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 421, 451, 500, 501,
  502, 503, 504,
]);

interface Prohibition {
  readonly rule: RuleName;
  readonly forbids: (
    request: RequestView,
    head: ResponseHead,
    directives: ResponseDirectives,
  ) => boolean;
}

/** What forbids storing, whatever the freshness: the first that holds decides. */
const PROHIBITIONS: readonly Prohibition[] = [
  {
    rule: "request_content",
    forbids: ({ method, fields }) => method === "GET" && hasContent(fields),
  },
  {
    rule: "method",
    forbids: (request, head) => {
      return !bringsContent(request.method) && !isRepresentation(request, head);
    },
  },
  { rule: "status_not_final", forbids: (_request, { status }) => status < 200 },
  { rule: "status_of_one_request", forbids: (_request, { status }) => OF_ONE_REQUEST.has(status) },
  {
    rule: "status_not_understood",
    forbids: (_request, { status }, { mustUnderstand }) => {
      return mustUnderstand && !UNDERSTOOD_STATUS.has(status);
    },
  },
  { rule: "cache_control_malformed", forbids: (_request, _head, { malformed }) => malformed },
  { rule: "request_no_store", forbids: ({ fields }) => requestDirectives(fields).noStore },
  {
    // must-understand lifts a no-store that is there for caches that do not know it (RFC 9111
    // section 5.2.2.3).
    rule: "response_no_store",
    forbids: (_request, _head, { noStore, mustUnderstand }) => noStore && !mustUnderstand,
  },
  { rule: "response_private", forbids: (_request, _head, directives) => directives.private },
  {
    rule: "authorization",
    forbids: ({ fields }, _head, directives) => {
      return hasField(fields, "authorization") && !allowsAuthorized(directives);
    },
  },
];
