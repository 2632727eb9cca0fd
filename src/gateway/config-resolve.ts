// Owns turning a valid config into a GatewayConfig: units to numbers, defaults filled in, routes
// sorted. Its input has passed the checks; a value that it cannot read is a programmer's mistake.
// Loads neither zod nor yaml.

import { resolve } from "node:path";
import type { EdgelaneConfig, EdgelaneRedis, EdgelaneRoute } from "./edgelane-config.ts";
import { parseByteRate } from "./config-units.ts";
import { defaultOf } from "./config-keys.ts";
import type * as resolved from "./gateway-config.ts";
import { parseAddress } from "./listen-address.ts";
import { resolveRouteCache } from "./config-resolve-cache.ts";
import { readRedisUrl } from "./redis-address.ts";
import { resolveFallback, resolveUpstream } from "./config-resolve-upstreams.ts";
import {
  duration,
  known,
  lower,
  number,
  offOr,
  present,
  ratioOrOff,
  seconds,
  size,
  text,
  word,
} from "./config-values.ts";
import { compareSpecificity, parseMatch } from "./route-match.ts";

export interface ResolveContext {
  readonly file: string | null;
  /** What relative file names in the config are relative to. */
  readonly directory: string;
  /** Memory that this process may use. */
  readonly memoryBytes: number;
  readonly warnings: readonly string[];
}

/** Kestrel's grace: a client may take this long to get going before its rate counts. */
const BODY_RATE_GRACE_MS = 5000;
/** The default L1 never takes more than this share of the machine. */
const MEMORY_SHARE = 0.25;

/** Builds the config that a generation is made of. */
export function resolveValid(
  config: EdgelaneConfig,
  context: ResolveContext,
): resolved.GatewayConfig {
  const upstreams = Object.entries(config.upstreams).map(([name, upstream]) => {
    return [name, resolveUpstream(name, upstream, context.directory, config.zone)] as const;
  });
  return {
    file: context.file,
    listen: present(config.listen ?? [text("listen[]", undefined)]).map(resolveListen),
    admin: resolveAdmin(config.admin),
    workers: resolveWorkers(config.workers),
    trust: present(config.trust ?? []),
    health: offOr(text("health", config.health)),
    zone: config.zone ?? null,
    upstreams: new Map(upstreams),
    dns: resolveDns(config.dns ?? {}),
    cache: resolveCache(config.cache ?? {}, context),
    routes: resolveRoutes(config, context.directory),
    limits: resolveLimits(config.limits ?? {}),
    shed: resolveShed(config.limits ?? {}, context.memoryBytes),
    log: resolveLog(config.log ?? {}, context.directory),
    shutdownGraceMs: duration("shutdown.grace", config.shutdown?.grace),
    warnings: context.warnings,
  };
}

function resolveListen(
  listen: NonNullable<EdgelaneConfig["listen"]>[number],
): resolved.ListenAddress {
  return address(typeof listen === "string" ? listen : listen.address);
}

function resolveAdmin(admin: EdgelaneConfig["admin"]): resolved.AdminConfig | null {
  if (admin === "off") return null;
  const listen = text("admin.listen", admin?.listen);
  if (listen === "off") return null;
  return { address: address(listen), token: admin?.token ?? null };
}

function resolveWorkers(written: EdgelaneConfig["workers"]): number | "auto" {
  const workers = written ?? defaultOf("workers");
  return workers === "auto" ? workers : Number(workers);
}

function resolveDns(dns: NonNullable<EdgelaneConfig["dns"]>): resolved.DnsConfig | null {
  if (dns === "off") return null;
  return {
    servers: present(dns.servers ?? []),
    family: word("dns.family", dns.family),
    timeoutMs: duration("dns.timeout", dns.timeout),
    ttlMsMin: duration("dns.minTtl", dns.minTtl),
    ttlMsMax: duration("dns.maxTtl", dns.maxTtl),
    retryMs: duration("dns.retry", dns.retry),
  };
}

function resolveCache(
  cache: NonNullable<EdgelaneConfig["cache"]>,
  { directory, memoryBytes }: ResolveContext,
): resolved.CacheConfig {
  const standard = Math.min(
    size("cache.memory", undefined),
    Math.floor(memoryBytes * MEMORY_SHARE),
  );
  const memoryBytesMax =
    cache.memory === undefined ? standard : cache.memory === "off" ? 0 : size("", cache.memory);
  const objectBytesMax = Math.min(size("cache.objectMax", cache.objectMax), memoryBytesMax);
  return {
    memoryBytesMax,
    objectBytesMax,
    coalesce: cache.coalesce ?? defaultOf("cache.coalesce") === true,
    variantsMax: number("cache.variants", cache.variants),
    heuristicRatio: ratioOrOff(text("cache.heuristic", cache.heuristic)),
    heuristicSecondsMax: seconds(text("cache.heuristicMax", cache.heuristicMax)),
    targetedFields: present(cache.targets ?? [text("cache.targets[]", undefined)]).map(lower),
    redis: cache.redis === undefined ? null : resolveRedis(cache.redis, directory),
  };
}

function resolveRedis(written: string | EdgelaneRedis, directory: string): resolved.RedisConfig {
  const redis: EdgelaneRedis = typeof written === "string" ? { url: written } : written;
  const reading = readRedisUrl(redis.url);
  if ("problem" in reading) throw new TypeError("not the URL of a Redis");
  const { address } = reading;
  return {
    ...address,
    password: redis.password ?? address.password,
    authorityFile: redis.ca === undefined ? null : resolve(directory, redis.ca),
    prefix: text("cache.redis.prefix", redis.prefix),
    hedgeMs: duration("cache.redis.hedge", redis.hedge),
    timeoutMs: duration("cache.redis.timeout", redis.timeout),
    queueBytesMax: size("cache.redis.queue", redis.queue),
  };
}

function resolveRoutes(config: EdgelaneConfig, directory: string): readonly resolved.RouteConfig[] {
  const only = Object.keys(config.upstreams)[0] ?? "";
  const written = config.routes ?? [{ match: "/*", to: only }];
  return written
    .map((route) => resolveRoute(route, directory))
    .sort((a, b) => compareSpecificity(a.match, b.match));
}

function resolveRoute(route: EdgelaneRoute, directory: string): resolved.RouteConfig {
  const result = parseMatch(route.match);
  if ("problem" in result) throw new TypeError("not a match");
  return {
    match: result.match,
    name: route.name ?? result.match.source,
    to: route.to,
    cache: resolveRouteCache(route.cache ?? word<"auto" | "off">("routes[].cache", undefined)),
    fallback: route.fallback === undefined ? null : resolveFallback(route.fallback, directory),
    priority: word("routes[].priority", route.priority),
    timing: route.timing ?? defaultOf("routes[].timing") === true,
    use: present(route.use ?? []),
  };
}

function resolveLimits(limits: NonNullable<EdgelaneConfig["limits"]>): resolved.LimitsConfig {
  const body = text("limits.body", limits.body);
  const rate = text("limits.bodyRate", limits.bodyRate);
  return {
    bodyBytesMax: body === "off" ? Number.POSITIVE_INFINITY : size("", body),
    headTimeoutMs: duration("limits.headTimeout", limits.headTimeout),
    idleTimeoutMs: duration("limits.idleTimeout", limits.idleTimeout),
    bodyStallMs: duration("limits.bodyStall", limits.bodyStall),
    bodyBytesPerSecondMin: rate === "off" ? 0 : known(parseByteRate(rate)),
    bodyRateGraceMs: BODY_RATE_GRACE_MS,
    drainBytesMax: size("limits.drain", limits.drain),
    sendStallMs: duration("limits.sendStall", limits.sendStall),
    requestsPerConnectionMax: number("limits.requests", limits.requests),
    connectionsMax: number("limits.connections", limits.connections),
  };
}

function resolveShed(
  limits: NonNullable<EdgelaneConfig["limits"]>,
  memoryBytes: number,
): resolved.ShedConfig {
  return {
    delayMsMax: duration("limits.loopDelay", limits.loopDelay),
    memoryShareMax: ratioOrOff(text("limits.memory", limits.memory)),
    memoryBytes,
  };
}

function resolveLog(
  log: NonNullable<EdgelaneConfig["log"]>,
  directory: string,
): resolved.LogConfig {
  const access = text("log.access", log.access);
  const level = word("log.level", log.level);
  if (access === "off" || access === "stdout") return { level, access: { kind: access } };
  return { level, access: { kind: "file", path: resolve(directory, access) } };
}

function address(written: string): resolved.ListenAddress {
  return known(parseAddress(written)).address;
}
