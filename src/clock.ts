// Owns time: the only file that reads the clock. Everything else takes a Clock, or a number of
// milliseconds, as an argument, so that tests decide what time it is.

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch: for dates, ages and logs. It may jump. */
  nowMs(): number;
  /**
   * Milliseconds since an arbitrary start, never going back, with fractions: for durations and
   * deadlines.
   */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Milliseconds since this process was started, module loading included: what start-up cost. */
export function sinceProcessStartMs(): number {
  return process.uptime() * 1000;
}
