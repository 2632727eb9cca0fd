// Owns the benchmark's reading of time. The gateway has its own clock in src/clock.ts; a benchmark
// measures it from outside and shares nothing with it.

/** Milliseconds on a monotonic clock, with microsecond resolution. */
export function nowMs(): number {
  return performance.now();
}

/** The day in UTC, as `2026-01-31`. */
export function todayUtc(): string {
  return new Date().toISOString().slice(0, 10);
}
