// Owns log-linear latency histograms over plain counters: which bucket a duration falls into, and
// percentiles of the counts. Counts of several workers or windows merge by addition. Pure; bucketOf
// is hot. Knows no names and no labels.

/** Durations count in ticks of a quarter of a microsecond. */
const TICKS_PER_MS = 4000;
/**
 * Each power of two is split into this many buckets, so a bucket is at most 1/32 of its lower edge
 * wide.
 */
const SUB_BUCKETS = 32;
const SUB_BUCKET_BITS = 5;
const TICKS_MAX = 0x7fffffff;

/**
 * Buckets of one histogram. The longest duration it can tell apart is 2^31 ticks, 537 s; longer
 * ones count as that. A percentile is the middle of its bucket: at most 1/64 (1.6 %) off from 8 us
 * up, at most 0.125 us below.
 */
export const LATENCY_BUCKETS = 27 * SUB_BUCKETS;

/** The percentiles that the admin API gives for each endpoint and upstream. */
export const PERCENTILES = [
  ["p50", 0.5],
  ["p75", 0.75],
  ["p90", 0.9],
  ["p95", 0.95],
  ["p99", 0.99],
  ["p99_9", 0.999],
] as const;

/** Milliseconds by percentile; null where nothing was counted. */
export type Percentiles = { readonly [Name in (typeof PERCENTILES)[number][0]]: number | null };

/**
 * Bucket of a duration. NaN and negative durations, which only a broken clock gives, count as zero.
 */
export function latencyBucket(durationMs: number): number {
  const scaled = durationMs > 0 ? durationMs * TICKS_PER_MS : 0;
  const ticks = scaled < TICKS_MAX ? scaled | 0 : TICKS_MAX;
  if (ticks < SUB_BUCKETS) return ticks;
  const shift = 31 - SUB_BUCKET_BITS - Math.clz32(ticks);
  return shift * SUB_BUCKETS + (ticks >>> shift);
}

/** The middle of a bucket, in milliseconds. */
export function latencyOfBucket(bucket: number): number {
  if (bucket < SUB_BUCKETS) return (bucket + 0.5) / TICKS_PER_MS;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const lowest = (bucket - shift * SUB_BUCKETS) * 2 ** shift;
  return (lowest + 2 ** shift / 2) / TICKS_PER_MS;
}

/**
 * Percentiles of `counts`, which has LATENCY_BUCKETS elements. The nearest-rank definition, so p50
 * of one is that one.
 */
export function percentilesOf(counts: ArrayLike<number>): Percentiles {
  let total = 0;
  for (let i = 0; i < LATENCY_BUCKETS; i += 1) total += counts[i] ?? 0;
  const result: Record<string, number | null> = {};
  let bucket = -1;
  let seen = 0;
  for (const [name, fraction] of PERCENTILES) {
    const rank = Math.max(1, Math.ceil(fraction * total));
    while (seen < rank && bucket < LATENCY_BUCKETS - 1) {
      bucket += 1;
      seen += counts[bucket] ?? 0;
    }
    result[name] = total === 0 ? null : roundMs(latencyOfBucket(bucket));
  }
  return result as Percentiles;
}

/** Adds one histogram to another: of another worker, or of another endpoint. */
export function mergeLatencies(into: Float64Array, from: ArrayLike<number>): void {
  for (let i = 0; i < LATENCY_BUCKETS; i += 1) into[i] = (into[i] ?? 0) + (from[i] ?? 0);
}

/** Six significant digits say all that the buckets know. */
function roundMs(durationMs: number): number {
  return Number(durationMs.toPrecision(6));
}
