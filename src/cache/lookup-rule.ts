// Owns what becomes of a request before anybody is asked: which stored response it selects, and by
// which rule that is used, validated or passed by (RFC 9111 section 4). Changes nothing, so that
// the cache decides with it and `explain` says with it what the cache would decide.

import type { RequestHead } from "../http/message.ts";
import { preconditionOf, suffices } from "./answer.ts";
import type { CacheEntry } from "./cache-entry.ts";
import type { ForwardReason } from "./cache-status.ts";
import type { RouteCaching } from "./forward.ts";
import type { CacheKey } from "./key.ts";
import type { RequestDirectives } from "./policy/directives.ts";
import { reuse } from "./policy/reuse.ts";
import type { RuleName } from "./policy/rules.ts";
import { hasContent } from "./policy/storing.ts";
import type { Trace } from "./policy/trace.ts";
import type { StoredResponse } from "./stored-response.ts";

/** Why a request does not even ask the cache; undefined where it does. */
export function bypassRule(
  request: RequestHead,
  key: CacheKey | null,
  caching: RouteCaching,
  trace?: Trace,
): "route_off" | "method" | "query_content" | "request_content" | undefined {
  const isQuery = request.method === "QUERY";
  if (caching.mode.kind === "off" || (key === null && !isQuery)) return "route_off";
  trace?.passed("route_off");
  if (isQuery) return key === null ? "query_content" : undefined;
  if (request.method !== "GET" && request.method !== "HEAD") return "method";
  trace?.passed("method");
  if (hasContent(request.fields)) return "request_content";
  trace?.passed("request_content");
  return undefined;
}

export interface LookupRule {
  /** `forward` may validate `stored`; `alone` has nothing to do with it. */
  readonly verdict: "use" | "use_and_validate" | "forward" | "alone";
  readonly rule: RuleName;
  readonly reason: ForwardReason;
  readonly stored: StoredResponse | null;
}

/** `entry`: what is stored for the key of the request. */
export function lookupRule(
  request: RequestHead,
  directives: RequestDirectives,
  entry: CacheEntry | undefined,
  nowMs: number,
  trace?: Trace,
): LookupRule {
  const stored = entry?.select(request.fields);
  if (stored === undefined) {
    return entry === undefined
      ? { verdict: "forward", rule: "uri_miss", reason: "uri-miss", stored: null }
      : { verdict: "forward", rule: "vary_miss", reason: "vary-miss", stored: null };
  }
  trace?.passed("uri_miss");
  trace?.passed("vary_miss");
  if (preconditionOf(stored, request.fields, nowMs) === "origin") {
    return { verdict: "alone", rule: "precondition", reason: "request", stored };
  }
  trace?.passed("precondition");
  if (!suffices(stored, request, nowMs)) {
    return { verdict: "forward", rule: "partial_miss", reason: "partial", stored };
  }
  if (stored.parts !== null) trace?.passed("partial_miss");
  const { verdict, rule } = reuse(stored.metadata, directives, nowMs, trace);
  const reason: ForwardReason = rule.startsWith("request") ? "request" : "stale";
  return { verdict: verdict === "validate" ? "forward" : verdict, rule, reason, stored };
}

/** What Cache-Status says of a request that the cache has no part in. */
export const BYPASS_REASONS = {
  query_content: "request",
  route_off: "bypass",
  method: "method",
  request_content: "request",
} as const;
