// Owns which target of a cluster gets the next call: the snapshot of targets, their health, the
// groups that share the requests, and the policy that chooses in a group. One target costs a
// compare. Knows no calls and no connections.

import { GatewayError } from "../http/errors.ts";
import { Adaptive, type AdaptiveRules } from "./adaptive.ts";
import { HALF_OPEN, OPEN } from "./breaker.ts";
import { Health } from "./health.ts";
import { type Group, type Placed, type Plan, planGroups } from "./levels.ts";
import { RecentCounts } from "./recent-counts.ts";
import { type Balance, type Candidate, createPolicy, type Policy } from "./selection.ts";
import type { StateRules, TargetState, Verdict } from "./target-state.ts";

export interface Choice extends Candidate, Placed {
  readonly name: string;
  readonly state: TargetState;
  /** What counts of `baseWeight` now; only the balancer writes it. */
  weight: number;
  readonly hasSlot: boolean;
}

export interface BalancerRules {
  readonly balance: Balance;
  readonly adaptive: AdaptiveRules;
  readonly health: StateRules;
  /** Share of healthy weight below which health is no longer believed. */
  readonly panicShare: number;
}

/** What happened to a cluster that its operator wants to know. */
export interface ClusterEvents {
  policyChanged(mode: string, reason: string): void;
  conditionChanged(target: string, condition: string): void;
}

/** How often a half-open target is offered a request, where others could have it. */
const TRIAL_SHARE = 0.2;

export class Balancer<T extends Choice> {
  /** Good and bad answers of all targets. */
  readonly counts = new RecentCounts();
  readonly #rules: BalancerRules;
  readonly #random: () => number;
  readonly #events: ClusterEvents;
  readonly #health: Health<T>;
  readonly #policy: Policy<T>;
  readonly #adaptive: Adaptive<T> | null;
  readonly #conditions = new Map<T, string>();
  #targets: readonly T[];
  #plan: Plan<T> = { groups: [], trials: [], panic: false };
  #changesAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    rules: BalancerRules,
    targets: readonly T[],
    events: ClusterEvents,
    random: () => number,
  ) {
    this.#rules = rules;
    this.#random = random;
    this.#events = events;
    this.#targets = targets;
    this.#health = new Health<T>(rules.health, targets, random);
    const { balance, adaptive } = rules;
    this.#adaptive =
      balance === "adaptive"
        ? new Adaptive<T>(adaptive, this.counts, (mode, why) => events.policyChanged(mode, why))
        : null;
    this.#policy =
      this.#adaptive ?? createPolicy<T>(balance === "adaptive" ? "hash" : balance, random);
  }

  get policy(): string {
    return this.#adaptive?.mode ?? this.#rules.balance;
  }

  get policySwitches(): number {
    return this.#adaptive?.switches ?? 0;
  }

  get panic(): boolean {
    return this.#plan.panic;
  }

  /** Another set of targets; those that stay keep their state. */
  replace(targets: readonly T[], nowMs: number): void {
    this.#targets = targets;
    this.#health.replace(targets);
    this.refresh(nowMs);
  }

  /** The target to ask, or null. `nowMs` may be a tick old. */
  next(tried: readonly T[], key: number, nowMs: number): T | null {
    if (nowMs >= this.#changesAtMs) this.refresh(nowMs);
    if (tried.length > 0) return this.#another(tried, key, nowMs);
    if (this.#plan.trials.length > 0) {
      const trial = this.#trial();
      if (trial !== null) return trial;
    }
    const { groups } = this.#plan;
    const group = groups.length < 2 ? groups[0] : this.#drawn(groups);
    if (group === undefined) return null;
    return this.#choose(group.members, key, nowMs);
  }

  /** A client that comes back may have it: it is healthy, or health is not believed. */
  mayTake(target: T, nowMs: number): boolean {
    if (nowMs >= this.#changesAtMs) this.refresh(nowMs);
    return this.#isIn(target, nowMs);
  }

  /** A healthy target that has a free slot now, in the order of the groups; null if none has. */
  withSlot(): T | null {
    for (const { members } of this.#plan.groups) {
      for (const target of members) if (target.hasSlot) return target;
    }
    return null;
  }

  /** Counts an answer, or that none came. */
  answered(target: T, verdict: Verdict, elapsedMs: number, nowMs: number, trial: number): void {
    if (verdict !== "good") this.counts.bad(nowMs);
    else if (elapsedMs > this.#rules.adaptive.p99Ms) this.counts.late(nowMs);
    else this.counts.good(nowMs);
    target.outlook.answered(elapsedMs, verdict === "good" ? 0 : 1, nowMs);
    if (this.#health.answered(target, verdict, elapsedMs, nowMs, trial)) this.refresh(nowMs);
  }

  /** The target has asked to be left alone. */
  asksForRest(target: T, forMs: number, nowMs: number): void {
    if (this.#health.asksForRest(target, forMs, nowMs)) this.refresh(nowMs);
  }

  /** There is a target that was not tried and may be asked now. */
  hasAnother(tried: readonly T[], nowMs: number): boolean {
    return this.#targets.some((target) => !tried.includes(target) && this.#isIn(target, nowMs));
  }

  probed(target: T, isGood: boolean, nowMs: number): void {
    if (target.state.probed(isGood, nowMs, this.#rules.health)) this.refresh(nowMs);
  }

  conditionOf(target: T, nowMs: number): string {
    return target.state.condition(nowMs, this.#rules.health);
  }

  /** Why no target can be chosen. */
  refusal(nowMs: number): GatewayError {
    let againMs = Number.POSITIVE_INFINITY;
    for (const { state } of this.#targets) {
      if (state.draining) continue;
      if (state.breaker.phase === OPEN) againMs = Math.min(againMs, state.breaker.openUntilMs);
      if (state.breaker.phase === HALF_OPEN) againMs = nowMs;
    }
    if (againMs === Number.POSITIVE_INFINITY) {
      return new GatewayError("no_healthy_target", "no target can be chosen", { beforeSend: true });
    }
    const seconds = Math.max(1, Math.ceil((againMs - nowMs) / 1000));
    const fields = ["Retry-After", String(seconds)];
    const detail = "every target's breaker is open";
    return new GatewayError("breaker_open", detail, { beforeSend: true, fields });
  }

  /** Works out again who may be chosen. */
  refresh(nowMs: number): void {
    const { health, panicShare } = this.#rules;
    let changesAtMs = Number.POSITIVE_INFINITY;
    for (const target of this.#targets) {
      const { state } = target;
      const condition = state.condition(nowMs, health);
      if ((this.#conditions.get(target) ?? "up") !== condition) {
        this.#conditions.set(target, condition);
        this.#events.conditionChanged(target.name, condition);
      }
      target.weight = target.baseWeight * state.weightShare(nowMs, health);
      changesAtMs = Math.min(changesAtMs, state.changesAtMs(nowMs, health));
    }
    for (const known of this.#conditions.keys()) {
      if (!this.#targets.includes(known)) this.#conditions.delete(known);
    }
    this.#changesAtMs = changesAtMs;
    this.#plan = planGroups(
      this.#targets,
      (target) => (target.baseWeight === 0 ? "shut" : target.state.standing(nowMs, health)),
      panicShare,
    );
  }

  #choose(members: readonly T[], key: number, nowMs: number): T | null {
    if (members.length > 1) return this.#policy.choose(members, key, nowMs);
    return members[0] ?? null;
  }

  #drawn(groups: readonly Group<T>[]): Group<T> | undefined {
    const drawn = this.#random();
    return groups.find((group) => drawn < group.upTo) ?? groups.at(-1);
  }

  /** A half-open target that takes one more trial, once in a while or where there is no other. */
  #trial(): T | null {
    const { groups, trials } = this.#plan;
    if (groups.length > 0 && this.#random() >= TRIAL_SHARE) return null;
    return trials.find((target) => target.state.breaker.takesTrial) ?? null;
  }

  /** For a retry: one of the first group that has a target which was not tried. */
  #another(tried: readonly T[], key: number, nowMs: number): T | null {
    const groups = this.#plan.groups.map((group) => group.members);
    for (const members of [...groups, this.#targets]) {
      const left = members.filter((target) => !tried.includes(target) && this.#isIn(target, nowMs));
      if (left.length > 0) return this.#choose(left, key, nowMs);
    }
    return null;
  }

  #isIn(target: T, nowMs: number): boolean {
    if (target.baseWeight === 0 || target.state.retryAfterMs > nowMs) return false;
    const standing = target.state.standing(nowMs, this.#rules.health);
    return standing === "in" || (standing === "out" && this.#plan.panic);
  }
}
