// Owns the one state machine that says whether a target may be chosen: probes, passive ejection,
// breaker, rest, draining, and the slow start after most of them. Pure: time and randomness are
// arguments. Knows no connections and no other targets; the cap on ejections is in health.ts.

import { Breaker, type BreakerRules, CLOSED, OPEN } from "./breaker.ts";
import { RecentCounts } from "./recent-counts.ts";

export interface EjectRules {
  /** Faults in a row that eject a target; 0 for none. */
  readonly after: number;
  /** Share of errors that ejects it, where the other targets have less than half of that; 0: none. */
  readonly errorShare: number;
  /** Answers that the share is taken over, at least. */
  readonly volumeMin: number;
  /** First ejection; the nth in a row lasts n times as long. */
  readonly forMs: number;
  readonly forMsMax: number;
  /**
   * Share of a cluster's targets that may be out at a time, rounded down: a lone target is never
   * ejected.
   */
  readonly shareMax: number;
}

export interface StateRules {
  readonly eject: EjectRules;
  readonly breaker: BreakerRules;
  /** Probes in a row that take a target out, and in again; the first probe of all decides alone. */
  readonly fall: number;
  readonly rise: number;
  /** How long the weight grows after a target came back; 0 is at once. */
  readonly slowStartMs: number;
}

/**
 * What an answer says of its target. good: a status below 500; error: 500, 501, 505 …, which may be
 * the request's doing; fault: no answer, or 502, 503, 504.
 */
export type Verdict = "good" | "error" | "fault";

export type Condition =
  | "up"
  | "slow_start"
  | "half_open"
  | "breaker_open"
  | "ejected"
  | "probe_failed"
  | "resting"
  | "unchecked"
  | "draining";

/** 502, 503 and 504 are how an origin, or a gateway in front of it, says that it cannot serve. */
export function verdictOf(status: number): Verdict {
  if (status < 500) return "good";
  return status === 502 || status === 503 || status === 504 ? "fault" : "error";
}

/** May be chosen; only for trials; out, but asked before nobody is; never. */
export type Standing = "in" | "trial" | "out" | "shut";

/** Share of its weight that a target starts with. */
const RAMP_FROM = 0.1;
/** How often a growing weight is looked at. */
const RAMP_STEP_MS = 250;

export class TargetState {
  readonly counts = new RecentCounts();
  readonly breaker = new Breaker();
  draining = false;
  consecutiveFaults = 0;
  ejectedUntilMs = 0;
  /** By its Retry-After: no retry goes there before … */
  retryAfterMs = 0;
  /** … and, where the cap on targets that are out allows it, no request at all before this. */
  restsUntilMs = 0;
  /** Times that it was ejected since the start. */
  ejected = 0;
  /** null before the first probe, or without probes. */
  probeGood: boolean | null = null;
  /** Not chosen before a check was good. */
  awaitsProbe = false;
  #ejectionsInARow = 0;
  #probesAgainst = 0;
  #rampFromMs = Number.NEGATIVE_INFINITY;

  /** Takes over what is known of the same target elsewhere; what is being tried there, it tries. */
  inherit(known: TargetState): void {
    this.probeGood = known.probeGood;
    this.awaitsProbe = known.awaitsProbe;
    this.ejectedUntilMs = known.ejectedUntilMs;
    this.retryAfterMs = known.retryAfterMs;
    this.restsUntilMs = known.restsUntilMs;
    this.breaker.inherit(known.breaker);
  }

  condition(nowMs: number, rules: StateRules): Condition {
    this.breaker.advance(nowMs);
    if (this.draining) return "draining";
    if (this.breaker.phase === OPEN) return "breaker_open";
    if (this.probeGood === false) return "probe_failed";
    if (this.awaitsProbe) return "unchecked";
    if (this.isEjected(nowMs)) return "ejected";
    if (this.rests(nowMs)) return "resting";
    if (this.breaker.phase !== CLOSED) return "half_open";
    return this.weightShare(nowMs, rules) < 1 ? "slow_start" : "up";
  }

  standing(nowMs: number, rules: StateRules): Standing {
    switch (this.condition(nowMs, rules)) {
      case "up":
      case "slow_start":
        return "in";
      case "half_open":
        return "trial";
      case "ejected":
      case "resting":
      case "probe_failed":
      case "unchecked":
        return "out";
      default:
        return "shut";
    }
  }

  isEjected(nowMs: number): boolean {
    return this.ejectedUntilMs > nowMs;
  }

  rests(nowMs: number): boolean {
    return this.restsUntilMs > nowMs;
  }

  /** How much of its weight counts: less than 1 while it starts slowly. */
  weightShare(nowMs: number, { slowStartMs }: StateRules): number {
    const sinceMs = nowMs - this.#rampFromMs;
    if (sinceMs >= slowStartMs) return 1;
    return Math.max(RAMP_FROM, sinceMs / slowStartMs);
  }

  /** When this changes by the passing of time alone; Infinity if it does not. */
  changesAtMs(nowMs: number, rules: StateRules): number {
    let atMs = Number.POSITIVE_INFINITY;
    if (this.isEjected(nowMs)) atMs = this.ejectedUntilMs;
    if (this.rests(nowMs)) atMs = Math.min(atMs, this.restsUntilMs);
    if (this.breaker.phase === OPEN) atMs = Math.min(atMs, this.breaker.openUntilMs);
    const isRamping = this.weightShare(nowMs, rules) < 1;
    return isRamping ? Math.min(atMs, nowMs + RAMP_STEP_MS) : atMs;
  }

  /** A good answer; `trial` is what the breaker's `begin` gave. True if the standing may change. */
  good(
    elapsedMs: number,
    nowMs: number,
    trial: number,
    rules: StateRules,
    random: number,
  ): boolean {
    const { latencyMs } = rules.breaker;
    if (latencyMs > 0 && elapsedMs > latencyMs) {
      this.counts.late(nowMs);
      return this.#count(nowMs, trial, rules, random);
    }
    this.counts.good(nowMs);
    this.consecutiveFaults = 0;
    if (trial === 0) return false;
    if (!this.breaker.trialGood(trial)) return true;
    // What made it open must not make it open again.
    this.counts.clear();
    this.start(nowMs);
    return true;
  }

  /** A bad answer or none. True if the standing may change. */
  bad(verdict: Verdict, nowMs: number, trial: number, rules: StateRules, random: number): boolean {
    this.counts.bad(nowMs);
    if (verdict === "fault") this.consecutiveFaults += 1;
    else this.consecutiveFaults = 0;
    return this.#count(nowMs, trial, rules, random);
  }

  /** Whether this target stands out from the others, whose error share is `othersShare`. */
  isOutlier({ after, errorShare, volumeMin }: EjectRules, othersShare: number): boolean {
    if (after > 0 && this.consecutiveFaults >= after) return true;
    const { total, failed } = this.counts;
    if (errorShare === 0 || total < volumeMin) return false;
    return failed >= errorShare * total && othersShare < errorShare / 2;
  }

  eject({ forMs, forMsMax }: EjectRules, nowMs: number): void {
    // Good for as long as it was out: what came before does not count any more.
    if (nowMs - this.ejectedUntilMs > forMsMax) this.#ejectionsInARow = 0;
    this.#ejectionsInARow += 1;
    this.ejected += 1;
    // Starts again at zero, so that a target that comes back is given its chances, not one.
    this.consecutiveFaults = 0;
    this.counts.clear();
    this.ejectedUntilMs = nowMs + Math.min(forMs * this.#ejectionsInARow, forMsMax);
    this.start(this.ejectedUntilMs);
  }

  /** The result of an active probe; true if the standing changed. */
  probed(isGood: boolean, nowMs: number, { rise, fall }: StateRules): boolean {
    if (this.probeGood === isGood) {
      this.#probesAgainst = 0;
      return false;
    }
    this.#probesAgainst += 1;
    const isFirst = this.probeGood === null;
    if (!isFirst && this.#probesAgainst < (isGood ? rise : fall)) return false;
    this.probeGood = isGood;
    this.#probesAgainst = 0;
    const isNews = !isFirst || !isGood || this.awaitsProbe;
    if (isGood && isNews) this.start(nowMs);
    this.awaitsProbe = false;
    return isNews;
  }

  /** Begins the slow start. */
  start(nowMs: number): void {
    this.#rampFromMs = nowMs;
  }

  #count(nowMs: number, trial: number, rules: StateRules, random: number): boolean {
    if (trial !== 0) return this.breaker.trialBad(trial, rules.breaker, nowMs, random);
    return this.breaker.judge(this.counts, rules.breaker, nowMs, random);
  }
}
