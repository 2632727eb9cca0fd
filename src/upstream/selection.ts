// Owns which target gets the next request: one policy object for each algorithm, each with its own
// state. A policy sees candidates that may be chosen and nothing of health or pools. Randomness is
// an argument.

export interface Candidate {
  /** At least 1. */
  readonly weight: number;
  /** Requests that run or wait here. */
  readonly load: number;
  /** Peak-sensitive moving average of the time to the response head; 0 without a sample. */
  readonly latencyMs: number;
}

export interface Policy<T extends Candidate> {
  /** One of `candidates`, which are two at least. They are the same array until the set changes. */
  choose(candidates: readonly T[]): T;
}

export type Balance = "round-robin" | "least-conn" | "p2c-ewma";

export function createPolicy<T extends Candidate>(
  balance: Balance,
  random: () => number,
): Policy<T> {
  if (balance === "round-robin") return new RoundRobin<T>();
  if (balance === "least-conn") return new LeastConnections<T>();
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
class LeastConnections<T extends Candidate> implements Policy<T> {
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
