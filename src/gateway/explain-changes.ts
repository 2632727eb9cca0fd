// Owns what would change a decision of the cache: for each rule which field of the request, which
// directive of the response, which key of the config, or which moment. Pure.

import type { RuleName } from "../cache/policy/rules.ts";
import type { StoredMetadata } from "../cache/policy/metadata.ts";
import { hasCookie } from "../cache/key-plan.ts";
import { hasField } from "../http/fields.ts";
import type { RequestHead } from "../http/message.ts";
import type { Route } from "./route.ts";

/** What is known where a rule has decided. */
export interface Decided {
  readonly request: RequestHead;
  readonly route: Route;
  /** The stored response that it is about; null without one. */
  readonly metadata: StoredMetadata | null;
  /** Of every stored response of the key: what selects it. */
  readonly variants: readonly string[];
  readonly nowMs: number;
}

type Change = string | readonly string[] | ((decided: Decided) => string | readonly string[]);

const CHANGES: Partial<Record<RuleName, Change>> = {
  // Of a request.
  route_off: ({ route }) => `cache: auto, or cache: {ttl: 1m}, on route ${route.config.name}`,
  route_bypass: ({ request, route }) => `the request without ${bypassing(request, route)}`,
  method: ({ request }) => `GET or HEAD instead of ${request.method}`,
  request_content: "the request without content (Content-Length, Transfer-Encoding)",
  query_content: "at most 64 KiB of content, which explain does not see",
  uri_miss:
    "any response to this request that may be stored; --response says of one whether it may",
  partial_miss: "Range of what is stored, or a response with all of it, by the next request",
  vary_miss: ({ variants }) => variants.map((variant) => `the request with ${variant}: stored`),
  fresh: ({ request, metadata, nowMs }) => [
    `edgelane purge ${uriOf(request)}`,
    "Cache-Control: no-cache in the request: it is validated first",
    ...ofAge(
      metadata,
      nowMs,
      (age) => `Cache-Control: max-age=${age - 1} in the request: it is older`,
    ),
  ],
  second_tier: ({ request }) => [
    `edgelane purge ${uriOf(request)}`,
    "Cache-Control: no-cache in the request: it is validated first",
  ],
  stale: ({ metadata, nowMs, route }) => [
    ...(metadata?.mustRevalidate === true
      ? ["a response without must-revalidate, proxy-revalidate and s-maxage, and with a lifetime"]
      : [
          `cache: {stale: 1h} on route ${route.config.name}`,
          "stale-while-revalidate=3600 in Cache-Control of the response",
          ...ofStaleness(metadata, nowMs, (s) => `Cache-Control: max-stale=${s} in the request`),
        ]),
    "a larger max-age of the response, or ttl of the route",
  ],
  stale_while_revalidate: "the validation that it causes: then it is fresh",
  request_max_stale: "the request without max-stale: it is validated first",
  request_no_cache: "the request without Cache-Control: no-cache",
  request_pragma: "the request without Pragma: no-cache",
  request_max_age: ({ metadata, nowMs }) =>
    ofAge(metadata, nowMs, (age) => `Cache-Control: max-age=${age} or more in the request`),
  request_min_fresh: ({ metadata, nowMs }) =>
    ofStaleness(metadata, nowMs, (s) => `Cache-Control: min-fresh=${-s} or less in the request`),
  request_only_if_cached: "the request without only-if-cached: the origin server is asked",
  response_no_cache: "a response without Cache-Control: no-cache",
  precondition: ({ request }) => `the request without ${preconditions(request)}`,
  // Of a response.
  status_not_final: "a final status code",
  status_not_understood: "a response without must-understand",
  status_not_cacheable: ({ route }) => [
    "Cache-Control: max-age=60, or Expires, in the response",
    `cache: {status: {…}} on route ${route.config.name}`,
  ],
  partial_content:
    "the request without Range: whole responses are stored, and ranges cut from them",
  request_no_store: "the request without Cache-Control: no-store",
  response_no_store: "the response without Cache-Control: no-store",
  response_private: "the response without Cache-Control: private",
  authorization: [
    "public, s-maxage or must-revalidate in Cache-Control of the response",
    "the request without Authorization",
  ],
  vary_unmatchable: "the response with the names of the fields it varies by, instead of Vary: *",
  set_cookie: [
    "Cache-Control: max-age=60, or Expires, beside Set-Cookie: the origin's word for it",
    "the response without Set-Cookie",
  ],
  cache_control_malformed: "Cache-Control of the response as a list of directives (RFC 9111 5.2)",
  nothing_to_reuse: ({ route }) => [
    "Cache-Control: max-age=60, or Expires, in the response",
    "ETag or Last-Modified in the response: it is stored, and validated before each use",
    `cache: {ttl: 1m} on route ${route.config.name}`,
  ],
  route_status: ({ route }) => `cache.status of route ${route.config.name}: it says 0s, never`,
  stored: ({ request }) =>
    `no-store or private in the response, or edgelane purge ${uriOf(request)}`,
};

/** What would lead to another decision; empty where nothing would. */
export function wouldChange(rule: RuleName, decided: Decided): readonly string[] {
  const change = CHANGES[rule] ?? [];
  return [typeof change === "function" ? change(decided) : change].flat();
}

function uriOf({ scheme, authority, path }: RequestHead): string {
  return `${scheme}://${authority}${path}`;
}

function bypassing({ fields }: RequestHead, { bypass }: Route): string {
  const headers = (bypass?.headers ?? []).filter((name) => hasField(fields, name));
  const cookies = (bypass?.cookies ?? []).filter((name) => hasCookie(fields, [name]));
  return [...headers, ...cookies.map((name) => `cookie ${name}`)].join(", ");
}

function preconditions({ fields }: RequestHead): string {
  const names = ["If-Match", "If-Unmodified-Since"];
  return names.filter((name) => hasField(fields, name.toLowerCase())).join(" and ");
}

function ofAge(
  metadata: StoredMetadata | null,
  nowMs: number,
  text: (ageSeconds: number) => string,
): string[] {
  if (metadata === null) return [];
  const ageSeconds = Math.ceil((nowMs - metadata.bornMs) / 1000);
  return ageSeconds > 0 ? [text(ageSeconds)] : [];
}

/** Seconds past the end of the lifetime, rounded up; before it they are negative. */
function ofStaleness(
  metadata: StoredMetadata | null,
  nowMs: number,
  text: (seconds: number) => string,
): string[] {
  if (metadata === null) return [];
  return [text(Math.ceil((nowMs - metadata.bornMs) / 1000) - metadata.lifetimeSeconds)];
}
