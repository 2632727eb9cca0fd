// Owns everything that is built from one validated config: clusters, routes and the app that routes
// to them. It is swapped as a whole; what it holds is retired when it is idle. Knows no sockets.

import { METHOD_GET, METHOD_HEAD } from "../../assembly/layout.ts";
import { KeyPlan } from "../cache/key-plan.ts";
import type { CacheMode } from "../cache/policy/freshness.ts";
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
import { tlsConfig } from "./upstream-tls.ts";

export interface Generation {
  readonly config: GatewayConfig;
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** Most specific first. */
  readonly routes: readonly Route[];
}

/** What outlives generations. */
export interface GenerationParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly io: OriginIo;
  /** Who is in the upstreams now; the config says who was at first. */
  readonly targets: TargetSets;
  /** Who hears what happens to an upstream. */
  readonly events: (upstream: string) => ClusterEvents;
}

export function buildGeneration(
  config: GatewayConfig,
  { clock, metrics, io, targets, events }: GenerationParts,
): Generation {
  const clusters = new Map<string, Cluster>();
  for (const [name, upstream] of config.upstreams) {
    const own = clusterConfig(upstream, targets.get(name) ?? [], config.shutdownGraceMs);
    const cluster = new Cluster(own, clock, io, { events: events(name) });
    clusters.set(name, cluster);
  }
  const destinationOf = destinations(config, clusters, metrics);
  const routes = config.routes.map((route): Route => {
    const destination = destinationOf(route.to);
    const own = route.fallback?.map((fallback) => buildFallback(fallback, destinationOf));
    return {
      ...destination,
      fallbacks: own ?? destination.fallbacks,
      config: route,
      caching: {
        mode: cacheMode(config, route),
        rules: hitRules(route, metrics),
        tags: route.cache.kind === "rules" ? route.cache.tags : [],
        keys: keyPlan(config, route),
        objectBytesMax: route.cache.kind === "rules" ? route.cache.objectBytesMax : null,
      },
      bypass: route.cache.kind === "rules" ? route.cache.bypass : null,
    };
  });
  return { config, clusters, routes };
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
 * Ends the clusters of a generation that serves no more: running exchanges first, then the pools.
 */
export async function retireGeneration(generation: Generation): Promise<void> {
  await Promise.all([...generation.clusters.values()].map((cluster) => cluster.close()));
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
  };
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
