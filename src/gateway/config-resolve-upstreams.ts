// Owns turning what a valid config says of upstreams into numbers, every default filled in. See
// config-resolve.ts.

import { resolve } from "node:path";
import { parseHashBy } from "./affinity.ts";
import { FALLBACK_CAUSES } from "./fallback-causes.ts";
import { defaultOf } from "./config-keys.ts";
import { parsePercentile } from "./config-units.ts";
import {
  duration,
  known,
  number,
  present,
  seconds,
  share,
  sizeOrOff,
  text,
  word,
} from "./config-values.ts";
import type { EdgelaneFallback, EdgelaneTarget, EdgelaneUpstream } from "./edgelane-config.ts";
import type * as resolved from "./gateway-config.ts";
import { parseTarget } from "./listen-address.ts";

/** Of a page that stands in for an upstream. */
const PAGE_STATUS = Number(defaultOf("routes[].fallback[].status"));

export function resolveUpstream(
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
    adaptive: {
      errorShareMax: share(`${key}.adaptive.errors`, upstream.adaptive?.errors),
      p99Ms: duration(`${key}.adaptive.p99`, upstream.adaptive?.p99),
    },
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
    concurrency: resolveConcurrency(upstream),
    fallback: resolveFallback(upstream.fallback ?? [], directory),
    hedge: resolveHedge(upstream.hedge),
    ...resolveHealth(upstream),
    sticky: upstream.sticky === undefined ? null : resolveSticky(name, upstream.sticky),
  };
}

function resolveConcurrency({
  concurrency,
  targets,
  pool = {},
}: EdgelaneUpstream): resolved.UpstreamConfig["concurrency"] {
  const key = "upstreams.<name>.concurrency";
  const written = concurrency ?? String(defaultOf(key));
  if (written === "off") return null;
  const { min, max } = typeof written === "string" ? {} : written;
  const connections = number("upstreams.<name>.pool.connections", pool.connections);
  const all = connections * present(targets).length;
  const limitMax = Math.min(all, number(`${key}.max`, max));
  return { limitMin: Math.min(limitMax, number(`${key}.min`, min)), limitMax };
}

export function resolveFallback(
  written: readonly EdgelaneFallback[],
  directory: string,
): readonly resolved.FallbackConfig[] {
  return present(written).map(({ to, page, status, on }) => {
    const causes = present(on ?? FALLBACK_CAUSES) as readonly resolved.FallbackCause[];
    if (to !== undefined) return { kind: "upstream", to, on: causes };
    const file = resolve(directory, text("", page));
    return { kind: "page", file, status: status ?? PAGE_STATUS, on: causes };
  });
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

function resolveSticky(
  upstream: string,
  sticky: NonNullable<EdgelaneUpstream["sticky"]>,
): resolved.StickyConfig {
  const key = "upstreams.<name>.sticky";
  const maxAge = text(`${key}.maxAge`, sticky.maxAge);
  return {
    name: sticky.cookie ?? `edgelane-${upstream}`,
    secrets: present(sticky.secrets),
    maxAgeSeconds: maxAge === "off" ? null : seconds(maxAge),
    path: text(`${key}.path`, sticky.path),
    secure: word(`${key}.secure`, sticky.secure),
    sameSite: word(`${key}.sameSite`, sticky.sameSite),
    httpOnly: sticky.httpOnly ?? defaultOf(`${key}.httpOnly`) === true,
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
