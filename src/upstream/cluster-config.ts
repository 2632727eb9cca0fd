// Owns what a cluster is built from: its targets and every rule for choosing, waiting, trying again
// and giving up, with the defaults and their reasons.

import { ADAPTIVE_DEFAULTS, type AdaptiveRules } from "./adaptive.ts";
import type { AttemptTimeouts } from "./attempt.ts";
import type { BreakerRules } from "./breaker.ts";
import type { LimitRules } from "./concurrency-limit.ts";
import type { HedgeRules } from "./hedge.ts";
import type { BudgetRules } from "./retry-budget.ts";
import type { RetryRules } from "./retry-rules.ts";
import type { Balance } from "./selection.ts";
import type { PoolConfig, TargetConfig, TargetProtocol } from "./target.ts";
import type { EjectRules } from "./target-state.ts";
import type { TlsConfig } from "./tls-identity.ts";

export interface ClusterConfig {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  readonly balance: Balance;
  readonly adaptive: AdaptiveRules;
  readonly pool: PoolConfig;
  readonly timeouts: AttemptTimeouts & {
    /** The whole exchange with all its attempts. */
    readonly totalMs: number;
  };
  readonly retry: RetryConfig;
  /** null: as many requests at a time as there are connections and places in queues. */
  readonly limit: LimitRules | null;
  /** null: no second attempt beside a slow one. */
  readonly hedge: HedgeRules | null;
  readonly eject: EjectRules;
  readonly breaker: BreakerRules;
  /** Probes in a row that take a target out, and in again. */
  readonly probes: { readonly rise: number; readonly fall: number };
  /** How long the weight of a target grows that came back; 0 is at once. */
  readonly slowStartMs: number;
  /** Share of healthy weight below which health is no longer believed. */
  readonly panicShare: number;
  /** What the tokens are signed with by which clients come back; none: they do not. */
  readonly stickySecrets: readonly string[];
  readonly tls: TlsConfig;
  readonly protocol: TargetProtocol;
  /** How long `close` lets running exchanges finish. */
  readonly drainMs: number;
}

export type RetryConfig = RetryRules & BudgetRules;

/** The defaults, and why each is what it is. */
export const CLUSTER_DEFAULTS: Omit<ClusterConfig, "name" | "targets"> = {
  // Takes differing latency and load into account without any tuning.
  balance: "adaptive",
  adaptive: ADAPTIVE_DEFAULTS,
  pool: {
    connections: 100,
    queue: 1000,
    queueTimeoutMs: 5000,
    // Below the 60 s to 75 s after which nginx, Apache's successors and cloud balancers close;
    // Node's 5 s is announced in Keep-Alive, and hints win.
    keepAliveMs: 30_000,
    // Lets a balancer in front of the origins rebalance, and DNS changes take effect.
    ageMaxMs: 600_000,
    requestsMax: 0,
  },
  timeouts: {
    connectMs: 1000,
    headersMs: 10_000,
    idleMs: 30_000,
    // What curl waits for a 100 (Continue).
    continueMs: 1000,
    // Event streams and large downloads outlive any fixed limit; idleMs ends what stalls.
    totalMs: 0,
  },
  retry: {
    attempts: 2,
    // What certainly was no answer. A request that timed out may still be worked on.
    when: ["connect", "reset", "refused-stream"],
    // Envoy's.
    backoffMs: 25,
    // A client that waits longer has reloaded.
    waitMsMax: 1000,
    // What most forms and API calls fit into; 100 of them are 6.4 MiB.
    bufferBytesMax: 65_536,
    budgetShare: 0.2,
    budgetMin: 3,
  },
  // Latency also rises for other reasons than load; only the owner knows whether it does here.
  limit: null,
  // It costs the origin work that only its owner knows to be cheap.
  hedge: null,
  eject: {
    after: 5,
    errorShare: 0.5,
    volumeMin: 100,
    forMs: 30_000,
    forMsMax: 300_000,
    shareMax: 0.5,
  },
  breaker: { errorShare: 0, volumeMin: 20, openMs: 10_000, latencyMs: 0 },
  probes: { rise: 2, fall: 3 },
  slowStartMs: 10_000,
  panicShare: 0.25,
  stickySecrets: [],
  tls: {},
  // Every origin speaks it.
  protocol: "h1",
  drainMs: 10_000,
};
