// Owns how the readings of several threads become those of the gateway: counts and levels add up,
// lateness is that of the latest, and a target is up while any thread may choose it. Pure.

import type {
  CacheReading,
  EntryEndsReading,
  SecondTierReading,
  TargetReading,
  ThreadReadings,
  UpstreamReading,
} from "./readings.ts";

/** Of a gateway that has done nothing yet. */
export const NO_READINGS: ThreadReadings = {
  cache: [],
  secondTier: null,
  connections: { active: 0, idle: 0 },
  targets: [],
  upstreams: [],
  buffers: { inUse: 0, highWater: 0, max: 0, exhausted: 0 },
  eventLoopLag: [],
  accessLogDropped: 0,
  shed: { low: 0, normal: 0, high: 0 },
};

export function mergeReadings(threads: readonly ThreadReadings[]): ThreadReadings {
  const [only, second] = threads;
  if (only === undefined) return NO_READINGS;
  return second === undefined ? only : threads.reduce(merge);
}

function merge(a: ThreadReadings, b: ThreadReadings): ThreadReadings {
  return {
    cache: mergeBy(a.cache, b.cache, (tier) => tier.tier, mergeTier),
    secondTier: mergeSecondTier(a.secondTier, b.secondTier),
    connections: {
      active: a.connections.active + b.connections.active,
      idle: a.connections.idle + b.connections.idle,
    },
    targets: mergeBy(
      a.targets,
      b.targets,
      ({ upstream, target }) => `${upstream} ${target}`,
      mergeTarget,
    ),
    upstreams: mergeBy(a.upstreams, b.upstreams, ({ upstream }) => upstream, mergeUpstream),
    buffers: {
      inUse: a.buffers.inUse + b.buffers.inUse,
      highWater: a.buffers.highWater + b.buffers.highWater,
      max: a.buffers.max + b.buffers.max,
      exhausted: a.buffers.exhausted + b.buffers.exhausted,
    },
    eventLoopLag: mergeBy(
      a.eventLoopLag,
      b.eventLoopLag,
      ([labels]) => labels.join(),
      ([labels, one], [, other]) => [labels, Math.max(one, other)] as const,
    ),
    accessLogDropped: a.accessLogDropped + b.accessLogDropped,
    shed: {
      low: a.shed.low + b.shed.low,
      normal: a.shed.normal + b.shed.normal,
      high: a.shed.high + b.shed.high,
    },
  };
}

function mergeTier(a: CacheReading, b: CacheReading): CacheReading {
  return {
    ...a,
    entries: a.entries + b.entries,
    bytes: a.bytes + b.bytes,
    bytesMax: a.bytesMax + b.bytesMax,
    evictions: a.evictions + b.evictions,
    ...(a.ends === undefined || b.ends === undefined ? {} : { ends: mergeEnds(a.ends, b.ends) }),
  };
}

function mergeEnds(a: EntryEndsReading, b: EntryEndsReading): EntryEndsReading {
  return {
    rejections: a.rejections + b.rejections,
    expirations: a.expirations + b.expirations,
    expiredUnused: a.expiredUnused + b.expiredUnused,
    ended: a.ended + b.ended,
    uses: a.uses + b.uses,
    evictedAgeMs: a.evictedAgeMs + b.evictedAgeMs,
  };
}

/** As bad as it is for any of them. */
const STATES = ["up", "probing", "down", "closed"] as const;

function mergeSecondTier(
  a: SecondTierReading | null,
  b: SecondTierReading | null,
): SecondTierReading | null {
  if (a === null || b === null) return a ?? b;
  const state = STATES[Math.max(STATES.indexOf(a.state), STATES.indexOf(b.state))] ?? "down";
  return {
    state,
    nodes: mergeBy(a.nodes, b.nodes, ([name]) => name, mergeCounts),
    failure: a.failure ?? b.failure,
    isFollowing: a.isFollowing && b.isFollowing,
    hits: a.hits + b.hits,
    stale: a.stale + b.stale,
    reads: mergeBy(a.reads, b.reads, ([result]) => result, mergeCounts),
    hedges: a.hedges + b.hedges,
    stores: a.stores + b.stores,
    dropped: mergeBy(a.dropped, b.dropped, ([reason]) => reason, mergeCounts),
    queuedBytes: a.queuedBytes + b.queuedBytes,
    downs: a.downs + b.downs,
    purgesReceived: a.purgesReceived + b.purgesReceived,
    purgesPending: a.purgesPending + b.purgesPending,
    losses: a.losses + b.losses,
  };
}

type Labelled = readonly [label: string, count: number];

function mergeCounts([label, one]: Labelled, [, other]: Labelled): Labelled {
  return [label, one + other];
}

function mergeTarget(a: TargetReading, b: TargetReading): TargetReading {
  return {
    ...a,
    ejected: a.ejected && b.ejected,
    condition: a.ejected ? b.condition : a.condition,
    ejections: a.ejections + b.ejections,
    breakerOpened: a.breakerOpened + b.breakerOpened,
    errorShare: Math.max(a.errorShare, b.errorShare),
    requests: a.requests + b.requests,
    retries: a.retries + b.retries,
    inFlight: a.inFlight + b.inFlight,
    queued: a.queued + b.queued,
    connectionsOpened: a.connectionsOpened + b.connectionsOpened,
    connectionsOpen: a.connectionsOpen + b.connectionsOpen,
    connectionsIdle: a.connectionsIdle + b.connectionsIdle,
    reused: a.reused + b.reused,
    h2Streams: a.h2Streams + b.h2Streams,
    h2Goaways: a.h2Goaways + b.h2Goaways,
    tlsHandshakes: a.tlsHandshakes + b.tlsHandshakes,
    tlsResumptions: a.tlsResumptions + b.tlsResumptions,
    tlsReloadFailures: a.tlsReloadFailures + b.tlsReloadFailures,
    latencyMs: Math.max(a.latencyMs, b.latencyMs),
  };
}

function mergeUpstream(a: UpstreamReading, b: UpstreamReading): UpstreamReading {
  return {
    ...a,
    policySwitches: a.policySwitches + b.policySwitches,
    panic: a.panic || b.panic,
    active: a.active + b.active,
    retriesRunning: a.retriesRunning + b.retriesRunning,
    budgetExhausted: a.budgetExhausted + b.budgetExhausted,
    hedgesWon: a.hedgesWon + b.hedgesWon,
    limit: a.limit === null || b.limit === null ? null : a.limit + b.limit,
    leastLatencyMs: Math.max(a.leastLatencyMs, b.leastLatencyMs),
    overLimit: a.overLimit + b.overLimit,
    retried: Object.fromEntries(
      mergeBy(
        Object.entries(a.retried),
        Object.entries(b.retried),
        ([outcome]) => outcome,
        mergeCounts,
      ),
    ),
  };
}

/** Those of both lists, one for each key; the order is that of the first list. */
function mergeBy<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
  both: (one: T, other: T) => T,
): T[] {
  const byKey = new Map(a.map((item) => [keyOf(item), item]));
  for (const item of b) {
    const key = keyOf(item);
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? item : both(known, item));
  }
  return [...byKey.values()];
}
