// Owns a cluster: a named set of origin targets, which of them may be chosen now, the retry budget,
// and its end. Knows no HTTP messages beyond passing them to a call; knows nothing of clients and
// caches.

import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { AttemptTimeouts, OriginCall, OriginHandler, OriginRequest } from "./attempt.ts";
import { Deadlines } from "./deadlines.ts";
import { type CallHost, ForwardCall, type RetryReason } from "./dispatch.ts";
import { type EjectConfig, ejectedMax } from "./health.ts";
import { type Balance, createPolicy, type Policy } from "./selection.ts";
import type { OriginIo } from "./origin-io.ts";
import {
  type PoolConfig,
  Target,
  type TargetConfig,
  type TargetProtocol,
  type TargetStatus,
} from "./target.ts";
import { type TlsConfig, TlsIdentity } from "./tls-identity.ts";

export interface ClusterConfig {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  readonly balance: Balance;
  readonly pool: PoolConfig;
  readonly timeouts: AttemptTimeouts & {
    /** The whole exchange with all its attempts. */
    readonly totalMs: number;
  };
  readonly retry: RetryConfig;
  readonly eject: EjectConfig;
  readonly tls: TlsConfig;
  readonly protocol: TargetProtocol;
  /** How long `close` lets running exchanges finish. */
  readonly drainMs: number;
}

export interface RetryConfig {
  /**
   * Attempts for a request in all, the first one included. A stale connection's replacement does
   * not count.
   */
  readonly attempts: number;
  /** What is tried again, on another target. */
  readonly when: readonly RetryReason[];
  /** Retries that may run at a time, as a share of the running requests … */
  readonly budgetShare: number;
  /** … and how many may run at least. */
  readonly budgetMin: number;
}

/** The defaults, and why each is what it is. */
export const CLUSTER_DEFAULTS: Omit<ClusterConfig, "name" | "targets"> = {
  // Takes differing latency and load into account without any tuning.
  balance: "p2c-ewma",
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
  retry: { attempts: 2, when: ["connect", "reset"], budgetShare: 0.2, budgetMin: 3 },
  eject: { after: 5, forMs: 30_000, forMsMax: 300_000, shareMax: 0.5 },
  tls: {},
  // Every origin speaks it.
  protocol: "h1",
  drainMs: 10_000,
};

export class Cluster implements CallHost {
  readonly name: string;
  readonly attemptsMax: number;
  readonly queueTimeoutMs: number;
  readonly totalMs: number;
  readonly #config: ClusterConfig;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<ForwardCall>;
  readonly #targets: readonly Target[];
  readonly #policy: Policy<Target>;
  /** Targets that may be chosen, until health changes. */
  #eligible: readonly Target[] = [];
  /** When an ejected target comes back and `#eligible` is out of date. */
  #eligibleUntilMs = 0;
  #retries = 0;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(
    config: ClusterConfig,
    clock: Clock,
    io: OriginIo,
    random: () => number = Math.random,
  ) {
    this.name = config.name;
    this.#config = config;
    this.#clock = clock;
    this.attemptsMax = config.retry.attempts;
    this.queueTimeoutMs = config.pool.queueTimeoutMs;
    this.totalMs = config.timeouts.totalMs;
    this.#deadlines = new Deadlines<ForwardCall>(clock, tickMs(config));
    const shared = {
      deadlines: this.#deadlines,
      io,
      now: () => clock.monotonicMs(),
      protocol: config.protocol,
    };
    const tls = new TlsIdentity(config.tls);
    this.#targets = config.targets.map(
      (target) => new Target(target, config.pool, tls, config.timeouts, shared),
    );
    this.#policy = createPolicy(config.balance, random);
  }

  /** Monotonic time, a tick old at most while a call runs. */
  get nowMs(): number {
    return this.#deadlines.nowMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Asks an origin; `handler` hears the answer, never before this returns. */
  forward(request: OriginRequest, handler: OriginHandler): OriginCall {
    const call = new ForwardCall(request, handler, this);
    this.#deadlines.add(call);
    if (this.#closing === null) call.begin();
    else process.nextTick(failDraining, call);
    return call;
  }

  targets(): readonly TargetStatus[] {
    const nowMs = this.#clock.monotonicMs();
    return this.#targets.map((target) => target.status(nowMs));
  }

  /**
   * Takes no new calls, lets the running ones finish for `drainMs`, breaks off the rest, closes all
   * connections.
   */
  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  // ── what calls ask ─────────────────────────────────────────────────────────────────────────────

  nextCandidate(tried: readonly Target[]): Target | null {
    if (this.#deadlines.nowMs >= this.#eligibleUntilMs) this.#updateEligible();
    let candidates = this.#eligible;
    if (tried.length > 0) {
      candidates = candidates.filter((target) => !tried.includes(target));
      if (candidates.length === 0) {
        candidates = this.#healthy("backup").filter((target) => !tried.includes(target));
      }
    }
    if (candidates.length > 1) return this.#policy.choose(candidates);
    return candidates[0] ?? null;
  }

  mayRetry(reason: RetryReason): boolean {
    const { when, budgetShare, budgetMin } = this.#config.retry;
    if (!when.includes(reason)) return false;
    if (this.#retries >= Math.max(budgetMin, budgetShare * this.#deadlines.count)) return false;
    this.#retries += 1;
    return true;
  }

  retryEnded(): void {
    this.#retries -= 1;
  }

  succeeded(target: Target): void {
    target.health.succeeded();
  }

  failed(target: Target): void {
    const nowMs = this.#clock.monotonicMs();
    if (!target.health.failed(this.#config.eject, nowMs)) return;
    const out = this.#targets.filter((other) => other.health.isEjected(nowMs)).length;
    if (out >= ejectedMax(this.#targets.length, this.#config.eject)) return;
    target.health.eject(this.#config.eject, nowMs);
    this.#updateEligible();
  }

  ended(call: ForwardCall): void {
    this.#deadlines.remove(call);
    if (this.#deadlines.count === 0) this.#onIdle?.();
  }

  // ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Healthy primaries; without any, healthy backups; without those, all primaries: trying beats
   * refusing.
   */
  #updateEligible(): void {
    const nowMs = this.#clock.monotonicMs();
    let untilMs = Number.POSITIVE_INFINITY;
    for (const target of this.#targets) {
      if (target.health.isEjected(nowMs)) untilMs = Math.min(untilMs, target.health.ejectedUntilMs);
    }
    this.#eligibleUntilMs = untilMs;
    let eligible = this.#healthy("primary");
    if (eligible.length === 0) eligible = this.#healthy("backup");
    if (eligible.length === 0) eligible = this.#targets.filter((target) => !target.backup);
    this.#eligible = eligible;
  }

  #healthy(rank: "primary" | "backup"): readonly Target[] {
    const nowMs = this.#clock.monotonicMs();
    return this.#targets.filter(
      (target) => target.backup === (rank === "backup") && !target.health.isEjected(nowMs),
    );
  }

  async #drain(): Promise<void> {
    if (this.#deadlines.count > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      const late = new AbortController();
      const lateMs = delay(this.#config.drainMs, undefined, { signal: late.signal });
      await Promise.race([idle, lateMs]);
      late.abort();
      lateMs.catch(() => {});
    }
    for (const call of this.#deadlines.items()) failDraining(call);
    this.#deadlines.stop();
    await Promise.all(this.#targets.map((target) => target.destroy()));
  }
}

function failDraining(call: ForwardCall): void {
  call.drain();
}

/** Fine enough for the shortest timeout, coarse enough to cost nothing. */
function tickMs(config: ClusterConfig): number {
  const { connectMs, headersMs, idleMs, continueMs, totalMs } = config.timeouts;
  const limits = [connectMs, headersMs, idleMs, continueMs, totalMs, config.pool.queueTimeoutMs];
  const shortestMs = Math.min(1000, ...limits.filter((limitMs) => limitMs > 0));
  return Math.max(10, Math.floor(shortestMs / 10));
}
