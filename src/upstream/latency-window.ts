// Owns how long the answers of one upstream took lately: a log-linear histogram of the last 15 to
// 30 seconds, and a percentile of it. Pure: time is an argument. Hot where hedging is on: one
// compare and one add for an answer.

/** A bucket is at most a sixteenth of its lower edge wide. */
const SUB_BUCKETS = 16;
const SUB_BUCKET_BITS = 4;
const TICKS_PER_MS = 64;
const TICKS_MAX = 0x7fffffff;
const BUCKETS = 28 * SUB_BUCKETS;
const HALF_MS = 15_000;
/** Fewer say nothing about a tail. */
const SAMPLES_MIN = 100;
/** How long a percentile is used that was worked out once. */
const STALE_MS = 100;

export class LatencyWindow {
  readonly #quantile: number;
  #older = new Uint32Array(BUCKETS);
  #younger = new Uint32Array(BUCKETS);
  #count = 0;
  #olderCount = 0;
  #rotatesMs = Number.NEGATIVE_INFINITY;
  #valueMs = 0;
  #valueUntilMs = Number.NEGATIVE_INFINITY;

  /** `quantile`: 0.95 for p95. */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  observe(elapsedMs: number, nowMs: number): void {
    if (nowMs >= this.#rotatesMs) this.#rotate(nowMs);
    const bucket = bucketOf(elapsedMs);
    this.#younger[bucket] = (this.#younger[bucket] as number) + 1;
    this.#count += 1;
  }

  /** The upper edge of the percentile's bucket; null while too little is known. */
  valueMs(nowMs: number): number | null {
    if (nowMs < this.#valueUntilMs) return this.#valueMs;
    if (nowMs >= this.#rotatesMs) this.#rotate(nowMs);
    const total = this.#count + this.#olderCount;
    if (total < SAMPLES_MIN) return null;
    this.#valueUntilMs = nowMs + STALE_MS;
    this.#valueMs = this.#workOut(Math.ceil(this.#quantile * total));
    return this.#valueMs;
  }

  #workOut(rank: number): number {
    let seen = 0;
    let bucket = -1;
    while (seen < rank && bucket < BUCKETS - 1) {
      bucket += 1;
      seen += (this.#older[bucket] as number) + (this.#younger[bucket] as number);
    }
    return upperEdgeMs(bucket);
  }

  #rotate(nowMs: number): void {
    const isLong = !(nowMs - this.#rotatesMs < HALF_MS);
    [this.#older, this.#younger] = [this.#younger, this.#older];
    this.#olderCount = this.#count;
    if (isLong) this.#older.fill(0);
    if (isLong) this.#olderCount = 0;
    this.#younger.fill(0);
    this.#count = 0;
    this.#rotatesMs = nowMs + HALF_MS;
  }
}

function bucketOf(elapsedMs: number): number {
  const scaled = elapsedMs > 0 ? elapsedMs * TICKS_PER_MS : 0;
  const ticks = scaled < TICKS_MAX ? scaled | 0 : TICKS_MAX;
  if (ticks < SUB_BUCKETS) return ticks;
  const shift = 31 - SUB_BUCKET_BITS - Math.clz32(ticks);
  return shift * SUB_BUCKETS + (ticks >>> shift);
}

function upperEdgeMs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return (bucket + 1) / TICKS_PER_MS;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return ((bucket - shift * SUB_BUCKETS + 1) * 2 ** shift) / TICKS_PER_MS;
}
