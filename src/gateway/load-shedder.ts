// Owns whether this thread has more to do than it can: how late its event loop is, and how much of
// the memory that it may have is in use. Under either, requests that need an origin server are
// refused, those of the lowest priority first. Stored responses, health checks and the admin
// listener are never refused.

import { getHeapStatistics } from "node:v8";
import type { Priority } from "../upstream/concurrency-limit.ts";
import type { ShedConfig } from "./gateway-config.ts";

/** What is measured; the tests put their own in. */
export interface LoadGauge {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Share of the memory that may be used, of heap or machine, whichever is the fuller: 0 to 1. */
  memoryShare(): number;
}

export type Overload = "event loop" | "memory";

const SAMPLE_MS = 50;
/** Weight of the newest lateness: one pause of the collector is no overload. */
const WEIGHT = 0.25;
/** Memory is looked at each so many samples. */
const MEMORY_EVERY = 5;
/** Shares of the limit at which a priority is refused. */
const DELAY_FACTORS: Readonly<Record<Priority, number>> = { low: 0.5, normal: 1, high: 2 };
/** How far between the limit and all of the memory. */
const MEMORY_STEPS: Readonly<Record<Priority, number>> = { low: 0, normal: 0.4, high: 0.8 };

export class LoadShedder {
  /** Smoothed lateness of the event loop, in milliseconds. */
  delayMs = 0;
  memoryShare = 0;
  readonly shed: Record<Priority, number> = { low: 0, normal: 0, high: 0 };
  #config: ShedConfig;
  readonly #gauge: LoadGauge;
  #timer: NodeJS.Timeout | null = null;
  #dueMs = 0;
  #samples = 0;

  constructor(config: ShedConfig, gauge: LoadGauge) {
    this.#config = config;
    this.#gauge = gauge;
  }

  /** Other limits from now on. */
  configure(config: ShedConfig): void {
    this.#config = config;
    this.stop();
    this.start();
  }

  start(): void {
    const { delayMsMax, memoryShareMax } = this.#config;
    if (delayMsMax === 0 && memoryShareMax === 0) return;
    this.#dueMs = this.#gauge.nowMs() + SAMPLE_MS;
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** What the timer does. */
  sample(): void {
    const nowMs = this.#gauge.nowMs();
    const lateMs = Math.max(0, nowMs - this.#dueMs);
    this.#dueMs = nowMs + SAMPLE_MS;
    this.delayMs += (lateMs - this.delayMs) * WEIGHT;
    if (this.#config.memoryShareMax > 0 && this.#samples % MEMORY_EVERY === 0) {
      this.memoryShare = this.#gauge.memoryShare();
    }
    this.#samples += 1;
  }

  /** Why a request of this priority must be refused now; null if it need not. */
  refuses(priority: Priority): Overload | null {
    const why = this.#overload(priority);
    if (why !== null) this.shed[priority] += 1;
    return why;
  }

  #overload(priority: Priority): Overload | null {
    const { delayMsMax, memoryShareMax } = this.#config;
    if (delayMsMax > 0 && this.delayMs > delayMsMax * DELAY_FACTORS[priority]) return "event loop";
    if (memoryShareMax === 0) return null;
    const limit = memoryShareMax + (1 - memoryShareMax) * MEMORY_STEPS[priority];
    return this.memoryShare > limit ? "memory" : null;
  }
}

/** The gauge of this thread; `memoryBytes` is what the process may have. */
export function threadGauge(nowMs: () => number, memoryBytes: number): LoadGauge {
  return {
    nowMs,
    memoryShare: () => {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return Math.max(used / limit, process.memoryUsage.rss() / memoryBytes);
    },
  };
}
