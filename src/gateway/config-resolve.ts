// Owns turning a valid config into a GatewayConfig: units to numbers, defaults filled in, routes
// sorted. Its input has passed the checks; a value that it cannot read is a programmer's mistake.
// Loads neither zod nor yaml.

import { resolve } from "node:path";
import { parseHashBy } from "./affinity.ts";
import type {
  EdgelaneConfig,
  EdgelaneRedis,
  EdgelaneRoute,
  EdgelaneTarget,
  EdgelaneUpstream,
} from "./edgelane-config.ts";
import {
  parseByteRate,
  parseDuration,
  parsePercentile,
  parseShare,
  parseSize,
} from "./config-units.ts";
import { defaultOf } from "./config-keys.ts";
import type * as resolved from "./gateway-config.ts";
import { parseAddress, parseTarget } from "./listen-address.ts";
import { resolveRouteCache } from "./config-resolve-cache.ts";
import { readRedisUrl } from "./redis-address.ts";
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
    cache: resolveCache(config.cache ?? {}, context),
    routes: resolveRoutes(config),
    limits: resolveLimits(config.limits ?? {}),
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

function resolveUpstream(
  name: string,
  written: string | EdgelaneUpstream,
  directory: string,
  zone: string | undefined,
): resolved.UpstreamConfig {
  const upstream: EdgelaneUpstream = typeof written === "string" ? { targets: [written] } : written;
  const { pool = {}, timeout = {}, retry = {}, hash = {} } = upstream;
  const key = "upstreams.<name>";
  return {
    name,
    targets: once(present(upstream.targets).map((target) => resolveTarget(target, zone))),
    balance: word(`${key}.balance`, upstream.balance),
    hash: upstream.balance === "hash" ? parseHashBy(text(`${key}.hash.by`, hash.by)) : null,
    host: resolveHost(text(`${key}.host`, upstream.host)),
    pool: {
      connectionsMax: number(`${key}.pool.connections`, pool.connections),
      queueMax: number(`${key}.pool.queue`, pool.queue),
      queueTimeoutMs: duration(`${key}.pool.queueTimeout`, pool.queueTimeout),
      keepAliveMs: duration(`${key}.pool.keepAlive`, pool.keepAlive),
      ageMaxMs: duration(`${key}.pool.maxAge`, pool.maxAge),
      requestsMax: typeof pool.maxRequests === "number" ? pool.maxRequests : 0,
    },
    protocol: word(`${key}.protocol`, upstream.protocol),
    tls: resolveUpstreamTls(upstream.tls ?? {}, directory),
    timeout: {
      connectMs: duration(`${key}.timeout.connect`, timeout.connect),
      headersMs: duration(`${key}.timeout.headers`, timeout.headers),
      idleMs: duration(`${key}.timeout.idle`, timeout.idle),
      totalMs: duration(`${key}.timeout.total`, timeout.total),
    },
    retry: {
      attemptsMax: number(`${key}.retry.attempts`, retry.attempts),
      when: present(retry.when ?? ["connect", "reset", "refused-stream"]),
      backoffMs: duration(`${key}.retry.backoff`, retry.backoff),
      waitMsMax: duration(`${key}.retry.maxWait`, retry.maxWait),
      bufferBytesMax: sizeOrOff(`${key}.retry.buffer`, retry.buffer),
      budgetRatio: share(`${key}.retry.budget`, retry.budget),
    },
    hedge: resolveHedge(upstream.hedge),
    ...resolveHealth(upstream),
  };
}

function resolveHedge(written: EdgelaneUpstream["hedge"]): resolved.UpstreamConfig["hedge"] {
  const key = "upstreams.<name>.hedge";
  const hedge = written ?? String(defaultOf(key));
  if (hedge === "off") return null;
  const { at, min } = typeof hedge === "string" ? { at: hedge } : { min: undefined, ...hedge };
  return {
    quantile: known(parsePercentile(text(`${key}.at`, at))),
    afterMsMin: duration(`${key}.min`, min),
  };
}

function resolveUpstreamTls(
  tls: NonNullable<EdgelaneUpstream["tls"]>,
  directory: string,
): resolved.UpstreamTls {
  const key = "upstreams.<name>.tls";
  const file = (name: string | undefined) => (name === undefined ? null : resolve(directory, name));
  return {
    caFile: file(tls.ca),
    certFile: file(tls.cert),
    keyFile: file(tls.key),
    serverName: tls.serverName ?? null,
    verify: word(`${key}.verify`, tls.verify) === "on",
    minVersion: word(`${key}.minVersion`, tls.minVersion),
  };
}

type Health = Pick<
  resolved.UpstreamConfig,
  "probe" | "rise" | "fall" | "eject" | "breaker" | "slowStartMs" | "panicShare"
>;

function resolveHealth({ health = {}, breaker, slowStart, panic }: EdgelaneUpstream): Health {
  const { eject = {} } = health;
  const key = "upstreams.<name>";
  const { errors, over, open, latency } = breaker === "off" ? {} : (breaker ?? {});
  return {
    probe:
      health.path === undefined
        ? null
        : {
            path: health.path,
            everyMs: duration(`${key}.health.every`, health.every),
            timeoutMs: duration(`${key}.health.timeout`, health.timeout),
            statuses: present(health.status ?? []),
          },
    rise: number(`${key}.health.rise`, health.rise),
    fall: number(`${key}.health.fall`, health.fall),
    eject: {
      after: number(`${key}.health.eject.after`, eject.after),
      errorShare: share(`${key}.health.eject.errors`, eject.errors),
      volumeMin: number(`${key}.health.eject.over`, eject.over),
      forMs: duration(`${key}.health.eject.for`, eject.for),
      forMsMax: duration(`${key}.health.eject.forMax`, eject.forMax),
      shareMax: share(`${key}.health.eject.max`, eject.max),
    },
    breaker: {
      errorShare: breaker === "off" ? 0 : share(`${key}.breaker.errors`, errors),
      volumeMin: number(`${key}.breaker.over`, over),
      openMs: duration(`${key}.breaker.open`, open),
      latencyMs: duration(`${key}.breaker.latency`, latency),
    },
    slowStartMs: duration(`${key}.slowStart`, slowStart),
    panicShare: share(`${key}.panic`, panic),
  };
}

function resolveTarget(
  target: EdgelaneUpstream["targets"][number],
  ownZone: string | undefined,
): resolved.TargetConfig {
  const written: EdgelaneTarget = typeof target === "string" ? { url: target } : target;
  const { url, weight, backup, priority, zone } = written;
  const origin = parseTarget(url);
  if (origin === null) throw new TypeError("not a target");
  return {
    origin,
    weight: number("upstreams.<name>.targets[].weight", weight),
    priority: priority ?? (backup === true ? 1 : 0),
    isLocal: zone === undefined || ownZone === undefined || zone === ownZone,
  };
}

/** A target that is there twice has the weight of both. */
function once(targets: readonly resolved.TargetConfig[]): readonly resolved.TargetConfig[] {
  const byOrigin = new Map<string, resolved.TargetConfig>();
  for (const target of targets) {
    const known = byOrigin.get(target.origin);
    const weight = (known?.weight ?? 0) + target.weight;
    byOrigin.set(target.origin, { ...(known ?? target), weight });
  }
  return [...byOrigin.values()];
}

function resolveHost(host: string): resolved.HostPolicy {
  if (host === "preserve" || host === "target") return { kind: host };
  return { kind: "fixed", authority: host.toLowerCase() };
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

function resolveRoutes(config: EdgelaneConfig): readonly resolved.RouteConfig[] {
  const only = Object.keys(config.upstreams)[0] ?? "";
  const written = config.routes ?? [{ match: "/*", to: only }];
  return written.map(resolveRoute).sort((a, b) => compareSpecificity(a.match, b.match));
}

function resolveRoute(route: EdgelaneRoute): resolved.RouteConfig {
  const result = parseMatch(route.match);
  if ("problem" in result) throw new TypeError("not a match");
  return {
    match: result.match,
    name: route.name ?? result.match.source,
    to: route.to,
    cache: resolveRouteCache(route.cache ?? word<"auto" | "off">("routes[].cache", undefined)),
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

function duration(key: string, written: string | undefined): number {
  const value = text(key, written);
  return value === "off" ? 0 : known(parseDuration(value));
}

function size(key: string, written: string | undefined): number {
  return known(parseSize(text(key, written)));
}

function sizeOrOff(key: string, written: string | undefined): number {
  const value = text(key, written);
  return value === "off" ? 0 : known(parseSize(value));
}

function seconds(written: string): number {
  return Math.floor(known(parseDuration(written)) / 1000);
}

function ratioOrOff(written: string): number {
  return written === "off" ? 0 : known(parseShare(written));
}

function lower(name: string): string {
  return name.toLowerCase();
}

function share(key: string, written: string | undefined): number {
  return known(parseShare(text(key, written)));
}

function text(key: string, written: string | undefined): string {
  return written ?? String(defaultOf(key));
}

/** A default that is one of a few words; the table's form makes sure that it is. */
function word<T extends string>(key: string, written: T | undefined): T {
  return written ?? (defaultOf(key) as T);
}

function number(key: string, written: number | undefined): number {
  return written ?? Number(defaultOf(key));
}

function offOr(value: string): string | null {
  return value === "off" ? null : value;
}

/** Optional variables that are unset leave holes in lists. */
function present<T>(list: readonly T[]): readonly T[] {
  return list.filter((item) => item !== undefined);
}

function known<T>(value: T | null): T {
  if (value === null) throw new TypeError("a value passed the checks that cannot be read");
  return value;
}
