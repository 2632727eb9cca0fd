// Owns how late the event loop is: sampled by Node in the background, read over the last one to two
// minutes, whoever reads and however often. Knows no clock: time is counted in samples.

import { monitorEventLoopDelay } from "node:perf_hooks";

/** Between two samples. A timer that fires this long after the last one is not late. */
const RESOLUTION_MS = 20;
/** A minute of samples. */
const WINDOW_SAMPLES = 60_000 / RESOLUTION_MS;

/** Percentile of the histogram by the label that names it. */
const STATISTICS = [
  ["p50", 50],
  ["p99", 99],
  ["max", 100],
] as const;

export class EventLoopLag {
  /** Two that were started a window apart: what is read always covers a whole one. */
  #older = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #younger = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#older.enable();
    this.#younger.enable();
  }

  /** Seconds by statistic; empty before the first sample. */
  read(): [labels: readonly string[], seconds: number][] {
    if (this.#younger.count >= WINDOW_SAMPLES) {
      [this.#older, this.#younger] = [this.#younger, this.#older];
      this.#younger.reset();
    }
    const lag = this.#older;
    if (lag.count === 0) return [];
    return STATISTICS.map(([label, percent]) => {
      const lateNanoseconds = lag.percentile(percent) - RESOLUTION_MS * 1e6;
      return [[label], Math.max(0, lateNanoseconds) / 1e9];
    });
  }

  close(): void {
    this.#older.disable();
    this.#younger.disable();
  }
}
