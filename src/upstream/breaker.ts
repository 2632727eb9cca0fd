// Owns the circuit breaker of one target: closed until too large a share of the answers failed,
// then open for a while, then half-open, when a few trials decide. Pure: time and randomness are
// arguments. Counts nothing itself.

import type { RecentCounts } from "./recent-counts.ts";

export interface BreakerRules {
  /** Share of failed answers that opens it; 0 never opens. */
  readonly errorShare: number;
  /** Answers that the share is taken over, at least. */
  readonly volumeMin: number;
  /** How long it stays open; up to a quarter more by chance, twice as long each time in a row. */
  readonly openMs: number;
  /** An answer that takes longer counts as failed; 0 for none. */
  readonly latencyMs: number;
}

export const CLOSED = 0;
export const HALF_OPEN = 1;
export const OPEN = 2;
export type BreakerPhase = typeof CLOSED | typeof HALF_OPEN | typeof OPEN;

/** Trials that may run at a time, and good ones that close it. */
export const TRIALS = 3;
const OPEN_DOUBLINGS_MAX = 3;
/** Gateways that opened together must not try again together. */
const JITTER_SHARE = 0.25;

export class Breaker {
  phase: BreakerPhase = CLOSED;
  openUntilMs = 0;
  /** Times that it opened since the start. */
  opened = 0;
  /** Names the half-open phase that a trial belongs to; an older trial decides nothing. */
  #epoch = 0;
  #running = 0;
  #good = 0;
  /** Openings without a closing between them. */
  #inARow = 0;

  /** Half-open once the time of an open one is over. */
  advance(nowMs: number): void {
    if (this.phase !== OPEN || nowMs < this.openUntilMs) return;
    this.phase = HALF_OPEN;
    this.#epoch += 1;
    this.#running = 0;
    this.#good = 0;
  }

  /** As open as the other is; trials are its own. */
  inherit(known: Breaker): void {
    if (known.phase === CLOSED) return;
    this.phase = OPEN;
    this.openUntilMs = known.openUntilMs;
  }

  get takesTrial(): boolean {
    return this.phase === HALF_OPEN && this.#running < TRIALS - this.#good;
  }

  /** Begins an attempt: what it has to say later, 0 where it is no trial. */
  begin(): number {
    if (this.phase !== HALF_OPEN) return 0;
    this.#running += 1;
    return this.#epoch;
  }

  /** Opens a closed one if the counts say so; true if it did. */
  judge(counts: RecentCounts, rules: BreakerRules, nowMs: number, random: number): boolean {
    if (this.phase !== CLOSED || rules.errorShare === 0) return false;
    if (counts.total < rules.volumeMin) return false;
    if (counts.failed + counts.slow < rules.errorShare * counts.total) return false;
    this.#open(rules, nowMs, random);
    return true;
  }

  /** A trial went well; true if that closed it. */
  trialGood(trial: number): boolean {
    if (!this.#isCurrent(trial)) return false;
    this.#running -= 1;
    this.#good += 1;
    if (this.#good < TRIALS) return false;
    this.phase = CLOSED;
    this.#inARow = 0;
    return true;
  }

  /** A trial failed: open again; true if the trial still counted. */
  trialBad(trial: number, rules: BreakerRules, nowMs: number, random: number): boolean {
    if (!this.#isCurrent(trial)) return false;
    this.#open(rules, nowMs, random);
    return true;
  }

  /** A trial ended without an answer that says anything: the client left. */
  trialAbandoned(trial: number): void {
    if (this.#isCurrent(trial)) this.#running -= 1;
  }

  #isCurrent(trial: number): boolean {
    return trial !== 0 && trial === this.#epoch && this.phase === HALF_OPEN;
  }

  #open(rules: BreakerRules, nowMs: number, random: number): void {
    const longer = 2 ** Math.min(this.#inARow, OPEN_DOUBLINGS_MAX);
    this.phase = OPEN;
    this.openUntilMs = nowMs + rules.openMs * longer * (1 + JITTER_SHARE * random);
    this.opened += 1;
    this.#inARow += 1;
  }
}
