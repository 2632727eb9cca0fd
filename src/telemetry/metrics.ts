// Owns the gateway's counters and their rendering at scrape. `record`, `recordUpstream` and `add`
// are hot: typed-array adds, no allocation, no look-up by string. Knows no sockets and no clock;
// labels are route and upstream names, methods and status codes, never what a client sent.

import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { FAILURES } from "../http/errors.ts";
import type { ReasonCode } from "../http/errors.ts";
import { EventLoopLag } from "./event-loop-lag.ts";
import { labelPair, renderLatencies } from "./exposition.ts";
import { LatencyTable } from "./latency-table.ts";
import {
  BYTES_SENT,
  CELL_COUNT,
  LATENCY_METRICS,
  METRICS,
  RELOAD_SUCCEEDED,
} from "./metric-table.ts";
import type { Cell, MetricRow } from "./metric-table.ts";
import type { GatewayReadings, Sources } from "./readings.ts";

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

const REASONS = Object.keys(FAILURES) as ReasonCode[];
const REASON_INDEX: ReadonlyMap<string, number> = new Map(
  REASONS.map((code, index) => [code, index]),
);

/**
 * 2,000 label sets are a large config; ten times as much memory is still 6 MB, touched only when
 * used.
 */
const REQUEST_LIMITS = { rowsMax: 4096, seriesMax: 16_384, groupsMax: 1024 };
const UPSTREAM_LIMITS = { rowsMax: 256, seriesMax: 4096, groupsMax: 256 };

/**
 * Default metrics that are left out. Listing every handle holds the loop for milliseconds with
 * 10,000 connections. The lag counts its own sampling period as lag; gateway_event_loop_lag_seconds
 * does not.
 */
const UNWANTED_METRICS = /^nodejs_(active_|eventloop_lag_)/;
/** prom-client samples the lag whether it is wanted or not: as seldom as it lets us. */
const UNWANTED_SAMPLING_MS = 60_000;

const NO_SOURCES: Sources = {
  cache: () => [],
  connections: () => ({ active: 0, idle: 0 }),
  targets: () => [],
  buffers: () => ({ inUse: 0, highWater: 0, max: 0, exhausted: 0 }),
  accessLogDropped: () => 0,
};

export interface MetricsOptions {
  readonly version: string;
  /** Which engine parses: "wasm-simd" or "reference". */
  readonly engine: string;
}

export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly requests = new LatencyTable(REQUEST_LIMITS, {
    labels: 'method="OTHER",endpoint="overflow"',
    group: "overflow",
  });
  readonly upstreams = new LatencyTable(UPSTREAM_LIMITS, {
    labels: 'upstream="overflow"',
    group: "overflow",
  });
  readonly cells = new Float64Array(new SharedArrayBuffer(CELL_COUNT * 8));
  readonly #failures = new Float64Array(REASONS.length);
  readonly #upstreamFailures = new Map<number, Float64Array>();
  readonly #upstreamNames = new Map<number, string>();
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #lag = new EventLoopLag();
  #sources: Sources = NO_SOURCES;
  /** What the scrape under way reports, read once for all metrics. */
  #scrape: GatewayReadings | null = null;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.cells[RELOAD_SUCCEEDED] = 1;
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: UNWANTED_SAMPLING_MS,
    });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (UNWANTED_METRICS.test(name)) this.#registry.removeSingleMetric(name);
    }
    for (const row of METRICS) this.#register(row);
  }

  /** Says where gauges are read at scrape. Parts that are not given read as zero. */
  attach(sources: Partial<Sources>): void {
    this.#sources = { ...this.#sources, ...sources };
  }

  /**
   * The row to `record` on for a route and a METHOD_* id: ask once when the route is built, not for
   * each request.
   */
  route(endpoint: string, methodId: number): number {
    const method = METHOD_LABELS[methodId] ?? "OTHER";
    return this.requests.row(
      `${labelPair("method", method)},${labelPair("endpoint", endpoint)}`,
      endpoint,
    );
  }

  /** Counts an exchange that has ended. `bytes` is everything written for it, its head included. */
  record(row: number, status: number, durationMs: number, bytes: number): void {
    this.requests.record(row, status, durationMs);
    this.cells[BYTES_SENT] = (this.cells[BYTES_SENT] as number) + bytes;
  }

  /** The row of an upstream, for `recordUpstream` and `failUpstream`. */
  upstream(name: string): number {
    const row = this.upstreams.row(labelPair("upstream", name), name);
    if (!this.#upstreamNames.has(row)) this.#upstreamNames.set(row, name);
    return row;
  }

  /** Counts a request that an upstream answered. */
  recordUpstream(row: number, status: number, durationMs: number): void {
    this.upstreams.record(row, status, durationMs);
  }

  /** Counts a request that an upstream failed, all its retries included. */
  failUpstream(row: number, reason: ReasonCode): void {
    let counts = this.#upstreamFailures.get(row);
    if (counts === undefined) {
      counts = new Float64Array(REASONS.length);
      this.#upstreamFailures.set(row, counts);
    }
    increment(counts, REASON_INDEX.get(reason));
  }

  /** Counts an exchange that failed, in addition to `record`. */
  fail(reason: ReasonCode): void {
    increment(this.#failures, REASON_INDEX.get(reason));
  }

  /** Adds to a counter of metric-table.ts. */
  add(cell: Cell, amount: number): void {
    this.cells[cell] = (this.cells[cell] as number) + amount;
  }

  /** Sets a level of metric-table.ts. */
  set(cell: Cell, value: number): void {
    this.cells[cell] = value;
  }

  /**
   * Exchanges that failed since the start, by reason code; codes that did not occur are left out.
   */
  failures(): Record<string, number> {
    return Object.fromEntries(
      REASONS.map((code, index) => [code, this.#failures[index] ?? 0] as const).filter(
        ([, count]) => count > 0,
      ),
    );
  }

  /** The exposition in the Prometheus text format. */
  async text(): Promise<string> {
    this.#scrape = this.readings();
    const [requests, durations, attempts, attemptDurations] = LATENCY_METRICS;
    const latencies = await renderLatencies(this.requests, requests, durations);
    const upstreams = await renderLatencies(this.upstreams, attempts, attemptDurations);
    return latencies + upstreams + (await this.#registry.metrics());
  }

  /** Everything else that a scrape or the admin API reports. */
  readings(): GatewayReadings {
    const sources = this.#sources;
    return {
      version: this.#options.version,
      engine: this.#options.engine,
      cells: this.cells,
      cache: sources.cache(),
      connections: sources.connections(),
      targets: sources.targets(),
      buffers: sources.buffers(),
      failures: byReason(this.#failures, []),
      upstreamFailures: [...this.#upstreamFailures].flatMap(([row, counts]) =>
        byReason(counts, [this.#upstreamNames.get(row) ?? "overflow"]),
      ),
      eventLoopLag: this.#lag.read(),
      accessLogDropped: sources.accessLogDropped(),
    };
  }

  /** Stops sampling the event loop. */
  close(): void {
    this.#lag.close();
    this.#registry.clear();
  }

  #register(row: MetricRow): void {
    const readings = (): GatewayReadings => this.#scrape ?? this.readings();
    const config = { name: row.name, help: row.help, labelNames: [...row.labels] };
    const registers = [this.#registry];
    const named = (values: readonly string[]): Record<string, string> =>
      Object.fromEntries(row.labels.map((label, index) => [label, values[index] ?? ""]));
    if (row.type === "gauge") {
      new Gauge({
        ...config,
        registers,
        collect() {
          this.reset();
          for (const [labels, value] of row.read(readings())) this.set(named(labels), value);
        },
      });
      return;
    }
    new Counter({
      ...config,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of row.read(readings())) this.inc(named(labels), value);
      },
    });
  }
}

/**
 * The METHOD_* id of a method; 0 for any other method. Methods are case-sensitive (RFC 9110 section
 * 9.1).
 */
export function methodId(method: string): number {
  return Math.max(0, METHOD_LABELS.indexOf(method, 1));
}

function increment(counts: Float64Array, index: number | undefined): void {
  if (index !== undefined) counts[index] = (counts[index] ?? 0) + 1;
}

function byReason(counts: Float64Array, labels: readonly string[]): [string[], number][] {
  return REASONS.map((code, index) => [[...labels, code], counts[index] ?? 0]);
}
