// Owns everything that is built from one validated config: clusters, routes and the app that routes
// to them. It is swapped as a whole; what it holds is retired when it is idle. Knows no sockets.

import { isDeepStrictEqual } from "node:util";
import { METHOD_GET, METHOD_HEAD } from "../../assembly/layout.ts";
import { KeyPlan } from "../cache/key-plan.ts";
import type { CacheMode } from "../cache/policy/freshness.ts";
import { retire } from "../cache/reconfigure.ts";
import type { HitRules } from "../cache/stored-response.ts";
import type { Clock } from "../clock.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ClusterEvents } from "../upstream/balancer.ts";
import { Cluster } from "../upstream/cluster.ts";
import { CLUSTER_DEFAULTS, type ClusterConfig } from "../upstream/cluster-config.ts";
import type { TargetConfig } from "../upstream/target.ts";
import type { OriginIo } from "../upstream/origin-io.ts";
import { buildFallback, type Destination } from "./fallback.ts";
import type { GatewayConfig, RouteConfig, UpstreamConfig } from "./gateway-config.ts";
import type { Route } from "./route.ts";
import type { TargetSets } from "./target-registry.ts";
import { TrustNetwork } from "./trust-network.ts";
import { tlsConfig } from "./upstream-tls.ts";

export interface Generation {
  readonly config: GatewayConfig;
  readonly trust: TrustNetwork;
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** Most specific first. */
  readonly routes: readonly Route[];
  /** Gives its clusters what they have of the generation before; to be called when it serves. */
  settle(): void;
}

/** What outlives generations. */
export interface GenerationParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly io: OriginIo;
  /** Who hears what happens to an upstream. */
  readonly events: (upstream: string) => ClusterEvents;
}

/**
 * `targets`: who is in the upstreams now; the config says who was at first. Upstreams that are as
 * they were in `previous` are the same clusters, with their connections and health, and have these
 * targets once `settle` is called. Throws for files that cannot be read.
 */
export function buildGeneration(
  config: GatewayConfig,
  targets: TargetSets,
  parts: GenerationParts,
  previous: Generation | null = null,
): Generation {
  const { metrics } = parts;
  const { clusters, settle } = buildClusters(config, targets, parts, previous);
  const keepsRoutes = previous !== null && routesAlike(config, previous.config);
  const destinationOf = destinations(config, clusters, metrics);
  const routes = config.routes.map((route, index): Route => {
    const destination = destinationOf(route.to);
    const own = route.fallback?.map((fallback) => buildFallback(fallback, destinationOf));
    return {
      ...destination,
      fallbacks: own ?? destination.fallbacks,
      config: route,
      caching: {
        mode: cacheMode(config, route),
        rules: (keepsRoutes && previous.routes[index]?.caching.rules) || hitRules(route, metrics),
        tags: route.cache.kind === "rules" ? route.cache.tags : [],
        keys: keyPlan(config, route),
        objectBytesMax: route.cache.kind === "rules" ? route.cache.objectBytesMax : null,
      },
      bypass: route.cache.kind === "rules" ? route.cache.bypass : null,
    };
  });
  return { config, trust: new TrustNetwork(config.trust), clusters, routes, settle };
}

function buildClusters(
  config: GatewayConfig,
  targets: TargetSets,
  { clock, io, events }: GenerationParts,
  previous: Generation | null,
): Pick<Generation, "clusters" | "settle"> {
  const clusters = new Map<string, Cluster>();
  const steps: (() => void)[] = [];
  for (const [name, upstream] of config.upstreams) {
    const wanted = clusterConfig(upstream, targets.get(name) ?? [], config.shutdownGraceMs);
    const known = previous?.clusters.get(name);
    if (known !== undefined && settingsAlike(known.config, wanted)) {
      clusters.set(name, known);
      steps.push(known.prepare(wanted.targets));
      continue;
    }
    const cluster = new Cluster(wanted, clock, io, { events: events(name) });
    if (known !== undefined) steps.push(() => cluster.inherit(known));
    clusters.set(name, cluster);
  }
  const settle = (): void => {
    for (const step of steps) step();
  };
  return { clusters, settle };
}

/** Nothing but the targets, which can be changed, makes a difference. */
function settingsAlike(one: ClusterConfig, other: ClusterConfig): boolean {
  return isDeepStrictEqual({ ...one, targets: [] }, { ...other, targets: [] });
}

/** Each upstream once, with its fallbacks; `check` has seen to it that they make no circle. */
function destinations(
  config: GatewayConfig,
  clusters: ReadonlyMap<string, Cluster>,
  metrics: Metrics,
): (name: string) => Destination {
  const known = new Map<string, Destination>();
  const destinationOf = (name: string): Destination => {
    const cluster = clusters.get(name);
    const upstream = config.upstreams.get(name);
    if (cluster === undefined || upstream === undefined) {
      throw new Error(`validation let a name pass that is no upstream: "${name}"`);
    }
    const built = known.get(name) ?? {
      upstream,
      cluster,
      upstreamRow: metrics.upstream(name),
      fallbacks: upstream.fallback.map((fallback) => buildFallback(fallback, destinationOf)),
    };
    known.set(name, built);
    return built;
  };
  return destinationOf;
}

/**
 * Ends what of a generation the next one does not have, null for none: hits by its routes, and its
 * clusters, where running exchanges finish first. For as long as they take, if there is a next one.
 */
export async function retireGeneration(
  generation: Generation,
  next: Generation | null = null,
): Promise<void> {
  const kept = new Set(next?.routes.map((route) => route.caching.rules));
  for (const { caching } of generation.routes) if (!kept.has(caching.rules)) retire(caching.rules);
  const drainMs = next === null ? undefined : Number.POSITIVE_INFINITY;
  const stay = new Set(next?.clusters.values());
  const gone = [...generation.clusters.values()].filter((cluster) => !stay.has(cluster));
  await Promise.all(gone.map((cluster) => cluster.close(drainMs)));
}

/** What is on its way for a request of one may answer a request of the other. */
export function haveSameRules(one: Generation, other: Generation): boolean {
  return one.routes.every(({ caching }, index) => {
    return caching.rules === other.routes[index]?.caching.rules;
  });
}

/** Every request has the route that it had, and every hit is counted and answered as it was. */
function routesAlike(one: GatewayConfig, other: GatewayConfig): boolean {
  const { routes, trust, health } = one;
  return isDeepStrictEqual(
    { routes, trust, health },
    { routes: other.routes, trust: other.trust, health: other.health },
  );
}

/** Without memory nothing is cached, whatever a route says. */
function cacheMode(config: GatewayConfig, { cache }: RouteConfig): CacheMode {
  if (config.cache.memoryBytesMax === 0) return { kind: "off" };
  if (cache.kind !== "rules") return cache;
  const { ttlSeconds, statusSeconds, staleSeconds, ttlSecondsMax } = cache;
  const rules = { kind: "ttl" as const, ttlSeconds, statusSeconds, staleSeconds };
  return ttlSecondsMax === null ? rules : { ...rules, ttlSecondsMax };
}

/** What trusted proxies say of the URI reaches the origin, so it belongs to what is stored. */
function keyPlan(config: GatewayConfig, { cache }: RouteConfig): KeyPlan | null {
  const forwarding = config.trust.length > 0 ? ("believed" as const) : ("ignored" as const);
  const rules = cache.kind === "rules" ? cache.key : KEY_AS_SENT;
  const { query, headers, cookies } = rules;
  const isAsSent = query.kind === "all" && !query.sort && headers.length === 0 && cookies === null;
  return isAsSent && forwarding === "ignored" ? null : new KeyPlan({ ...rules, forwarding });
}

const KEY_AS_SENT = {
  query: { kind: "all" as const, names: [], sort: false },
  headers: [],
  cookies: null,
};

function hitRules(route: RouteConfig, metrics: Metrics): HitRules {
  return {
    endpoint: route.name,
    getRow: metrics.route(route.name, METHOD_GET),
    headRow: metrics.route(route.name, METHOD_HEAD),
    plain: route.use.length === 0 && !route.timing && !bypasses(route),
    isRetired: false,
    source: sourceOf(route),
  };
}

/** An upstream is known by its name: with other targets it is the same service. */
function sourceOf({ to, cache }: RouteConfig): string {
  return JSON.stringify([to, cache], (_key, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...value] : value,
  );
}

function bypasses({ cache }: RouteConfig): boolean {
  return cache.kind === "rules" && cache.bypass !== null;
}

function clusterConfig(
  upstream: UpstreamConfig,
  targets: readonly TargetConfig[],
  drainMs: number,
): ClusterConfig {
  const { pool, timeout, retry, eject, breaker, rise, fall, slowStartMs, panicShare } = upstream;
  return {
    ...CLUSTER_DEFAULTS,
    name: upstream.name,
    targets,
    balance: upstream.balance,
    adaptive: upstream.adaptive,
    pool: {
      ...CLUSTER_DEFAULTS.pool,
      connections: pool.connectionsMax,
      queue: pool.queueMax,
      queueTimeoutMs: pool.queueTimeoutMs,
      keepAliveMs: pool.keepAliveMs,
      ageMaxMs: pool.ageMaxMs,
      requestsMax: pool.requestsMax,
    },
    tls: tlsConfig(upstream.tls),
    protocol: upstream.protocol,
    timeouts: {
      ...CLUSTER_DEFAULTS.timeouts,
      connectMs: timeout.connectMs,
      headersMs: timeout.headersMs,
      idleMs: timeout.idleMs,
      totalMs: timeout.totalMs,
    },
    retry: {
      ...CLUSTER_DEFAULTS.retry,
      attempts: retry.attemptsMax,
      when: retry.when,
      backoffMs: retry.backoffMs,
      waitMsMax: retry.waitMsMax,
      bufferBytesMax: retry.bufferBytesMax,
      budgetShare: retry.budgetRatio,
    },
    hedge: upstream.hedge,
    limit: upstream.concurrency,
    eject,
    breaker,
    probes: { rise, fall },
    slowStartMs,
    panicShare,
    stickySecrets: upstream.sticky?.secrets ?? [],
    drainMs,
  };
}
