// Owns the answer to "what becomes of this request, and why": route, cache key, the cache's rules
// in their order, what is stored, and the origin targets. Asks the same functions that serve,
// changes nothing, and sends nothing.

import type { Cache } from "../cache/cache.ts";
import { bypassRule, lookupRule } from "../cache/lookup-rule.ts";
import { type CacheKey, keyOfTarget } from "../cache/key.ts";
import type { RouteCaching } from "../cache/forward.ts";
import { requestDirectives } from "../cache/policy/directives.ts";
import { RULES, type RuleName } from "../cache/policy/rules.ts";
import { Trace, type TraceStep } from "../cache/policy/trace.ts";
import { selectingFields } from "../cache/policy/vary.ts";
import type { StoredResponse } from "../cache/stored-response.ts";
import type { Core } from "../core/core.ts";
import { getField } from "../http/fields.ts";
import type { RequestHead } from "../http/message.ts";
import { asLookedUp, isBypassed, mayBeStored } from "./cached-request.ts";
import type { UpstreamConfig } from "./gateway-config.ts";
import type { Route } from "./route.ts";
import { routeOf } from "./route-lookup.ts";

export interface Explanation {
  readonly method: string;
  readonly url: string;
  /** Nothing is known of what is stored, nor of health: only a config was asked. */
  readonly live: boolean;
  /** null: no route matches, or the gateway answers itself. */
  readonly route: ExplainedRoute | null;
  /** Routes that match too, less specifically. */
  readonly otherRoutes: readonly ExplainedRoute[];
  readonly key: ExplainedKey | null;
  readonly cache: ExplainedCache | null;
  readonly upstream: ExplainedUpstream | null;
}

export interface ExplainedRoute {
  readonly name: string;
  readonly match: string;
  readonly to: string;
}

export interface ExplainedKey {
  readonly uri: string;
  /** 128 bits, hexadecimal. */
  readonly hash: string;
  /** Request fields that select among the responses of the URI, with the values of this request. */
  readonly selectedBy: Readonly<Record<string, string | null>>;
  /** What of this request is not in the key, and does not reach the origin. */
  readonly strippedParameters: readonly string[];
  readonly strippedFields: readonly string[];
}

export interface ExplainedCache {
  readonly verdict: "use" | "use_and_validate" | "forward" | "bypass" | "refuse";
  readonly rule: RuleName;
  readonly section: string;
  readonly text: string;
  /** All rules in the order in which they were asked; the last one decided. */
  readonly steps: readonly TraceStep[];
  /** The first place where something was found. */
  readonly tier: "l1" | null;
  readonly stored: ExplainedStored | null;
  /** What would be stored of the route's responses, and for how long. */
  readonly storing: readonly string[];
  readonly wouldChange: readonly string[];
}

export interface ExplainedStored {
  readonly status: number;
  readonly ageSeconds: number;
  readonly contentBytes: number;
  readonly freshnessRule: RuleName;
  readonly freshUntil: string;
  /** Until then it is used while it is validated. */
  readonly staleWhileRevalidateUntil: string;
  /** Until then it stands in for an origin that fails. */
  readonly staleIfErrorUntil: string;
}

export interface ExplainedUpstream {
  readonly name: string;
  readonly balance: string;
  readonly targets: readonly unknown[];
  readonly pool: UpstreamConfig["pool"];
  readonly timeout: UpstreamConfig["timeout"];
  readonly retry: UpstreamConfig["retry"];
}

export interface ExplainParts {
  readonly routes: readonly Route[];
  readonly health: string | null;
  readonly core: Core;
  readonly cache: Cache;
  readonly nowMs: number;
  readonly live: boolean;
}

/** Explains a request from a client that is not trusted. */
export function explain(request: RequestHead, parts: ExplainParts): Explanation {
  const { routes, health, live } = parts;
  const route = routeOf(request, routes, health);
  const others = routes.filter((one) => {
    return one !== route && routeOf(request, [one], null) !== null;
  });
  const url = `${request.scheme}://${request.authority}${request.path}`;
  const base = { method: request.method, url, live };
  if (route === null) {
    return { ...base, route, otherRoutes: [], key: null, cache: null, upstream: null };
  }
  const caches = mayBeStored(request, route);
  const form = caches ? asLookedUp(request, route, false) : request;
  const { core } = parts;
  const key = caches ? keyOfTarget(core, form.scheme, form.authority, form.path) : undefined;
  return {
    ...base,
    route: explainRoute(route),
    otherRoutes: others.map(explainRoute),
    key: key === undefined ? null : explainKey(key, request, form, route.caching, parts.cache),
    cache: explainCache(request, form, key ?? null, route, parts),
    upstream: explainUpstream(route),
  };
}

function explainRoute({ config }: Route): ExplainedRoute {
  return { name: config.name, match: config.match.source, to: config.to };
}

function explainKey(
  key: CacheKey,
  request: RequestHead,
  form: RequestHead,
  { keys }: RouteCaching,
  cache: Cache,
): ExplainedKey {
  const newest = cache.store.peek(key)?.variants[0]?.selecting.map((field) => field.name) ?? [];
  const names = [...new Set([...newest, ...(keys?.fields ?? [])])];
  const selecting = selectingFields(names, form.fields);
  const words = [key.h0, key.h1, key.h2, key.h3].map((word) =>
    (word >>> 0).toString(16).padStart(8, "0"),
  );
  return {
    uri: key.uri,
    hash: words.join(""),
    selectedBy: Object.fromEntries(selecting.map(({ name, value }) => [name, value])),
    strippedParameters: keys?.strippedParameters(request.path) ?? [],
    strippedFields: fieldNames(request).filter(
      (name) => getField(form.fields, name) !== getField(request.fields, name),
    ),
  };
}

function fieldNames({ fields }: RequestHead): string[] {
  const names = fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  return [...new Set(names)];
}

function explainCache(
  request: RequestHead,
  form: RequestHead,
  key: CacheKey | null,
  route: Route,
  { cache, nowMs, live }: ExplainParts,
): ExplainedCache {
  const trace = new Trace();
  const { caching, bypass } = route;
  const decide = (
    verdict: ExplainedCache["verdict"],
    rule: RuleName,
    stored: StoredResponse | null,
  ): ExplainedCache => {
    trace.decided(rule);
    return {
      verdict,
      rule,
      ...RULES[rule],
      steps: trace.steps,
      tier: stored === null ? null : "l1",
      stored: stored === null ? null : explainStored(stored, nowMs),
      storing: explainStoring(caching),
      wouldChange: wouldChange(rule, live),
    };
  };
  if (bypass !== null && isBypassed(request, bypass)) return decide("bypass", "route_bypass", null);
  const bypassed = bypassRule(form, key, caching, trace);
  if (bypassed !== undefined || key === null)
    return decide("bypass", bypassed ?? "route_off", null);
  const directives = requestDirectives(form.fields);
  const entry = cache.store.peek(key);
  const { verdict, rule, stored } = lookupRule(form, directives, entry, nowMs, trace);
  if (verdict === "use" || verdict === "use_and_validate") return decide(verdict, rule, stored);
  if (!directives.onlyIfCached) return decide("forward", rule, stored);
  trace.passed(rule);
  return decide("refuse", "request_only_if_cached", stored);
}

function explainStored(stored: StoredResponse, nowMs: number): ExplainedStored {
  const { metadata } = stored;
  const endMs = metadata.bornMs + metadata.lifetimeSeconds * 1000;
  const at = (seconds: number): string => new Date(endMs + seconds * 1000).toISOString();
  return {
    status: stored.status,
    ageSeconds: stored.ageSeconds(nowMs),
    contentBytes: stored.contentLength,
    freshnessRule: metadata.freshnessRule,
    freshUntil: at(0),
    staleWhileRevalidateUntil: at(metadata.staleWhileRevalidateSeconds),
    staleIfErrorUntil: at(metadata.staleIfErrorSeconds),
  };
}

function explainStoring({ mode, objectBytesMax }: RouteCaching): string[] {
  if (mode.kind === "off") return ["nothing: the route does not cache"];
  if (mode.kind === "auto") return ["as the origin says (RFC 9111 3 and 4.2)"];
  const { ttlSeconds, statusSeconds, staleSeconds, ttlSecondsMax } = mode;
  const byStatus = [...(statusSeconds ?? [])].map(([status, seconds]) => {
    return seconds === 0 ? `${status}: never` : `${status}: ${seconds} s`;
  });
  return [
    ...byStatus,
    ttlSeconds === null ? "others: as the origin says" : `others that may be: ${ttlSeconds} s`,
    ...(ttlSecondsMax === undefined ? [] : [`at most ${ttlSecondsMax} s of what the origin says`]),
    ...(staleSeconds === null ? [] : [`${staleSeconds} s longer while stale`]),
    ...(objectBytesMax === null ? [] : [`at most ${objectBytesMax} bytes`]),
    "never: no-store, private, Authorization that is not allowed, Set-Cookie without a lifetime",
  ];
}

/** What the reader can do about a verdict, where there is something. */
const CHANGES: Partial<Record<RuleName, readonly string[]>> = {
  route_off: ["cache: auto, or a ttl, on the route"],
  route_bypass: ["the request without what routes[].cache.bypass names"],
  method: ["GET or HEAD"],
  request_content: ["the request without content"],
  uri_miss: ["a response that is stored, by the next request"],
  partial_miss: ["a range that is stored", "a response with all of it, by the next request"],
  vary_miss: ["a request with the values that a stored response was selected by"],
  fresh: ["a purge", "Cache-Control: no-cache in the request", "the end of its lifetime"],
  stale: ["stale-while-revalidate of the origin, or `stale` of the route"],
  stale_while_revalidate: ["the validation that it causes"],
  request_no_cache: ["the request without Cache-Control: no-cache"],
  request_pragma: ["the request without Pragma"],
  request_max_age: ["a larger max-age in the request"],
  request_min_fresh: ["a smaller min-fresh in the request"],
  request_only_if_cached: ["the request without only-if-cached"],
  response_no_cache: ["a response without no-cache"],
  precondition: ["the request without If-Match and If-Unmodified-Since"],
};

function wouldChange(rule: RuleName, live: boolean): readonly string[] {
  const changes = CHANGES[rule] ?? [];
  const isAboutStore = rule === "uri_miss" && !live;
  return isAboutStore ? [...changes, "--live: what is stored now is not known here"] : changes;
}

/** Health and limits of the targets; what a cluster comes to know of them is added here. */
function explainUpstream({ upstream, cluster }: Route): ExplainedUpstream {
  const { name, balance, pool, timeout, retry } = upstream;
  const targets = cluster
    .targets()
    .map(({ target, weight, backup, ejected, inFlight, queued }) => ({
      target,
      weight,
      backup,
      ejected,
      inFlight,
      queued,
    }));
  return { name, balance, targets, pool, timeout, retry };
}
