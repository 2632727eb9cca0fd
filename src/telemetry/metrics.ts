// Owns a thread's counters: `record`, `recordUpstream` and `add` are hot: typed-array adds, no
// allocation, no look-up by string. They lie in shared memory that this thread alone writes, so
// that another can sum them up at scrape (metrics-report.ts). Labels are route and upstream names,
// methods and status codes, never what a client sent.

import { FAILURES } from "../http/errors.ts";
import type { ReasonCode } from "../http/errors.ts";
import { labelPair } from "./exposition.ts";
import { latencyBytes, latencyMemory, type LatencyMemory } from "./latency-layout.ts";
import { LatencyTable } from "./latency-table.ts";
import { BYTES_SENT, CELL_COUNT } from "./metric-table.ts";
import type { Cell } from "./metric-table.ts";

/** The `method` label by METHOD_* id; methods that the parser has no id for are OTHER. */
const METHOD_LABELS: readonly string[] = [
  "OTHER",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
];

export const REASONS = Object.keys(FAILURES) as ReasonCode[];
const REASON_INDEX: ReadonlyMap<string, number> = new Map(
  REASONS.map((code, index) => [code, index]),
);

/**
 * 2,000 label sets are a large config; ten times as much memory is still 11 MB a worker, touched
 * only when used.
 */
const REQUEST_LIMITS = { rowsMax: 4096, seriesMax: 16_384, groupsMax: 1024 };
const UPSTREAM_LIMITS = { rowsMax: 256, seriesMax: 4096, groupsMax: 256 };
const UPSTREAM_ROWS = UPSTREAM_LIMITS.rowsMax + 2;

export const OVERFLOW_GROUP = "overflow";

const FAILURES_AT = CELL_COUNT * 8;
const UPSTREAM_FAILURES_AT = FAILURES_AT + REASONS.length * 8;
const REQUESTS_AT = UPSTREAM_FAILURES_AT + UPSTREAM_ROWS * REASONS.length * 8;
const UPSTREAMS_AT = REQUESTS_AT + Math.ceil(latencyBytes(REQUEST_LIMITS) / 8) * 8;

/** Shared memory that the counters of one thread take; a multiple of 8. */
export const METRIC_BLOCK_BYTES = UPSTREAMS_AT + Math.ceil(latencyBytes(UPSTREAM_LIMITS) / 8) * 8;

/** Where the counters of one thread lie: METRIC_BLOCK_BYTES from an offset that 8 divides. */
export interface MetricBlock {
  readonly buffer: SharedArrayBuffer;
  readonly offset: number;
}

/** The views of a block, for its writer and its readers. */
export interface MetricMemory {
  readonly cells: Float64Array;
  readonly failures: Float64Array;
  /** By row of `upstreams`, REASONS.length each. */
  readonly upstreamFailures: Float64Array;
  readonly requests: LatencyMemory;
  readonly upstreams: LatencyMemory;
}

export function newMetricBlock(): MetricBlock {
  return { buffer: new SharedArrayBuffer(METRIC_BLOCK_BYTES), offset: 0 };
}

export function metricMemory({ buffer, offset }: MetricBlock): MetricMemory {
  const upstreamFailureCount = UPSTREAM_ROWS * REASONS.length;
  return {
    cells: new Float64Array(buffer, offset, CELL_COUNT),
    failures: new Float64Array(buffer, offset + FAILURES_AT, REASONS.length),
    upstreamFailures: new Float64Array(buffer, offset + UPSTREAM_FAILURES_AT, upstreamFailureCount),
    requests: latencyMemory(buffer, offset + REQUESTS_AT, REQUEST_LIMITS),
    upstreams: latencyMemory(buffer, offset + UPSTREAMS_AT, UPSTREAM_LIMITS),
  };
}

export class Metrics {
  readonly cells: Float64Array;
  readonly #requests: LatencyTable;
  readonly #upstreams: LatencyTable;
  readonly #failures: Float64Array;
  readonly #upstreamFailures: Float64Array;

  /** A block that another thread has counted in is counted on in. */
  constructor(block: MetricBlock = newMetricBlock()) {
    const memory = metricMemory(block);
    this.cells = memory.cells;
    this.#failures = memory.failures;
    this.#upstreamFailures = memory.upstreamFailures;
    this.#requests = new LatencyTable(memory.requests, REQUEST_LIMITS, {
      labels: 'method="OTHER",endpoint="overflow"',
      group: OVERFLOW_GROUP,
    });
    this.#upstreams = new LatencyTable(memory.upstreams, UPSTREAM_LIMITS, {
      labels: 'upstream="overflow"',
      group: OVERFLOW_GROUP,
    });
  }

  /**
   * The row to `record` on for a route and a METHOD_* id: ask once when the route is built, not for
   * each request.
   */
  route(endpoint: string, methodId: number): number {
    const method = METHOD_LABELS[methodId] ?? "OTHER";
    return this.#requests.row(
      `${labelPair("method", method)},${labelPair("endpoint", endpoint)}`,
      endpoint,
    );
  }

  /** Counts an exchange that has ended. `bytes` is everything written for it, its head included. */
  record(row: number, status: number, durationMs: number, bytes: number): void {
    this.#requests.record(row, status, durationMs);
    this.cells[BYTES_SENT] = (this.cells[BYTES_SENT] as number) + bytes;
  }

  /** The row of an upstream, for `recordUpstream` and `failUpstream`. */
  upstream(name: string): number {
    return this.#upstreams.row(labelPair("upstream", name), name);
  }

  /** Counts a request that an upstream answered. */
  recordUpstream(row: number, status: number, durationMs: number): void {
    this.#upstreams.record(row, status, durationMs);
  }

  /** Counts a request that an upstream failed, all its retries included. */
  failUpstream(row: number, reason: ReasonCode): void {
    const index = REASON_INDEX.get(reason);
    if (index !== undefined) increment(this.#upstreamFailures, row * REASONS.length + index);
  }

  /** Counts an exchange that failed, in addition to `record`. */
  fail(reason: ReasonCode): void {
    const index = REASON_INDEX.get(reason);
    if (index !== undefined) increment(this.#failures, index);
  }

  /** Adds to a counter of metric-table.ts. */
  add(cell: Cell, amount: number): void {
    this.cells[cell] = (this.cells[cell] as number) + amount;
  }

  /** Sets a level of metric-table.ts. */
  set(cell: Cell, value: number): void {
    this.cells[cell] = value;
  }
}

/**
 * The METHOD_* id of a method; 0 for any other method. Methods are case-sensitive (RFC 9110 section
 * 9.1).
 */
export function methodId(method: string): number {
  return Math.max(0, METHOD_LABELS.indexOf(method, 1));
}

function increment(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
