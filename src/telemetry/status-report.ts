// Owns the JSON of /status: what the dashboard and `edgelane top` show. Totals count from the
// start; `recent` covers the last 30 to 60 seconds. Knows no HTTP.

import type { Clock } from "../clock.ts";
import type { LatencySum } from "./latency-sum.ts";
import * as cells from "./metric-table.ts";
import type { MetricsReport } from "./metrics-report.ts";
import { LATENCY_BUCKETS, mergeLatencies, percentilesOf } from "./percentiles.ts";
import type { Percentiles } from "./percentiles.ts";
import type {
  BufferReading,
  CacheReading,
  ConnectionReading,
  ReportedReadings,
  SecondTierReading,
  TargetReading,
  WorkerReading,
} from "./readings.ts";

/** Percentiles of a window are of use; those since the start never move again after a day. */
const WINDOW_MS = 30_000;

interface LatencyStatus {
  readonly total: Percentiles;
  readonly recent: Percentiles;
}

/** A route or an upstream. */
export interface TrafficStatus {
  readonly name: string;
  readonly requests: number;
  /** By class of the status: "2xx", …; "0" for clients that left before one was sent. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly latencyMs: LatencyStatus;
}

export interface Status {
  readonly version: string;
  readonly engine: string;
  readonly timeMs: number;
  readonly uptimeSeconds: number;
  /** How long the window of `recent` is at the moment. */
  readonly recentSeconds: number;
  readonly requests: number;
  /** Of all endpoints together. */
  readonly latencyMs: LatencyStatus;
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly connections: ConnectionReading & { readonly accepted: number; readonly refused: number };
  readonly cache: {
    readonly hits: number;
    readonly misses: number;
    readonly stale: number;
    readonly coalesced: number;
    readonly revalidated: number;
    readonly bypasses: number;
    /**
     * Share of the requests that the cache saw and answered without the origin; null before the
     * first.
     */
    readonly hitRatio: number | null;
    readonly tiers: readonly CacheReading[];
    /** Redis; null where there is none. */
    readonly secondTier: SecondTierReading | null;
  };
  readonly endpoints: readonly TrafficStatus[];
  readonly upstreams: readonly (TrafficStatus & { readonly targets: readonly TargetReading[] })[];
  readonly failures: Readonly<Record<string, number>>;
  readonly workers: readonly WorkerReading[];
  readonly buffers: BufferReading;
  readonly eventLoopLagSeconds: Readonly<Record<string, number>>;
  readonly accessLogDropped: number;
  readonly config: { readonly reloads: number; readonly failedReloads: number };
  readonly process: { readonly residentBytes: number; readonly cpuSeconds: number };
}

export class StatusReport {
  readonly #metrics: MetricsReport;
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** When the last two windows began. */
  #windowStartsMs: [number, number];

  constructor(metrics: MetricsReport, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#windowStartsMs = [this.#startedMs, this.#startedMs];
  }

  read(reported: ReportedReadings): Status {
    const nowMs = this.#clock.monotonicMs();
    this.#rotate(nowMs);
    const metrics = this.#metrics;
    const readings = metrics.readings(reported);
    const cell = (index: number): number => readings.cells[index] ?? 0;
    const endpoints = traffic(metrics.requests);
    const usage = process.cpuUsage();
    return {
      version: readings.version,
      engine: readings.engine,
      timeMs: this.#clock.nowMs(),
      uptimeSeconds: (nowMs - this.#startedMs) / 1000,
      recentSeconds: (nowMs - this.#windowStartsMs[0]) / 1000,
      requests: endpoints.reduce((sum, endpoint) => sum + endpoint.requests, 0),
      latencyMs: overall(metrics.requests),
      bytes: { received: cell(cells.BYTES_RECEIVED), sent: cell(cells.BYTES_SENT) },
      connections: {
        ...readings.connections,
        accepted: cell(cells.CONNECTIONS_ACCEPTED),
        refused: cell(cells.CONNECTIONS_REFUSED),
      },
      cache: {
        ...cacheCounts(cell, readings.secondTier?.hits ?? 0),
        tiers: readings.cache,
        secondTier: readings.secondTier,
      },
      endpoints,
      upstreams: traffic(metrics.upstreams).map((upstream) => ({
        ...upstream,
        targets: readings.targets.filter((target) => target.upstream === upstream.name),
      })),
      failures: metrics.failures(),
      workers: readings.workers,
      buffers: readings.buffers,
      eventLoopLagSeconds: Object.fromEntries(
        readings.eventLoopLag.map(([labels, seconds]) => [labels[0] ?? "", seconds]),
      ),
      accessLogDropped: readings.accessLogDropped,
      config: { reloads: cell(cells.RELOADS_APPLIED), failedReloads: cell(cells.RELOADS_FAILED) },
      process: {
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (usage.user + usage.system) / 1e6,
      },
    };
  }

  #rotate(nowMs: number): void {
    if (nowMs - this.#windowStartsMs[1] < WINDOW_MS) return;
    this.#metrics.requests.rotate();
    this.#metrics.upstreams.rotate();
    this.#windowStartsMs = [this.#windowStartsMs[1], nowMs];
  }
}

function cacheCounts(
  cell: (index: number) => number,
  recalled: number,
): Omit<Status["cache"], "secondTier" | "tiers"> {
  const hits = cell(cells.CACHE_HITS);
  const misses = cell(cells.CACHE_MISSES);
  const stale = cell(cells.CACHE_STALE);
  const coalesced = cell(cells.CACHE_COALESCED);
  const revalidated = cell(cells.CACHE_REVALIDATED);
  const seen = hits + misses + stale + coalesced + revalidated;
  return {
    hits,
    misses,
    stale,
    coalesced,
    revalidated,
    bypasses: cell(cells.CACHE_BYPASSES),
    hitRatio: seen === 0 ? null : (hits + stale + coalesced + recalled) / seen,
  };
}

function overall(table: LatencySum): LatencyStatus {
  const total = new Float64Array(LATENCY_BUCKETS);
  const recent = new Float64Array(LATENCY_BUCKETS);
  for (const group of table.groups()) {
    mergeLatencies(total, table.latencies(group));
    mergeLatencies(recent, table.recentLatencies(group));
  }
  return { total: percentilesOf(total), recent: percentilesOf(recent) };
}

function traffic(table: LatencySum): TrafficStatus[] {
  const statuses = new Map<string, Record<string, number>>();
  for (let index = 0; index < table.seriesCount; index += 1) {
    const { group, status, count } = table.series(index);
    if (count === 0) continue;
    const byClass = statuses.get(group) ?? {};
    const statusClass = /^[1-5]/.test(status) ? `${status.charAt(0)}xx` : status;
    byClass[statusClass] = (byClass[statusClass] ?? 0) + count;
    statuses.set(group, byClass);
  }
  return table.groups().map((name) => {
    const byClass = statuses.get(name) ?? {};
    return {
      name,
      requests: Object.values(byClass).reduce((sum, count) => sum + count, 0),
      statuses: byClass,
      latencyMs: {
        total: percentilesOf(table.latencies(name)),
        recent: percentilesOf(table.recentLatencies(name)),
      },
    };
  });
}
