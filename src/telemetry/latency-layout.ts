// Owns how a table of latencies lies in shared memory, so that one thread writes it and another
// reads it: a header of counts, the directory of rows, groups and series, their names, and the
// counters. Knows neither.

import { LATENCY_BUCKETS } from "./percentiles.ts";

/**
 * Upper bounds in seconds. A cache hit takes 50 microseconds, a slow origin ten seconds: both must
 * be told apart.
 */
export const DURATION_BOUNDS_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
] as const;

export const BUCKET_COUNT = DURATION_BOUNDS_SECONDS.length + 1;
/** A series: one cell for each bucket, +Inf last, then the sum of durations in milliseconds. */
export const SERIES_CELLS = BUCKET_COUNT + 1;
export const SUM_CELL = SERIES_CELLS - 1;

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
export const STATUS_COUNT = STATUS_LABELS.length;
export const STATUS_INDEX = statusIndexes();

/** Row, group and series 0 mean "none yet"; 1 takes what no longer fits. */
export const OVERFLOW = 1;

export interface LatencyLimits {
  /** Label sets without the status. Past it, requests count in one overflow row. */
  readonly rowsMax: number;
  /** Label sets with the status. Past it, requests count in one overflow series. */
  readonly seriesMax: number;
  /** Groups of rows with percentiles of their own: endpoints, or upstreams. */
  readonly groupsMax: number;
}

// The header: how many entries of each directory are complete. Stored with Atomics after them.
export const ROWS = 0;
export const GROUPS = 1;
export const SERIES = 2;
export const TEXT_BYTES = 3;
const HEADER_WORDS = 4;

/** A row: where its labels start and end in the text, and its group. */
export const ROW_WORDS = 3;
/** A group: where its name starts and ends. */
export const GROUP_WORDS = 2;
/** Labels of a row take less than this on the average; past it, rows count as overflow. */
const TEXT_BYTES_PER_ROW = 160;

/** The views of one table. Numbers are written by its owner alone. */
export interface LatencyMemory {
  readonly header: Int32Array;
  readonly rows: Int32Array;
  readonly groups: Int32Array;
  /** Row and status of each series: row * STATUS_COUNT + status index. */
  readonly series: Int32Array;
  readonly cells: Float64Array;
  readonly latencies: Float64Array;
  readonly text: Uint8Array;
}

/** Bytes of a table, a multiple of 8. */
export function latencyBytes(limits: LatencyLimits): number {
  return cellsOffset(limits) + counterBytes(limits) + limits.rowsMax * TEXT_BYTES_PER_ROW;
}

/** The table at `offset`, a multiple of 8. */
export function latencyMemory(
  buffer: SharedArrayBuffer,
  offset: number,
  limits: LatencyLimits,
): LatencyMemory {
  const rowWords = (limits.rowsMax + 2) * ROW_WORDS;
  const groupWords = (limits.groupsMax + 2) * GROUP_WORDS;
  const rowsAt = offset + HEADER_WORDS * 4;
  const groupsAt = rowsAt + rowWords * 4;
  const seriesAt = groupsAt + groupWords * 4;
  const cellsAt = offset + cellsOffset(limits);
  const cellCount = (limits.seriesMax + 2) * SERIES_CELLS;
  const latencyCount = (limits.groupsMax + 2) * LATENCY_BUCKETS;
  const textAt = cellsAt + counterBytes(limits);
  return {
    header: new Int32Array(buffer, offset, HEADER_WORDS),
    rows: new Int32Array(buffer, rowsAt, rowWords),
    groups: new Int32Array(buffer, groupsAt, groupWords),
    series: new Int32Array(buffer, seriesAt, limits.seriesMax + 2),
    cells: new Float64Array(buffer, cellsAt, cellCount),
    latencies: new Float64Array(buffer, cellsAt + cellCount * 8, latencyCount),
    text: new Uint8Array(buffer, textAt, limits.rowsMax * TEXT_BYTES_PER_ROW),
  };
}

function cellsOffset({ rowsMax, groupsMax, seriesMax }: LatencyLimits): number {
  const directory = (rowsMax + 2) * ROW_WORDS + (groupsMax + 2) * GROUP_WORDS + seriesMax + 2;
  return Math.ceil((HEADER_WORDS + directory) / 2) * 8;
}

function counterBytes({ seriesMax, groupsMax }: LatencyLimits): number {
  return ((seriesMax + 2) * SERIES_CELLS + (groupsMax + 2) * LATENCY_BUCKETS) * 8;
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
