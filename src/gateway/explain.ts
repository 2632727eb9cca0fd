// Owns the answer to "what becomes of this request, and why": route, cache key, what the cache
// decides, and the origin targets. Asks the same functions that serve, changes nothing, and sends
// nothing to an origin server.

import type { Cache } from "../cache/cache.ts";
import type { CacheInspector } from "../cache/cache-inspector.ts";
import { type CacheKey, keyOfTarget } from "../cache/key.ts";
import type { RouteCaching } from "../cache/forward.ts";
import { selectingFields } from "../cache/policy/vary.ts";
import type { Core } from "../core/core.ts";
import { getField } from "../http/fields.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { asLookedUp, mayBeStored } from "./cached-request.ts";
import { type ExplainedCache, explainCache } from "./explain-cache.ts";
import { type ExplainedStoring, explainStoring } from "./explain-storing.ts";
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
  /** Where no route matches: what would make one. */
  readonly hints: readonly string[];
  readonly key: ExplainedKey | null;
  readonly cache: ExplainedCache | null;
  /** What the route stores; of a response that was given, whether it is and for how long. */
  readonly storing: ExplainedStoring | null;
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

/**
 * Explains a request from a client that is not trusted; and of a `response`, whether it would be
 * stored.
 */
export async function explain(
  request: RequestHead,
  response: ResponseHead | null,
  parts: ExplainParts,
): Promise<Explanation> {
  const { routes, health, live, core, cache, nowMs } = parts;
  const route = routeOf(request, routes, health);
  const others = routes.filter((one) => {
    return one !== route && routeOf(request, [one], null) !== null;
  });
  const url = `${request.scheme}://${request.authority}${request.path}`;
  const base = { method: request.method, url, live };
  if (route === null) {
    const hints = hintsOf(request, routes, health);
    const nothing = { key: null, cache: null, storing: null, upstream: null };
    return { ...base, route, otherRoutes: [], hints, ...nothing };
  }
  const { inspector } = cache;
  const caches = mayBeStored(request, route);
  const form = caches ? asLookedUp(request, route, false) : request;
  // The content of a QUERY is in its key, and is not known here.
  const hasKey = caches && form.method !== "QUERY";
  const key = hasKey ? (keyOfTarget(core, form.scheme, form.authority, form.path) ?? null) : null;
  return {
    ...base,
    route: explainRoute(route),
    otherRoutes: others.map(explainRoute),
    hints: [],
    key: key === null ? null : explainKey(key, request, form, route.caching, inspector),
    cache: await explainCache({ request, form, key, route, inspector, nowMs, live }),
    storing: explainStoring({ request, form, response, route, inspector, nowMs }),
    upstream: explainUpstream(route),
  };
}

/** Which routes would match with another method or host. */
function hintsOf(request: RequestHead, routes: readonly Route[], health: string | null): string[] {
  const [path] = request.path.split("?");
  if (health !== null && path === health) {
    return ["the gateway answers it itself: `health` of the config"];
  }
  return routes.flatMap(({ config: { match, name } }) => {
    const route = routes.find((one) => one.config.name === name);
    const method = match.method ?? request.method;
    const otherMethod = { ...request, method };
    if (route === undefined) return [];
    if (routeOf(otherMethod, [route], null) !== null) return [`${method}: route ${name}`];
    if (match.host === null) return [];
    const { host } = match;
    const authority = host.kind === "exact" ? host.name : `any${host.suffix}`;
    const otherHost = { ...otherMethod, authority };
    return routeOf(otherHost, [route], null) === null ? [] : [`Host: ${authority}: route ${name}`];
  });
}

function explainRoute({ config }: Route): ExplainedRoute {
  return { name: config.name, match: config.match.source, to: config.to };
}

function explainKey(
  key: CacheKey,
  request: RequestHead,
  form: RequestHead,
  { keys }: RouteCaching,
  inspector: CacheInspector,
): ExplainedKey {
  const newest = inspector.entry(key)?.variants[0]?.selecting.map((field) => field.name) ?? [];
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
