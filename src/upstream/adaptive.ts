// Owns the adaptive policy: while the targets are alike it evens out their load; where error rate,
// latency or its spread say that they are not, it chooses by expected cost. Differences that chance
// explains are none: it neither switches for them nor chooses by them. It switches with hysteresis
// and says why. Pure: time is an argument. Hot: no allocation for a choice.

import type { Outlook } from "./outlook.ts";
import { type Candidate, LeastConnections, type Policy } from "./selection.ts";

export interface AdaptiveRules {
  /** Share of errors in a cluster above which errors decide. */
  readonly errorShareMax: number;
  /** Time to the response head that 99 % of the answers must keep. */
  readonly p99Ms: number;
}

export const ADAPTIVE_DEFAULTS: AdaptiveRules = { errorShareMax: 0.05, p99Ms: 100 };

export type AdaptiveMode = "least-conn" | "cost";

/** What the cluster counted over the last ten seconds. */
export interface ClusterCounts {
  readonly total: number;
  readonly failed: number;
  /** Answers that took longer than `p99Ms`. */
  readonly slow: number;
}

type OnSwitch = (mode: AdaptiveMode, reason: string) => void;

const JUDGE_EVERY_MS = 250;
/** Conditions must be gone, with room to spare, for this long before it goes back. */
const CALM_MS = 10_000;
const CALM_FACTOR = 0.6;
const VOLUME_MIN = 100;
/** Slowest against fastest mean; and the least difference that matters. */
const SPREAD = 1.5;
const SPREAD_MS_MIN = 0.5;
/** Standard errors between two means that chance does not explain: one in a thousand would. */
const SIGNIFICANT = 3.3;
/** Judgements in a row that must see a spread: a pause of one process is over by then. */
const SPREADS_SEEN_MIN = 3;
/** How much worse 1 % of errors makes a target: half as costly again. */
const ERROR_WEIGHT = 50;
const LATENCY_FLOOR_MS = 0.1;
const SAMPLES_MIN = 20;

export class Adaptive<T extends Candidate> implements Policy<T> {
  mode: AdaptiveMode = "least-conn";
  reason = "the targets are alike";
  switches = 0;
  readonly #rules: AdaptiveRules;
  readonly #counts: ClusterCounts;
  readonly #onSwitch: OnSwitch;
  readonly #leastConnections = new LeastConnections<T>();
  #judgedMs = Number.NEGATIVE_INFINITY;
  #unevenMs = Number.NEGATIVE_INFINITY;
  #spreadsSeen = 0;
  /** The mean of all targets' means: what one is taken for that differs by chance alone. */
  #commonMs = 0;
  #offset = 0;

  constructor(rules: AdaptiveRules, counts: ClusterCounts, onSwitch: OnSwitch) {
    this.#rules = rules;
    this.#counts = counts;
    this.#onSwitch = onSwitch;
  }

  choose(candidates: readonly T[], _key: number, nowMs: number): T {
    if (nowMs - this.#judgedMs >= JUDGE_EVERY_MS) this.#judge(candidates, nowMs);
    if (this.mode === "least-conn") return this.#leastConnections.choose(candidates);
    return this.#cheapest(candidates, nowMs);
  }

  /** The lowest latency x (load + 1) / weight, more for errors. */
  #cheapest(candidates: readonly T[], nowMs: number): T {
    this.#offset = (this.#offset + 1) % candidates.length;
    let chosen = candidates[0] as T;
    let least = Number.POSITIVE_INFINITY;
    for (let step = 0; step < candidates.length; step += 1) {
      const candidate = candidates[(this.#offset + step) % candidates.length] as T;
      const { load, weight, outlook } = candidate;
      const latencyMs = this.#levelMs(outlook, load, nowMs) + LATENCY_FLOOR_MS;
      const penalty = 1 + ERROR_WEIGHT * outlook.errorShare(nowMs);
      const cost = (latencyMs * (load + 1) * penalty) / weight;
      if (cost >= least) continue;
      least = cost;
      chosen = candidate;
    }
    return chosen;
  }

  /** What a target's next answer will take; what all take, where it is not surely another. */
  #levelMs(outlook: Outlook, load: number, nowMs: number): number {
    const latencyMs = outlook.latencyMs(load, nowMs);
    if (outlook.samples < SAMPLES_MIN) return Math.max(latencyMs, this.#commonMs);
    const offMs = Math.abs(latencyMs - this.#commonMs);
    const byChanceMs = Math.max(SPREAD_MS_MIN, SIGNIFICANT * outlook.uncertaintyMs);
    return offMs < byChanceMs ? this.#commonMs : latencyMs;
  }

  #judge(candidates: readonly T[], nowMs: number): void {
    this.#judgedMs = nowMs;
    this.#commonMs = meanOf(candidates);
    const factor = this.mode === "cost" ? CALM_FACTOR : 1;
    const reason = this.#unevenness(candidates, nowMs, factor);
    if (reason !== null) {
      this.#unevenMs = nowMs;
      if (this.mode === "least-conn") this.#switch("cost", reason);
    } else if (this.mode === "cost" && nowMs - this.#unevenMs >= CALM_MS) {
      this.#switch("least-conn", "the targets have been alike for 10 s");
    }
  }

  /** What speaks for choosing by cost; null if nothing does. */
  #unevenness(candidates: readonly T[], nowMs: number, factor: number): string | null {
    const { total, failed, slow } = this.#counts;
    const { errorShareMax, p99Ms } = this.#rules;
    if (total >= VOLUME_MIN && failed > errorShareMax * factor * total) {
      return `error rate ${percent(failed / total)} above ${percent(errorShareMax)}`;
    }
    if (total >= VOLUME_MIN && slow > 0.01 * factor * total) {
      return `p99 above ${p99Ms} ms`;
    }
    for (const { outlook } of candidates) {
      if (outlook.samples < SAMPLES_MIN) continue;
      if (outlook.errorShare(nowMs) > errorShareMax * factor) return "one target fails more often";
    }
    return this.#spread(candidates, factor);
  }

  /** How far the targets' means are apart, if that is no chance and no moment. */
  #spread(candidates: readonly T[], factor: number): string | null {
    let fastest: Outlook | null = null;
    let slowest: Outlook | null = null;
    for (const { outlook } of candidates) {
      if (outlook.samples < SAMPLES_MIN) continue;
      if (fastest === null || outlook.meanMs < fastest.meanMs) fastest = outlook;
      if (slowest === null || outlook.meanMs > slowest.meanMs) slowest = outlook;
    }
    if (fastest === null || slowest === null || !isApart(fastest, slowest, factor)) {
      this.#spreadsSeen = 0;
      return null;
    }
    this.#spreadsSeen += 1;
    if (this.mode === "least-conn" && this.#spreadsSeen < SPREADS_SEEN_MIN) return null;
    const ratio = (slowest.meanMs / fastest.meanMs).toFixed(1);
    return `the slowest target takes ${ratio} times as long as the fastest`;
  }

  #switch(mode: AdaptiveMode, reason: string): void {
    this.mode = mode;
    this.reason = reason;
    this.switches += 1;
    this.#onSwitch(mode, reason);
  }
}

function isApart(fastest: Outlook, slowest: Outlook, factor: number): boolean {
  const apartMs = slowest.meanMs - fastest.meanMs;
  if (apartMs < SPREAD_MS_MIN || apartMs < fastest.meanMs * (SPREAD - 1) * factor) return false;
  return apartMs >= SIGNIFICANT * Math.hypot(fastest.uncertaintyMs, slowest.uncertaintyMs);
}

/** Of those that have answered often enough to count. */
function meanOf(candidates: readonly Candidate[]): number {
  let sumMs = 0;
  let count = 0;
  for (const { outlook } of candidates) {
    if (outlook.samples < SAMPLES_MIN) continue;
    sumMs += outlook.meanMs;
    count += 1;
  }
  return count === 0 ? 0 : sumMs / count;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
