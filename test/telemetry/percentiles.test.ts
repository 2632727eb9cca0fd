// Tests the log-linear histogram: its stated relative error, its range, and percentiles against
// exact ones.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  LATENCY_BUCKETS,
  latencyBucket,
  latencyOfBucket,
  mergeLatencies,
  PERCENTILES,
  percentilesOf,
} from "../../src/telemetry/percentiles.ts";

describe("latencyBucket", () => {
  test("a bucket's middle is at most 1.6 % off from 8 us to 536 s", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.008, max: 536_000, noNaN: true }), (durationMs) => {
        const middle = latencyOfBucket(latencyBucket(durationMs));
        expect(Math.abs(middle - durationMs) / durationMs).toBeLessThanOrEqual(1 / 60);
      }),
    );
  });

  test("below 8 us it is at most an eighth of a microsecond off", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.008, noNaN: true }), (durationMs) => {
        const middle = latencyOfBucket(latencyBucket(durationMs));
        expect(Math.abs(middle - durationMs)).toBeLessThanOrEqual(0.000_126);
      }),
    );
  });

  test.each([
    ["zero", 0, 0],
    ["negative", -5, 0],
    ["NaN", Number.NaN, 0],
    ["an hour", 3_600_000, LATENCY_BUCKETS - 1],
    ["for ever", Number.POSITIVE_INFINITY, LATENCY_BUCKETS - 1],
  ])("%s stays inside the table", (_, durationMs, bucket) => {
    expect(latencyBucket(durationMs)).toBe(bucket);
  });

  test("buckets grow with the duration, without gaps", () => {
    const seen = new Set<number>();
    let last = 0;
    for (let ticks = 0; ticks < 2 ** 31; ticks = Math.max(ticks + 1, Math.floor(ticks * 1.01))) {
      const bucket = latencyBucket(ticks / 4000);
      expect(bucket).toBeGreaterThanOrEqual(last);
      last = bucket;
      seen.add(bucket);
    }
    expect(last).toBe(LATENCY_BUCKETS - 1);
    expect(seen.size).toBe(LATENCY_BUCKETS);
  });
});

describe("percentilesOf", () => {
  test("agrees with the nearest rank of the sorted values within the stated error", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 60_000, noNaN: true }), {
          minLength: 1,
          maxLength: 500,
        }),
        (durations) => {
          const found = percentilesOf(counted(durations));
          const sorted = durations.toSorted((a, b) => a - b);
          for (const [name, fraction] of PERCENTILES) {
            const exact = sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? 0;
            expect(Math.abs((found[name] ?? 0) - exact) / exact).toBeLessThanOrEqual(1 / 60);
          }
        },
      ),
    );
  });

  test("nothing counted has no percentiles", () => {
    expect(percentilesOf(new Float64Array(LATENCY_BUCKETS))).toEqual({
      p50: null,
      p75: null,
      p90: null,
      p95: null,
      p99: null,
      p99_9: null,
    });
  });

  test("merged histograms give the percentiles of all their values", () => {
    const fast = Array.from({ length: 990 }, () => 0.05);
    const slow = Array.from({ length: 10 }, () => 800);
    const merged = counted(fast);
    mergeLatencies(merged, counted(slow));
    expect(percentilesOf(merged)).toEqual(percentilesOf(counted([...fast, ...slow])));
    expect(percentilesOf(merged).p99).toBeLessThan(0.06);
    expect(percentilesOf(merged).p99_9).toBeGreaterThan(780);
  });
});

function counted(durations: readonly number[]): Float64Array {
  const counts = new Float64Array(LATENCY_BUCKETS);
  for (const durationMs of durations) {
    const bucket = latencyBucket(durationMs);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return counts;
}
