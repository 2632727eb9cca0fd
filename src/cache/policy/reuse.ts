// Owns whether a stored response answers a request now (RFC 9111 sections 4, 4.2.4 and 5.2.1, RFC
// 5861). Pure, and a few comparisons: the verdicts are constants.

import type { RequestDirectives } from "./directives.ts";
import type { StoredMetadata } from "./metadata.ts";
import type { RuleName } from "./rules.ts";
import type { Trace } from "./trace.ts";

export interface Reuse {
  readonly verdict:
    | "use"
    /** Use it, and validate it meanwhile. */
    | "use_and_validate"
    | "validate";
  readonly rule: RuleName;
}

export function reuse(
  metadata: StoredMetadata,
  request: RequestDirectives,
  nowMs: number,
  trace?: Trace,
): Reuse {
  if (request.noCache) return request.pragma ? VALIDATE_PRAGMA : VALIDATE_REQUEST_NO_CACHE;
  trace?.passed("request_no_cache");
  if (metadata.noCache) return VALIDATE_RESPONSE_NO_CACHE;
  trace?.passed("response_no_cache");
  const ageMs = Math.max(0, nowMs - metadata.bornMs);
  const freshForMs = metadata.lifetimeSeconds * 1000 - ageMs;
  if (request.maxAge !== undefined && ageMs > request.maxAge * 1000) return VALIDATE_MAX_AGE;
  trace?.passed("request_max_age");
  if (request.minFresh !== undefined && freshForMs < request.minFresh * 1000) {
    return VALIDATE_MIN_FRESH;
  }
  trace?.passed("request_min_fresh");
  if (freshForMs > 0) return USE_FRESH;
  trace?.passed("fresh");
  if (isAcceptedStale(metadata, request, -freshForMs)) return USE_MAX_STALE;
  trace?.passed("request_max_stale");
  // A client that set a bound to the age wants nothing stale, unless it says so (RFC 9111 section
  // 5.2.1.1).
  const wantsFresh = request.maxAge !== undefined || request.minFresh !== undefined;
  if (!wantsFresh && -freshForMs < metadata.staleWhileRevalidateSeconds * 1000) {
    return USE_WHILE_REVALIDATING;
  }
  trace?.passed("stale_while_revalidate");
  return VALIDATE_STALE;
}

/**
 * The origin server failed: the rule by which the stored response stands in, undefined where it may
 * not. `disconnectedSeconds` is how long past its lifetime it may when the origin server cannot be
 * reached at all (RFC 9111 section 4.2.4); 0 for an error that it answered itself.
 */
export function standInRule(
  metadata: StoredMetadata,
  request: RequestDirectives,
  nowMs: number,
  disconnectedSeconds: number,
): "stale_if_error" | "disconnected" | undefined {
  if (request.noCache || metadata.noCache) return undefined;
  const ageMs = Math.max(0, nowMs - metadata.bornMs);
  if (request.maxAge !== undefined && ageMs > request.maxAge * 1000) return undefined;
  const staleForMs = ageMs - metadata.lifetimeSeconds * 1000;
  if (staleForMs < metadata.staleIfErrorSeconds * 1000) return "stale_if_error";
  if (metadata.mustRevalidate) return undefined;
  return staleForMs < disconnectedSeconds * 1000 ? "disconnected" : undefined;
}

/** Responses that count as a failure of the origin server (RFC 5861 section 4). */
export function isOriginFailure(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}

function isAcceptedStale(
  metadata: StoredMetadata,
  request: RequestDirectives,
  staleForMs: number,
): boolean {
  if (request.maxStale === undefined || metadata.mustRevalidate) return false;
  return staleForMs <= request.maxStale * 1000;
}

const USE_FRESH: Reuse = { verdict: "use", rule: "fresh" };
const USE_MAX_STALE: Reuse = { verdict: "use", rule: "request_max_stale" };
const USE_WHILE_REVALIDATING: Reuse = {
  verdict: "use_and_validate",
  rule: "stale_while_revalidate",
};
const VALIDATE_REQUEST_NO_CACHE: Reuse = { verdict: "validate", rule: "request_no_cache" };
const VALIDATE_PRAGMA: Reuse = { verdict: "validate", rule: "request_pragma" };
const VALIDATE_RESPONSE_NO_CACHE: Reuse = { verdict: "validate", rule: "response_no_cache" };
const VALIDATE_MAX_AGE: Reuse = { verdict: "validate", rule: "request_max_age" };
const VALIDATE_MIN_FRESH: Reuse = { verdict: "validate", rule: "request_min_fresh" };
const VALIDATE_STALE: Reuse = { verdict: "validate", rule: "stale" };
