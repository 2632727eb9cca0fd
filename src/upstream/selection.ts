// Owns which target gets the next request: one policy object for each algorithm, each with its own
// state. A policy sees candidates that may be chosen and nothing of health or pools. Randomness is
// an argument.

import type { Outlook } from "./outlook.ts";

export interface Candidate {
  /** At least 1. */
  readonly weight: number;
  /** Requests that run or wait here. */
  readonly load: number;
  /** Peak-sensitive moving average of the time to the response head; 0 without a sample. */
  readonly latencyMs: number;
  /** What `adaptive` and `hash` look at. */
  readonly outlook: Outlook;
  /** Of its name: which keys are its own under `hash`. */
  readonly nameHash: number;
}

export interface Policy<T extends Candidate> {
  /**
   * One of `candidates`, which are two at least. They are the same array until the set changes.
   * `key`: the hash of what `hash` goes by; `nowMs`: monotonic, a tick old at most.
   */
  choose(candidates: readonly T[], key: number, nowMs: number): T;
}

export type FixedBalance = "round-robin" | "least-conn" | "p2c-ewma" | "hash";
export type Balance = FixedBalance | "adaptive";

export function createPolicy<T extends Candidate>(
  balance: FixedBalance,
  random: () => number,
): Policy<T> {
  if (balance === "round-robin") return new RoundRobin<T>();
  if (balance === "least-conn") return new LeastConnections<T>();
  if (balance === "hash") return new BoundedHash<T>();
  return new PowerOfTwo<T>(random);
}

/**
 * Smooth weighted round robin: each turn every candidate gains its weight, the richest is chosen
 * and pays the sum. A weight of 5 among 5, 1, 1 is spread over the seven turns rather than taken in
 * a row.
 */
class RoundRobin<T extends Candidate> implements Policy<T> {
  readonly #credits = new Map<T, number>();
  #seen: readonly T[] | null = null;

  choose(candidates: readonly T[]): T {
    if (this.#seen !== candidates) this.#forgetAllBut(candidates);
    let chosen = first(candidates);
    let most = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (const candidate of candidates) {
      const credit = (this.#credits.get(candidate) ?? 0) + candidate.weight;
      this.#credits.set(candidate, credit);
      sum += candidate.weight;
      if (credit > most) {
        most = credit;
        chosen = candidate;
      }
    }
    this.#credits.set(chosen, most - sum);
    return chosen;
  }

  /** Credits of the absent would come back with them as a burst, and keep removed targets alive. */
  #forgetAllBut(candidates: readonly T[]): void {
    this.#seen = candidates;
    for (const known of this.#credits.keys()) {
      if (!candidates.includes(known)) this.#credits.delete(known);
    }
  }
}

/**
 * The lowest load for its weight. Starts looking one further each time, so that equals take turns.
 */
export class LeastConnections<T extends Candidate> implements Policy<T> {
  #offset = 0;

  choose(candidates: readonly T[]): T {
    this.#offset = (this.#offset + 1) % candidates.length;
    let chosen = first(candidates);
    let least = Number.POSITIVE_INFINITY;
    for (let step = 0; step < candidates.length; step += 1) {
      const candidate = candidates[(this.#offset + step) % candidates.length];
      if (candidate === undefined) continue;
      // One more than the load: of two idle targets the heavier one is then the better one.
      const load = (candidate.load + 1) / candidate.weight;
      if (load < least) {
        least = load;
        chosen = candidate;
      }
    }
    return chosen;
  }
}

/**
 * The better of two drawn at random, by latency x (load + 1) / weight. Looking at two keeps many
 * gateways from all running to the same best target.
 */
class PowerOfTwo<T extends Candidate> implements Policy<T> {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  choose(candidates: readonly T[]): T {
    const count = candidates.length;
    const one = Math.floor(this.#random() * count);
    const other = (one + 1 + Math.floor(this.#random() * (count - 1))) % count;
    const left = candidates[one] ?? first(candidates);
    const right = candidates[other] ?? left;
    return cost(right) < cost(left) ? right : left;
  }
}

/**
 * Rendezvous hashing with bounded load: each key ranks the targets, the first one whose load is
 * within a quarter of the average gets it. A target that leaves moves its own keys and no others.
 * Costs a few nanoseconds for each target.
 */
class BoundedHash<T extends Candidate> implements Policy<T> {
  choose(candidates: readonly T[], key: number): T {
    let load = 1;
    let weight = 0;
    for (const candidate of candidates) {
      load += candidate.load;
      weight += candidate.weight;
    }
    const loadMaxPerWeight = (HASH_LOAD_FACTOR * load) / weight;
    let chosen = first(candidates);
    let best = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      if (candidate.load >= Math.ceil(loadMaxPerWeight * candidate.weight)) continue;
      const score = rank(key, candidate.nameHash, candidate.weight);
      if (score <= best) continue;
      best = score;
      chosen = candidate;
    }
    return chosen;
  }
}

const HASH_LOAD_FACTOR = 1.25;

/** Weighted rendezvous: -weight / ln(u) for u evenly between 0 and 1, drawn by key and target. */
function rank(key: number, nameHash: number, weight: number): number {
  let mixed = Math.imul(key ^ nameHash, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  const even = (((mixed ^ (mixed >>> 16)) >>> 0) + 0.5) / 2 ** 32;
  return -weight / Math.log(even);
}

/** A hash of a text for `choose` (FNV-1a): the same in every process. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** A target without a sample costs only its load: it is tried at once and gets its sample. */
function cost(candidate: Candidate): number {
  return ((candidate.latencyMs + LATENCY_FLOOR_MS) * (candidate.load + 1)) / candidate.weight;
}

/** Below this, latencies are noise of the event loop and load alone should decide. */
const LATENCY_FLOOR_MS = 0.1;

function first<T>(candidates: readonly T[]): T {
  const candidate = candidates[0];
  if (candidate === undefined) throw new RangeError("no candidates");
  return candidate;
}

/**
 * Moving average that jumps up with a slow sample and comes down over `PEAK_DECAY_MS` (peak EWMA),
 * with time alone too: a target that is no longer asked would otherwise never be asked again.
 */
export class PeakLatency {
  #valueMs = 0;
  #lastMs = 0;

  at(nowMs: number): number {
    if (this.#valueMs === 0 || nowMs <= this.#lastMs) return this.#valueMs;
    return this.#valueMs * Math.exp((this.#lastMs - nowMs) / PEAK_DECAY_MS);
  }

  observe(sampleMs: number, nowMs: number): void {
    const kept = Math.exp(Math.min(0, this.#lastMs - nowMs) / PEAK_DECAY_MS);
    this.#valueMs =
      sampleMs >= this.#valueMs ? sampleMs : this.#valueMs * kept + sampleMs * (1 - kept);
    this.#lastMs = nowMs;
  }
}

const PEAK_DECAY_MS = 10_000;
