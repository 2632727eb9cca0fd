// Owns the shapes of what is read at scrape: what other parts of the gateway report when asked, and
// all of it together. Types only.

/** One tier of the cache. */
export interface CacheReading {
  readonly tier: string;
  readonly entries: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly evictions: number;
  /** Of a tier that says what became of its entries. */
  readonly ends?: EntryEndsReading;
}

/** What became of the entries of a tier; counted since the start. */
export interface EntryEndsReading {
  /** Not let in, because what would have to go is asked for more. */
  readonly rejections: number;
  /** Dropped or replaced past their lifetime. */
  readonly expirations: number;
  /** Of these, never used. */
  readonly expiredUnused: number;
  /** Dropped or replaced for any reason. */
  readonly ended: number;
  /** Hits of these. */
  readonly uses: number;
  /** Time that evicted ones had been stored, all together. */
  readonly evictedAgeMs: number;
}

/** The tier behind the memory. */
export interface SecondTierReading {
  /** Of its connection, which is its circuit breaker; in a Cluster, of the best. */
  readonly state: "closed" | "up" | "down" | "probing";
  /** Connections to its nodes, by state: "up", "late", "probing" or "down". */
  readonly nodes: readonly (readonly [state: string, count: number])[];
  /** Why it went down last, while it is not up: a reason and the system's code. */
  readonly failure: string | null;
  /** The journal of purges is followed without a gap; nothing is read otherwise. */
  readonly isFollowing: boolean;
  readonly hits: number;
  readonly stale: number;
  readonly reads: readonly (readonly [result: string, count: number])[];
  /** Reads that were waited for until the origin was asked beside them. */
  readonly hedges: number;
  readonly stores: number;
  readonly dropped: readonly (readonly [reason: string, count: number])[];
  readonly queuedBytes: number;
  readonly downs: number;
  /** Purges of other instances. */
  readonly purgesReceived: number;
  /** Purges of this one that the others do not know yet. */
  readonly purgesPending: number;
  /** Times that the memory was emptied because purges were missed. */
  readonly losses: number;
}

export interface ConnectionReading {
  /** Client connections with an exchange under way. */
  readonly active: number;
  readonly idle: number;
}

/** One origin target of one upstream, as its cluster reports it. */
export interface TargetReading {
  readonly upstream: string;
  /** "host:port". */
  readonly target: string;
  readonly weight: number;
  readonly backup: boolean;
  /** Not chosen for the time being, because it failed too often. */
  readonly ejected: boolean;
  /** As docs/upstreams.md lists them: "up", "slow_start", …, "leaving". */
  readonly condition: string;
  /** Times that it was ejected, and that its breaker opened. */
  readonly ejections: number;
  readonly breakerOpened: number;
  /** Share of errors lately. */
  readonly errorShare: number;
  /** Requests for which an attempt was started. */
  readonly requests: number;
  /** Attempts beyond a request's first. */
  readonly retries: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly connectionsOpened: number;
  readonly connectionsOpen: number;
  /** Of these, with no request on them. */
  readonly connectionsIdle: number;
  /** Attempts that went to a connection which had served before. */
  readonly reused: number;
  /** HTTP/2 streams now, and GOAWAY frames received. */
  readonly h2Streams: number;
  readonly h2Goaways: number;
  readonly tlsHandshakes: number;
  /** Handshakes that resumed a session. */
  readonly tlsResumptions: number;
  /** Changed certificate files that could not be used. */
  readonly tlsReloadFailures: number;
  /** Moving average that follows peaks at once. */
  readonly latencyMs: number;
}

/** One upstream as a whole, as its cluster reports it. */
export interface UpstreamReading {
  readonly upstream: string;
  /** The policy that chooses now. */
  readonly policy: string;
  readonly policySwitches: number;
  readonly panic: boolean;
  readonly active: number;
  readonly retriesRunning: number;
  readonly budgetExhausted: number;
  /** Attempts beyond the first, by why they were made. */
  readonly retried: Readonly<Record<string, number>>;
  /** Second attempts beside slow ones that were the faster. */
  readonly hedgesWon: number;
  /** Requests at a time as learnt; null where they are not. */
  readonly limit: number | null;
  /** Time to the response head at the least load, as far as it is known. */
  readonly leastLatencyMs: number;
  /** Requests that the learnt limit refused. */
  readonly overLimit: number;
}

/** Requests that a thread refused because it had too much to do, by their priority. */
export type ShedReading = Readonly<Record<"low" | "normal" | "high", number>>;

/** The request-buffer pool. */
export interface BufferReading {
  readonly inUse: number;
  readonly highWater: number;
  readonly max: number;
  readonly exhausted: number;
}

/** One thread that serves; the one that answers the admin listener when there is no other. */
export interface WorkerReading {
  readonly worker: number;
  /** It has its listeners open and answered when it was last asked. */
  readonly up: boolean;
  /** Times that it was replaced since the start. */
  readonly restarts: number;
  /** Open client connections. */
  readonly connections: number;
  readonly heapBytes: number;
}

type LabelledValues = readonly (readonly [labels: readonly string[], value: number])[];

/** What one thread reports when it is asked; cheap, without effect, and clonable. */
export interface ThreadReadings {
  readonly cache: readonly CacheReading[];
  readonly secondTier: SecondTierReading | null;
  readonly connections: ConnectionReading;
  readonly targets: readonly TargetReading[];
  readonly upstreams: readonly UpstreamReading[];
  readonly buffers: BufferReading;
  readonly eventLoopLag: LabelledValues;
  readonly accessLogDropped: number;
  readonly shed: ShedReading;
}

/** How the names of targets are resolved. */
export interface NamesReading {
  readonly lookups: readonly (readonly [result: string, count: number])[];
  readonly names: readonly {
    readonly name: string;
    readonly addresses: number;
    /** The last look-up failed; older addresses are used. */
    readonly failing: boolean;
  }[];
}

/** What all threads report, merged, and how they are. */
export interface ReportedReadings extends ThreadReadings {
  readonly names: NamesReading;
  readonly workers: readonly WorkerReading[];
}

/** Everything that one scrape reports, apart from the latency tables. */
export interface GatewayReadings extends ReportedReadings {
  readonly version: string;
  readonly engine: string;
  /** Counters by cell index of metric-table.ts. */
  readonly cells: Float64Array;
  readonly failures: LabelledValues;
  readonly upstreamFailures: LabelledValues;
}
