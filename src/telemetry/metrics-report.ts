// Owns what a scrape shows: the sum of what all threads have counted, and the gauges that they
// report, rendered by prom-client (the many latency series by exposition.ts). Runs where the admin
// listener is; asks the counting threads for nothing.

import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { renderLatencies } from "./exposition.ts";
import { LatencySum } from "./latency-sum.ts";
import { CELL_COUNT, LATENCY_METRICS, METRICS } from "./metric-table.ts";
import type { MetricRow } from "./metric-table.ts";
import {
  type MetricBlock,
  type MetricMemory,
  metricMemory,
  OVERFLOW_GROUP,
  REASONS,
} from "./metrics.ts";
import type { GatewayReadings, ReportedReadings } from "./readings.ts";

/**
 * Default metrics that are left out. Listing every handle holds the loop for milliseconds with
 * 10,000 connections. The lag counts its own sampling period as lag; gateway_event_loop_lag_seconds
 * does not.
 */
const UNWANTED_METRICS = /^nodejs_(active_|eventloop_lag_)/;
/** prom-client samples the lag whether it is wanted or not: as seldom as it lets us. */
const UNWANTED_SAMPLING_MS = 60_000;

export interface MetricsReportOptions {
  readonly version: string;
  /** Which engine parses: "wasm-simd" or "reference". */
  readonly engine: string;
  /** Of every thread that counts. */
  readonly blocks: readonly MetricBlock[];
}

export class MetricsReport {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly requests: LatencySum;
  readonly upstreams: LatencySum;
  readonly #options: MetricsReportOptions;
  readonly #memories: readonly MetricMemory[];
  readonly #registry = new Registry();
  /** What the scrape under way reports, read once for all metrics. */
  #scrape: GatewayReadings | null = null;

  constructor(options: MetricsReportOptions) {
    this.#options = options;
    this.#memories = options.blocks.map(metricMemory);
    this.requests = new LatencySum(
      this.#memories.map((memory) => memory.requests),
      OVERFLOW_GROUP,
    );
    this.upstreams = new LatencySum(
      this.#memories.map((memory) => memory.upstreams),
      OVERFLOW_GROUP,
    );
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: UNWANTED_SAMPLING_MS,
    });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (UNWANTED_METRICS.test(name)) this.#registry.removeSingleMetric(name);
    }
    for (const row of METRICS) this.#register(row);
  }

  /** The exposition in the Prometheus text format. */
  async text(reported: ReportedReadings): Promise<string> {
    this.#scrape = this.readings(reported);
    const [requests, durations, attempts, attemptDurations] = LATENCY_METRICS;
    const latencies = await renderLatencies(this.requests, requests, durations);
    const upstreams = await renderLatencies(this.upstreams, attempts, attemptDurations);
    return latencies + upstreams + (await this.#registry.metrics());
  }

  /** Everything but the latencies: the sums of the counters beside what was reported. */
  readings(reported: ReportedReadings): GatewayReadings {
    const sum = (of: (memory: MetricMemory) => Float64Array, length: number): Float64Array => {
      const total = new Float64Array(length);
      for (const memory of this.#memories) addTo(total, of(memory));
      return total;
    };
    return {
      ...reported,
      version: this.#options.version,
      engine: this.#options.engine,
      cells: sum((memory) => memory.cells, CELL_COUNT),
      failures: byReason(
        sum((memory) => memory.failures, REASONS.length),
        [],
      ),
      upstreamFailures: this.#upstreamFailures(),
    };
  }

  /**
   * Exchanges that failed since the start, by reason code; codes that did not occur are left out.
   */
  failures(): Record<string, number> {
    const total = new Float64Array(REASONS.length);
    for (const memory of this.#memories) addTo(total, memory.failures);
    const counts = REASONS.map((code, index) => [code, total[index] ?? 0] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  close(): void {
    this.#registry.clear();
  }

  /** Each thread has its own row for an upstream; those that never failed are left out. */
  #upstreamFailures(): [string[], number][] {
    const byName = new Map<string, Float64Array>();
    for (const [index, { upstreamFailures }] of this.#memories.entries()) {
      for (const [row, name] of this.upstreams.groupNamesByRow(index)) {
        const start = row * REASONS.length;
        const counts = upstreamFailures.subarray(start, start + REASONS.length);
        if (!counts.some((count) => count > 0)) continue;
        const total = byName.get(name) ?? new Float64Array(REASONS.length);
        addTo(total, counts);
        byName.set(name, total);
      }
    }
    return [...byName].flatMap(([name, counts]) => byReason(counts, [name]));
  }

  #register(row: MetricRow): void {
    const readings = (): GatewayReadings | null => this.#scrape;
    const config = { name: row.name, help: row.help, labelNames: [...row.labels] };
    const registers = [this.#registry];
    const named = (values: readonly string[]): Record<string, string> =>
      Object.fromEntries(row.labels.map((label, index) => [label, values[index] ?? ""]));
    const samples = (): ReturnType<MetricRow["read"]> => {
      const from = readings();
      return from === null ? [] : row.read(from);
    };
    if (row.type === "gauge") {
      new Gauge({
        ...config,
        registers,
        collect() {
          this.reset();
          for (const [labels, value] of samples()) this.set(named(labels), value);
        },
      });
      return;
    }
    new Counter({
      ...config,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of samples()) this.inc(named(labels), value);
      },
    });
  }
}

function addTo(total: Float64Array, counts: Float64Array): void {
  for (let index = 0; index < total.length; index += 1) {
    total[index] = (total[index] ?? 0) + (counts[index] ?? 0);
  }
}

function byReason(counts: Float64Array, labels: readonly string[]): [string[], number][] {
  return REASONS.map((code, index) => [[...labels, code], counts[index] ?? 0]);
}
