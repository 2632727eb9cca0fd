// Owns what is expected of one target's next answer: mean time to the response head, share of
// errors, and how long it has been silent while requests wait. `adaptive` weighs these. Pure: time
// is an argument. Hot.

/** With time, and at the latest with this many samples, the old is forgotten. */
const MEMORY_MS = 2000;
const SAMPLES = 32;
/** Without samples a bad name fades: the target gets one request to show what it is like now. */
const LATENCY_FADE_MS = 10_000;
const ERROR_FADE_MS = 30_000;
/** Up to here silence is the time of one answer. */
const SILENCE_FACTOR = 2;

export class Outlook {
  samples = 0;
  #meanMs = 0;
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
    this.#meanMs += (elapsedMs - this.#meanMs) * share;
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
    return silentMs > this.#meanMs * SILENCE_FACTOR
      ? Math.max(silentMs, this.#meanMs)
      : this.#meanMs;
  }

  errorShare(nowMs: number): number {
    const idleMs = nowMs - this.#lastMs;
    return idleMs > MEMORY_MS
      ? this.#errorShare * Math.exp(-idleMs / ERROR_FADE_MS)
      : this.#errorShare;
  }
}
