// Owns the health of a cluster's targets together: each answer goes to its target's state, and how
// many may be out by ejection or rest at a time is kept here. Pure: time and randomness are
// arguments.

import type { EjectRules, StateRules, TargetState, Verdict } from "./target-state.ts";

export interface WithState {
  readonly state: TargetState;
}

export class Health<T extends WithState> {
  readonly rules: StateRules;
  readonly #random: () => number;
  #targets: readonly T[];

  constructor(rules: StateRules, targets: readonly T[], random: () => number) {
    this.rules = rules;
    this.#targets = targets;
    this.#random = random;
  }

  replace(targets: readonly T[]): void {
    this.#targets = targets;
  }

  /** Counts an answer, or none; true if who may be chosen has changed. */
  answered(target: T, verdict: Verdict, elapsedMs: number, nowMs: number, trial: number): boolean {
    const { state } = target;
    if (verdict === "good" && trial === 0 && this.rules.breaker.latencyMs === 0) {
      state.good(elapsedMs, nowMs, 0, this.rules, 0);
      return false;
    }
    const random = this.#random();
    if (verdict === "good") return state.good(elapsedMs, nowMs, trial, this.rules, random);
    const changed = state.bad(verdict, nowMs, trial, this.rules, random);
    return this.#maybeEject(target, nowMs) || changed;
  }

  /**
   * The target has asked to be left alone, by Retry-After. Retries obey; requests do too as long as
   * not too many targets are out. True if who may be chosen has changed.
   */
  asksForRest({ state }: T, forMs: number, nowMs: number): boolean {
    const untilMs = nowMs + Math.min(forMs, this.rules.eject.forMsMax);
    state.retryAfterMs = Math.max(state.retryAfterMs, untilMs);
    if (state.draining) return false;
    const isOut = state.isEjected(nowMs) || state.rests(nowMs);
    if (!isOut && this.outCount(nowMs) >= ejectedMax(this.#present(), this.rules.eject)) {
      return false;
    }
    state.restsUntilMs = Math.max(state.restsUntilMs, untilMs);
    return true;
  }

  #maybeEject(target: T, nowMs: number): boolean {
    const { eject } = this.rules;
    const { state } = target;
    if (state.isEjected(nowMs) || state.draining) return false;
    if (!state.isOutlier(eject, this.#errorShareBesides(target, nowMs))) return false;
    const isOut = state.rests(nowMs);
    if (!isOut && this.outCount(nowMs) >= ejectedMax(this.#present(), eject)) return false;
    state.eject(eject, nowMs);
    return true;
  }

  /** Ejected or resting. */
  outCount(nowMs: number): number {
    let count = 0;
    for (const { state } of this.#targets) {
      const isOut = state.isEjected(nowMs) || state.rests(nowMs);
      if (isOut && !state.draining) count += 1;
    }
    return count;
  }

  #present(): number {
    let count = 0;
    for (const { state } of this.#targets) if (!state.draining) count += 1;
    return count;
  }

  #errorShareBesides(target: T, nowMs: number): number {
    let total = 0;
    let failed = 0;
    for (const other of this.#targets) {
      if (other === target) continue;
      other.state.counts.advance(nowMs);
      total += other.state.counts.total;
      failed += other.state.counts.failed;
    }
    return total === 0 ? 1 : failed / total;
  }
}

/** How many of `count` targets may be ejected at a time. */
export function ejectedMax(count: number, { shareMax }: EjectRules): number {
  return Math.max(0, Math.min(Math.floor(count * shareMax), count - 1));
}
