// Owns counters by row (a set of labels) and status: a cumulative histogram for each pair that
// occurred, and a log-linear one for each group of rows. Fixed capacity in one buffer, so that a
// worker's can lie in shared memory with one writer and many readers. `record` is hot: typed-array
// adds, no allocation. Knows no metric names and no clock.

import { LATENCY_BUCKETS, latencyBucket } from "./percentiles.ts";

/**
 * Upper bounds in seconds. A cache hit takes 50 microseconds, a slow origin ten seconds: both must
 * be told apart.
 */
export const DURATION_BOUNDS_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
] as const;

const BOUNDS_MS = Float64Array.from(DURATION_BOUNDS_SECONDS, (seconds) => seconds * 1000);
const BUCKET_COUNT = BOUNDS_MS.length + 1;
/** A series: one cell for each bucket, +Inf last, then the sum of durations in milliseconds. */
const SUM_CELL = BUCKET_COUNT;
const SERIES_CELLS = BUCKET_COUNT + 1;

/**
 * Status codes that have a label of their own: those registered with IANA, and 0 for "the client
 * left before one".
 */
const STATUS_CODES = [
  0, 100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304,
  305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415,
  416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506,
  507, 508, 510, 511,
] as const;

/**
 * Any other code counts by its class, so that an origin that invents codes cannot invent series.
 */
export const STATUS_LABELS = [
  ...STATUS_CODES.map(String),
  "1xx",
  "2xx",
  "3xx",
  "4xx",
  "5xx",
  "other",
] as const;
const STATUS_COUNT = STATUS_LABELS.length;
const STATUS_INDEX = statusIndexes();

/** Row and series 0 mean "none yet"; 1 takes what no longer fits. */
const OVERFLOW = 1;

export interface LatencyLimits {
  /** Label sets without the status. Past it, requests count in one overflow row. */
  readonly rowsMax: number;
  /** Label sets with the status. Past it, requests count in one overflow series. */
  readonly seriesMax: number;
  /** Groups of rows with percentiles of their own: endpoints, or upstreams. */
  readonly groupsMax: number;
}

/** What one series holds, read at scrape. */
export interface Series {
  /** Rendered label pairs, without braces. */
  readonly labels: string;
  readonly group: string;
  readonly status: string;
  /** Counts by bucket, not cumulative, +Inf last. */
  readonly buckets: Float64Array;
  readonly count: number;
  readonly sumMs: number;
}

export class LatencyTable {
  readonly #limits: LatencyLimits;
  readonly #cells: Float64Array;
  readonly #latencies: Float64Array;
  /** Series by row and status index. */
  readonly #seriesOf: Uint16Array;
  readonly #groupOf: Uint16Array;
  readonly #rowByLabels = new Map<string, number>();
  readonly #groupByName = new Map<string, number>();
  readonly #rowLabels: string[] = ["", ""];
  readonly #groupNames: string[] = ["", ""];
  /** Row and status index of each series. */
  readonly #seriesRow: number[] = [0, OVERFLOW];
  readonly #seriesStatus: number[] = [0, STATUS_COUNT - 1];
  readonly #windows = new Map<number, Float64Array[]>();

  /** `overflow` names the labels and the group of everything past the limits. */
  constructor(limits: LatencyLimits, overflow: { labels: string; group: string }) {
    if (limits.seriesMax > 0xffff || limits.groupsMax > 0xffff) {
      throw new RangeError("series and groups are 16-bit indexes");
    }
    this.#limits = limits;
    const cellsBytes = (limits.seriesMax + 2) * SERIES_CELLS * 8;
    const latenciesBytes = (limits.groupsMax + 2) * LATENCY_BUCKETS * 8;
    const memory = new SharedArrayBuffer(cellsBytes + latenciesBytes);
    this.#cells = new Float64Array(memory, 0, cellsBytes / 8);
    this.#latencies = new Float64Array(memory, cellsBytes);
    this.#seriesOf = new Uint16Array((limits.rowsMax + 2) * STATUS_COUNT);
    this.#groupOf = new Uint16Array(limits.rowsMax + 2);
    this.#seriesOf.fill(OVERFLOW, OVERFLOW * STATUS_COUNT, (OVERFLOW + 1) * STATUS_COUNT);
    this.#groupOf[OVERFLOW] = OVERFLOW;
    this.#rowLabels[OVERFLOW] = overflow.labels;
    this.#groupNames[OVERFLOW] = overflow.group;
  }

  /**
   * The row of a label set, made on first use. `labels` are rendered pairs without the status. Not
   * hot.
   */
  row(labels: string, group: string): number {
    const known = this.#rowByLabels.get(labels);
    if (known !== undefined) return known;
    const row = this.#rowLabels.length;
    if (row >= this.#limits.rowsMax + 2) return OVERFLOW;
    this.#rowLabels.push(labels);
    this.#rowByLabels.set(labels, row);
    this.#groupOf[row] = this.#group(group);
    return row;
  }

  /** Counts one exchange. */
  record(row: number, status: number, durationMs: number): void {
    const statusIndex = STATUS_INDEX[status] ?? STATUS_COUNT - 1;
    const series = this.#seriesOf[row * STATUS_COUNT + statusIndex] || this.#open(row, statusIndex);
    const duration = durationMs > 0 ? durationMs : 0;
    let bucket = 0;
    while (bucket < BUCKET_COUNT - 1 && duration > (BOUNDS_MS[bucket] as number)) bucket += 1;
    const base = series * SERIES_CELLS;
    const cells = this.#cells;
    cells[base + bucket] = (cells[base + bucket] as number) + 1;
    cells[base + SUM_CELL] = (cells[base + SUM_CELL] as number) + duration;
    const latency = (this.#groupOf[row] as number) * LATENCY_BUCKETS + latencyBucket(duration);
    this.#latencies[latency] = (this.#latencies[latency] as number) + 1;
  }

  /** How many series exist; `series(index)` reads one, from 0 to this. */
  get seriesCount(): number {
    return this.#seriesRow.length - 1;
  }

  series(index: number): Series {
    const at = index + OVERFLOW;
    const row = this.#seriesRow[at] ?? OVERFLOW;
    const status = STATUS_LABELS[this.#seriesStatus[at] ?? STATUS_COUNT - 1] ?? "other";
    const base = at * SERIES_CELLS;
    const buckets = this.#cells.slice(base, base + BUCKET_COUNT);
    let count = 0;
    for (const inBucket of buckets) count += inBucket;
    const labels = `${this.#rowLabels[row] ?? ""},status="${status}"`;
    const group = this.#groupNames[this.#groupOf[row] ?? OVERFLOW] ?? "";
    return { labels, group, status, buckets, count, sumMs: this.#cells[base + SUM_CELL] ?? 0 };
  }

  /** Names of the groups that have rows; that of the overflow when it was needed. */
  groups(): string[] {
    const overflow = this.#groupNames[OVERFLOW] ?? "";
    const used = this.latencies(overflow).some((count) => count > 0);
    return [...this.#groupByName.keys(), ...(used ? [overflow] : [])];
  }

  /** Log-linear counts of a group since the start; a view that goes on counting. */
  latencies(group: string): Float64Array {
    const index = this.#groupByName.get(group) ?? OVERFLOW;
    return this.#latencies.subarray(index * LATENCY_BUCKETS, (index + 1) * LATENCY_BUCKETS);
  }

  /**
   * Counts of a group since the rotation before the last: a window between one and two rotations
   * long.
   */
  recentLatencies(group: string): Float64Array {
    const index = this.#groupByName.get(group) ?? OVERFLOW;
    const before = this.#windows.get(index)?.[0];
    return this.latencies(group).map((count, bucket) => count - (before?.[bucket] ?? 0));
  }

  /** Starts a new window. */
  rotate(): void {
    for (const [group, index] of this.#groupByName) {
      const last = this.#windows.get(index)?.at(-1);
      const now = this.latencies(group).slice();
      this.#windows.set(
        index,
        last === undefined ? [new Float64Array(LATENCY_BUCKETS), now] : [last, now],
      );
    }
  }

  #group(name: string): number {
    const known = this.#groupByName.get(name);
    if (known !== undefined) return known;
    const group = this.#groupNames.length;
    if (group >= this.#limits.groupsMax + 2) return OVERFLOW;
    this.#groupNames.push(name);
    this.#groupByName.set(name, group);
    return group;
  }

  #open(row: number, statusIndex: number): number {
    let series = this.#seriesRow.length;
    if (series >= this.#limits.seriesMax + 2) series = OVERFLOW;
    else {
      this.#seriesRow.push(row);
      this.#seriesStatus.push(statusIndex);
    }
    this.#seriesOf[row * STATUS_COUNT + statusIndex] = series;
    return series;
  }
}

function statusIndexes(): Uint8Array {
  const indexes = new Uint8Array(1000).fill(STATUS_COUNT - 1);
  for (let code = 100; code < 600; code += 1) {
    indexes[code] = STATUS_CODES.length + Math.floor(code / 100) - 1;
  }
  STATUS_CODES.forEach((code, index) => {
    indexes[code] = index;
  });
  return indexes;
}
