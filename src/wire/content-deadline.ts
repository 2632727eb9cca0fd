// Owns when the content of a request is too slow: a stall, or a mean rate below the minimum
// (slow-body attacks). Time in which the gateway itself was not ready to take content does not
// count.

import type { WireLimits } from "./handler.ts";

export class ContentDeadline {
  readonly #limits: WireLimits;
  readonly #startedMs: number;
  #progressMs: number;
  #bytes = 0;
  /** Milliseconds in which the reader, not the client, was slow. */
  #excusedMs = 0;

  constructor(limits: WireLimits, nowMs: number) {
    this.#limits = limits;
    this.#startedMs = nowMs;
    this.#progressMs = nowMs;
  }

  progress(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    this.#progressMs = nowMs;
  }

  /** Nothing was read since the last call or progress, because the reader is behind. */
  excuse(nowMs: number): void {
    this.#excusedMs += nowMs - this.#progressMs;
    this.#progressMs = nowMs;
  }

  expired(nowMs: number): boolean {
    const { contentStallMs, contentBytesPerSecondMin, contentRateGraceMs } = this.#limits;
    if (nowMs - this.#progressMs >= contentStallMs) return true;
    const spentMs = nowMs - this.#startedMs - this.#excusedMs;
    if (spentMs < contentRateGraceMs) return false;
    return this.#bytes * 1000 < contentBytesPerSecondMin * spentMs;
  }
}
