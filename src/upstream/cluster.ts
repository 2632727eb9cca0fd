// Owns a cluster: a named set of origin targets, which of them may be chosen now, the retry budget,
// and its end. Knows no HTTP messages beyond passing them to a call; knows nothing of clients and
// caches.

import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { OriginCall, OriginHandler, OriginRequest } from "./attempt.ts";
import { GatewayError } from "../http/errors.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { Deadlines } from "./deadlines.ts";
import { type CallHost, ForwardCall } from "./dispatch.ts";
import { Balancer, type ClusterEvents } from "./balancer.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { LatencyWindow } from "./latency-window.ts";
import type { OriginIo } from "./origin-io.ts";
import { type Grant, RetryBudget } from "./retry-budget.ts";
import type { RetryReason, RetryRules } from "./retry-rules.ts";
import type { Target, TargetConfig, TargetStatus } from "./target.ts";
import { StickyTokens } from "./sticky-tokens.ts";
import { TargetSet } from "./target-set.ts";
import type { Verdict } from "./target-state.ts";
import { TlsIdentity } from "./tls-identity.ts";

/** A cluster in numbers, for metrics and the admin API. */
export interface ClusterStatus {
  readonly upstream: string;
  /** What chooses now: the config's policy, or what `adaptive` has settled on. */
  readonly policy: string;
  readonly policySwitches: number;
  /** Too few targets are healthy: unhealthy ones are asked too. */
  readonly panic: boolean;
  readonly active: number;
  readonly retriesRunning: number;
  /** Retries that the budget refused. */
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

interface ClusterOptions {
  readonly events?: ClusterEvents;
  readonly random?: () => number;
}

const NO_EVENTS: ClusterEvents = { policyChanged: () => {}, conditionChanged: () => {} };

export class Cluster implements CallHost {
  readonly name: string;
  readonly retryRules: RetryRules;
  readonly queueTimeoutMs: number;
  readonly totalMs: number;
  readonly random: () => number;
  readonly #retried: Record<string, number> = {};
  #hedgesWon = 0;
  readonly config: ClusterConfig;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<ForwardCall>;
  readonly #balancer: Balancer<Target>;
  readonly #budget: RetryBudget;
  /** null where nothing is hedged. */
  readonly #latencies: LatencyWindow | null;
  /** null where the number of requests is not learnt. */
  readonly #limit: ConcurrencyLimit | null;
  readonly #set: TargetSet;
  readonly #sticky: StickyTokens<Target>;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(
    config: ClusterConfig,
    clock: Clock,
    io: OriginIo,
    { events = NO_EVENTS, random = Math.random }: ClusterOptions = {},
  ) {
    this.name = config.name;
    this.config = config;
    this.#clock = clock;
    this.retryRules = config.retry;
    this.random = random;
    this.queueTimeoutMs = config.pool.queueTimeoutMs;
    this.totalMs = config.timeouts.totalMs;
    this.#deadlines = new Deadlines<ForwardCall>(clock, tickMs(config));
    const shared = {
      deadlines: this.#deadlines,
      io,
      now: () => clock.monotonicMs(),
      protocol: config.protocol,
    };
    const { pool, timeouts, drainMs } = config;
    const parts = { pool, timeouts, shared, tls: new TlsIdentity(config.tls), drainMs };
    this.#sticky = new StickyTokens(config.name, config.stickySecrets);
    this.#set = new TargetSet(config.targets, parts, (target) => this.#breakOff(target));
    this.#sticky.replace(this.#set.current);
    const { balance, adaptive, eject, breaker, probes, slowStartMs, panicShare } = config;
    const health = { eject, breaker, ...probes, slowStartMs };
    this.#balancer = new Balancer<Target>(
      { balance, adaptive, health, panicShare },
      this.#set.current,
      events,
      random,
    );
    this.#budget = new RetryBudget(config.retry);
    this.#limit = config.limit === null ? null : new ConcurrencyLimit(config.limit, random);
    this.#latencies = config.hedge === null ? null : new LatencyWindow(config.hedge.quantile);
  }

  /** Monotonic time, a tick old at most while a call runs. */
  get nowMs(): number {
    return this.#deadlines.nowMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.nowMs();
  }

  /** Asks an origin; `handler` hears the answer, never before this returns. */
  forward(request: OriginRequest, handler: OriginHandler): OriginCall {
    const call = new ForwardCall(request, handler, this);
    this.#deadlines.add(call);
    if (this.#closing !== null) process.nextTick(failDraining, call);
    else if (this.#limit === null || this.#admits(call, request, this.#limit)) {
      this.#budget.request(this.#deadlines.nowMs);
      call.begin();
    }
    return call;
  }

  #admits(call: ForwardCall, { priority }: OriginRequest, limit: ConcurrencyLimit): boolean {
    call.holdsPlace = limit.admit(priority, this.#clock.monotonicMs());
    if (!call.holdsPlace) process.nextTick(refuse, call);
    return call.holdsPlace;
  }

  /** The cluster as a whole in numbers. */
  status(): ClusterStatus {
    return {
      upstream: this.name,
      policy: this.#balancer.policy,
      policySwitches: this.#balancer.policySwitches,
      panic: this.#balancer.panic,
      active: this.#deadlines.count,
      retriesRunning: this.#budget.running,
      budgetExhausted: this.#budget.exhausted,
      retried: { ...this.#retried },
      hedgesWon: this.#hedgesWon,
      limit: this.#limit?.limit ?? null,
      leastLatencyMs: this.#limit?.leastMs ?? 0,
      overLimit: this.#limit?.refused ?? 0,
    };
  }

  /**
   * Builds what other targets need and gives what puts them in place, in one turn: those that stay
   * keep connections and health, those that leave finish what they have. Nothing happens before.
   */
  prepare(targets: readonly TargetConfig[]): () => void {
    const prepared = this.#set.prepare(targets);
    return () => {
      if (this.#closing !== null) return;
      const nowMs = this.#clock.monotonicMs();
      const gone = this.#set.commit(prepared, nowMs);
      this.#sticky.replace(this.#set.current);
      this.#balancer.replace(this.#set.current, nowMs);
      for (const target of gone) target.waiting.moveAll();
    };
  }

  /** The result of an active probe of the target that is called "host:port". */
  probed(name: string, isGood: boolean): void {
    for (const target of this.#set.current) {
      if (target.name === name) this.#balancer.probed(target, isGood, this.#clock.monotonicMs());
    }
  }

  targets(): readonly TargetStatus[] {
    const nowMs = this.#clock.monotonicMs();
    return [
      ...this.#set.current.map((target) =>
        target.status(nowMs, this.#balancer.conditionOf(target, nowMs)),
      ),
      ...this.#set.leaving().map((target) => target.status(nowMs, "leaving")),
    ];
  }

  /**
   * Begins where another cluster of this name is: a target that is known to be unhealthy is not
   * asked first.
   */
  inherit(other: Cluster): void {
    const nowMs = this.#clock.monotonicMs();
    for (const { name, state } of this.#set.current) {
      const known = other.#set.current.find((target) => target.name === name);
      if (known !== undefined) state.inherit(known.state);
    }
    this.#balancer.refresh(nowMs);
  }

  /**
   * Takes no new calls, lets the running ones finish for `drainMs` (Infinity: as long as they
   * take), breaks off the rest, closes all connections.
   */
  close(drainMs: number = this.config.drainMs): Promise<void> {
    this.#closing ??= this.#drain(drainMs);
    return this.#closing;
  }

  // ── what calls ask ─────────────────────────────────────────────────────────────────────────────

  nextCandidate(tried: readonly Target[], { key, sticky }: OriginRequest): Target | null {
    if (sticky !== "" && tried.length === 0) {
      const own = this.#sticky.ownerOf(sticky);
      if (own !== undefined && this.#balancer.mayTake(own, this.#nowForChoice())) return own;
    }
    return this.#balancer.next(tried, key, this.#nowForChoice());
  }

  hasAnother(tried: readonly Target[]): boolean {
    return this.#balancer.hasAnother(tried, this.#clock.monotonicMs());
  }

  candidateWithSlot(): Target | null {
    return this.#balancer.withSlot();
  }

  refusal(): GatewayError {
    return this.#balancer.refusal(this.#clock.monotonicMs());
  }

  takeRetry(reason: RetryReason): Grant {
    if (!this.config.retry.when.includes(reason)) return "spent";
    return this.#budget.take(this.#deadlines.count, this.#clock.monotonicMs());
  }

  retryEnded(): void {
    this.#budget.giveBack();
  }

  retried(outcome: string): void {
    this.#retried[outcome] = (this.#retried[outcome] ?? 0) + 1;
  }

  asksForRest(target: Target, forMs: number): void {
    this.#balancer.asksForRest(target, forMs, this.#clock.monotonicMs());
  }

  answered(target: Target, verdict: Verdict, elapsedMs: number, trial: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (verdict !== "fault") this.#latencies?.observe(elapsedMs, nowMs);
    if (verdict === "good") this.#limit?.answered(elapsedMs, nowMs);
    this.#balancer.answered(target, verdict, elapsedMs, nowMs, trial);
  }

  /** It counts as having taken as long as it had: what is overtaken is the tail. */
  overtaken(target: Target, elapsedMs: number, trial: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#latencies?.observe(elapsedMs, nowMs);
    target.outlook.overtaken(elapsedMs);
    target.state.breaker.trialAbandoned(trial);
  }

  hedgeAfterMs(): number | null {
    const { hedge } = this.config;
    if (this.#latencies === null || hedge === null) return null;
    const afterMs = this.#latencies.valueMs(this.#clock.monotonicMs());
    return afterMs === null ? null : Math.max(afterMs, hedge.afterMsMin);
  }

  hedgeWon(): void {
    this.#hedgesWon += 1;
  }

  /** Another target; the same one only where it is the only one, for there may be many behind it. */
  takeHedge(first: Target, key: number): Target | null {
    const nowMs = this.#clock.monotonicMs();
    const target =
      this.#set.current.length === 1 ? first : this.#balancer.next([first], key, nowMs);
    if (target === null || !target.hasSlot) return null;
    return this.#budget.take(this.#deadlines.count, nowMs) === "taken" ? target : null;
  }

  ended(call: ForwardCall): void {
    this.#deadlines.remove(call);
    if (call.holdsPlace) this.#limit?.release();
    if (this.#deadlines.count === 0) this.#onIdle?.();
  }

  // ───────────────────────────────────────────────────────────────────────────────────────────────

  /** A choice between several needs to know how long they have been silent, to a millisecond. */
  #nowForChoice(): number {
    return this.#set.current.length > 1 ? this.#clock.monotonicMs() : this.#deadlines.nowMs;
  }

  async #drain(drainMs: number): Promise<void> {
    if (this.#deadlines.count > 0) await this.#idle(drainMs);
    for (const call of this.#deadlines.items()) failDraining(call);
    this.#deadlines.stop();
    await this.#set.destroy();
  }

  /** Resolves when no call runs, or after `patienceMs`. */
  async #idle(patienceMs: number): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    if (patienceMs === Number.POSITIVE_INFINITY) return idle;
    const late = new AbortController();
    const lateMs = delay(patienceMs, undefined, { signal: late.signal });
    await Promise.race([idle, lateMs]);
    late.abort();
    lateMs.catch(() => {});
  }

  /** A target that leaves has had its time. */
  #breakOff(target: Target): void {
    for (const call of this.#deadlines.items()) if (call.isAt(target)) call.drain();
  }
}

function refuse(call: ForwardCall): void {
  const fields = ["Retry-After", "1"];
  const detail = "more requests at a time than the upstream answers well";
  call.fail(new GatewayError("queue_full", detail, { beforeSend: true, fields }));
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
