// Owns the clock of the tests: it stands still until it is told to advance.

import type { Clock } from "../../src/clock.ts";

export class FakeClock implements Clock {
  #epochMs: number;
  #monotonicMs = 0;

  /** Starts at a whole second, 2026-01-01T00:00:00Z, so that HTTP dates lose nothing. */
  constructor(epochMs = Date.UTC(2026, 0, 1)) {
    this.#epochMs = epochMs;
  }

  nowMs(): number {
    return this.#epochMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Lets time pass on both clocks. */
  advance(ms: number): void {
    this.#epochMs += ms;
    this.#monotonicMs += ms;
  }

  /** Moves the wall clock alone, as an operator or NTP would. */
  jump(ms: number): void {
    this.#epochMs += ms;
  }
}
