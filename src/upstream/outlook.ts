// Owns what is expected of one target's next answer: mean time to the response head and how sure
// that is, share of errors, and how long it has been silent while requests wait. `adaptive` weighs
// these. Pure: time is an argument. Hot.

/** With time, and at the latest with this many samples, the old is forgotten. */
const MEMORY_MS = 2000;
const SAMPLES = 32;
/** Without samples a bad name fades: the target gets one request to show what it is like now. */
const LATENCY_FADE_MS = 10_000;
const ERROR_FADE_MS = 30_000;
/** Up to here silence is the time of one answer: so many means, or deviations beyond the mean. */
const SILENCE_FACTOR = 2;
const SILENCE_DEVIATIONS = 4;
/** What one answer says that another has not said: bursts come to a target together. */
const INDEPENDENT_SAMPLES = 16;

export class Outlook {
  samples = 0;
  #meanMs = 0;
  /** Mean square of the deviation from the mean. */
  #variance = 0;
  #errorShare = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Since when requests wait without any answer. */
  #silentSinceMs = Number.POSITIVE_INFINITY;

  /** `load`: requests under way before this one. */
  asked(load: number, nowMs: number): void {
    if (load === 0) this.#silentSinceMs = nowMs;
  }

  answered(elapsedMs: number, isError: 0 | 1, nowMs: number): void {
    const aged = 1 - Math.exp((this.#lastMs - nowMs) / MEMORY_MS);
    const share = Math.max(aged, 1 / SAMPLES);
    const deviationMs = elapsedMs - this.#meanMs;
    this.#meanMs += deviationMs * share;
    this.#variance += (deviationMs * (elapsedMs - this.#meanMs) - this.#variance) * share;
    // One error among rare requests is no share of one.
    this.#errorShare += (isError - this.#errorShare) * Math.min(share, 1 / SAMPLES);
    this.#lastMs = nowMs;
    this.#silentSinceMs = nowMs;
    this.samples += 1;
  }

  /** Another was faster than an answer that has taken this long and will not come. */
  overtaken(elapsedMs: number): void {
    if (elapsedMs > this.#meanMs) this.#meanMs += (elapsedMs - this.#meanMs) / SAMPLES;
  }

  /** The mean now. While one request is out to ask again, nothing is presumed. */
  latencyMs(load: number, nowMs: number): number {
    const idleMs = nowMs - this.#lastMs;
    if (load === 0) {
      return idleMs > MEMORY_MS ? this.#meanMs * Math.exp(-idleMs / LATENCY_FADE_MS) : this.#meanMs;
    }
    const silentMs = nowMs - this.#silentSinceMs;
    const deviationsMs = Math.sqrt(this.#variance) * SILENCE_DEVIATIONS;
    const usualMs = Math.max(this.#meanMs * SILENCE_FACTOR, this.#meanMs + deviationsMs);
    return silentMs > usualMs ? silentMs : this.#meanMs;
  }

  /** The mean of all answers lately, whatever has been going on since. */
  get meanMs(): number {
    return this.#meanMs;
  }

  /** How far the mean may be off by chance: its standard error. */
  get uncertaintyMs(): number {
    return Math.sqrt(this.#variance / INDEPENDENT_SAMPLES);
  }

  errorShare(nowMs: number): number {
    const idleMs = nowMs - this.#lastMs;
    return idleMs > MEMORY_MS
      ? this.#errorShare * Math.exp(-idleMs / ERROR_FADE_MS)
      : this.#errorShare;
  }
}
