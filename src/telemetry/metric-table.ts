// Owns the one table of metrics: name, type, help, labels, and where the values come from. The
// scrape, docs/metrics.md and the tests read it. Knows no HTTP and no prom-client.

import { ENTRY_END_METRICS } from "./entry-end-metrics.ts";
import type { GatewayReadings, SecondTierReading, WorkerReading } from "./readings.ts";
import { SECOND_TIER_METRICS, secondTier } from "./second-tier-metrics.ts";
import { NAME_METRICS, UPSTREAM_METRICS } from "./upstream-metrics.ts";

/**
 * Counters that code adds to directly: `metrics.add(CACHE_HITS, 1)`. An index into one row of
 * cells.
 */
export const CACHE_HITS = 0;
export const CACHE_MISSES = 1;
export const CACHE_STALE = 2;
export const CACHE_COALESCED = 3;
export const CACHE_REVALIDATED = 4;
export const CACHE_STORES = 5;
export const CACHE_BYPASSES = 6;
export const CACHE_PURGES = 7;
export const BYTES_RECEIVED = 8;
export const BYTES_SENT = 9;
export const CONNECTIONS_ACCEPTED = 10;
export const CONNECTIONS_REFUSED = 11;
export const RELOADS_APPLIED = 12;
export const RELOADS_FAILED = 13;
/** Seconds since the epoch of the last applied config; a level, not a counter. */
export const CONFIG_LOADED_SECONDS = 14;
/** 1 when the last reload was applied, 0 when it failed; a level, not a counter. */
export const RELOAD_SUCCEEDED = 15;
export const CACHE_SOFT_PURGES = 16;
export const FALLBACKS_UPSTREAM = 17;
export const FALLBACKS_PAGE = 18;
export const CACHE_RELEASED = 19;
export const CACHE_HIT_FOR_MISS = 20;
export const CELL_COUNT = 21;

export type Cell = number;

/** One value: label values in the order of the metric's `labels`. */
export type Sample = readonly [labels: readonly string[], value: number];

export interface MetricRow {
  readonly name: `gateway_${string}`;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  read(readings: GatewayReadings): readonly Sample[];
}

/** Metrics with one series for each request label set; rendered apart, because they are many. */
export const LATENCY_METRICS = [
  {
    name: "gateway_requests_total",
    type: "counter",
    help: "Requests that ended, by method, route and status sent; status 0 is a client that left first.",
    labels: ["method", "endpoint", "status"],
  },
  {
    name: "gateway_request_duration_seconds",
    type: "histogram",
    help: "Time from the first byte of a request to the last byte of its response handed to the socket.",
    labels: ["method", "endpoint", "status"],
  },
  {
    name: "gateway_upstream_requests_total",
    type: "counter",
    help: "Requests that an upstream answered, by the status received.",
    labels: ["upstream", "status"],
  },
  {
    name: "gateway_upstream_request_duration_seconds",
    type: "histogram",
    help: "Time from asking an upstream to the end of its response.",
    labels: ["upstream", "status"],
  },
] as const;

export const METRICS: readonly MetricRow[] = [
  cell(
    "gateway_cache_hits_total",
    CACHE_HITS,
    "Requests answered from a fresh stored response; l2: found in Redis, for all who waited.",
    (tier) => tier.hits,
  ),
  cell("gateway_cache_misses_total", CACHE_MISSES, "Requests with no usable stored response."),
  cell(
    "gateway_cache_stale_total",
    CACHE_STALE,
    "Requests answered from a stale stored response; l2: found stale, used or validated.",
    (tier) => tier.stale,
  ),
  cell(
    "gateway_cache_coalesced_total",
    CACHE_COALESCED,
    "Requests that shared another one's origin request.",
  ),
  cell(
    "gateway_cache_released_total",
    CACHE_RELEASED,
    "Requests that waited for another one's response and had to ask themselves.",
  ),
  cell(
    "gateway_cache_hit_for_miss_total",
    CACHE_HIT_FOR_MISS,
    "Requests that did not wait, because the last response was not one to share.",
  ),
  cell(
    "gateway_cache_revalidated_total",
    CACHE_REVALIDATED,
    "Stored responses that the origin server confirmed with 304.",
  ),
  cell("gateway_cache_stores_total", CACHE_STORES, "Responses stored.", (tier) => tier.stores),
  cell(
    "gateway_cache_bypasses_total",
    CACHE_BYPASSES,
    "Requests for which the cache was not consulted.",
  ),
  cell("gateway_cache_purges_total", CACHE_PURGES, "Stored responses removed by a purge."),
  cell(
    "gateway_cache_soft_purges_total",
    CACHE_SOFT_PURGES,
    "Stored responses made stale by a soft purge.",
  ),
  {
    name: "gateway_cache_evictions_total",
    type: "counter",
    help: "Stored responses removed to make room.",
    labels: ["tier"],
    read: (from) => from.cache.map((tier) => [[tier.tier], tier.evictions]),
  },
  ...ENTRY_END_METRICS,
  {
    name: "gateway_cache_entries",
    type: "gauge",
    help: "Stored responses now.",
    labels: ["tier"],
    read: (from) => from.cache.map((tier) => [[tier.tier], tier.entries]),
  },
  {
    name: "gateway_cache_bytes",
    type: "gauge",
    help: "Bytes of stored responses now, headers and bookkeeping included.",
    labels: ["tier"],
    read: (from) => from.cache.map((tier) => [[tier.tier], tier.bytes]),
  },
  {
    name: "gateway_cache_bytes_max",
    type: "gauge",
    help: "Limit of gateway_cache_bytes.",
    labels: ["tier"],
    read: (from) => from.cache.map((tier) => [[tier.tier], tier.bytesMax]),
  },
  ...SECOND_TIER_METRICS,
  {
    name: "gateway_connections",
    type: "gauge",
    help: "Client connections now: active ones have an exchange under way.",
    labels: ["state"],
    read: (from) => [
      [["active"], from.connections.active],
      [["idle"], from.connections.idle],
    ],
  },
  {
    name: "gateway_connections_total",
    type: "counter",
    help: "Client connections, by what became of them at the listener.",
    labels: ["result"],
    read: (from) => [
      [["accepted"], from.cells[CONNECTIONS_ACCEPTED] ?? 0],
      [["refused"], from.cells[CONNECTIONS_REFUSED] ?? 0],
    ],
  },
  {
    name: "gateway_bytes_total",
    type: "counter",
    help: "Bytes read from and written to clients, heads included.",
    labels: ["direction"],
    read: (from) => [
      [["received"], from.cells[BYTES_RECEIVED] ?? 0],
      [["sent"], from.cells[BYTES_SENT] ?? 0],
    ],
  },
  {
    name: "gateway_failures_total",
    type: "counter",
    help: "Exchanges that failed, by reason code.",
    labels: ["reason"],
    read: (from) => from.failures,
  },
  {
    name: "gateway_upstream_failures_total",
    type: "counter",
    help: "Requests that an upstream failed, all retries included, by reason code.",
    labels: ["upstream", "reason"],
    read: (from) => from.upstreamFailures,
  },
  {
    name: "gateway_fallbacks_total",
    type: "counter",
    help: "Requests that were answered in place of their upstream, by what answered.",
    labels: ["by"],
    read: (from) => [
      [["upstream"], from.cells[FALLBACKS_UPSTREAM] ?? 0],
      [["page"], from.cells[FALLBACKS_PAGE] ?? 0],
    ],
  },
  ...UPSTREAM_METRICS,
  ...NAME_METRICS,
  {
    name: "gateway_buffers_in_use",
    type: "gauge",
    help: "Request-buffer slabs in use now.",
    labels: [],
    read: (from) => [[[], from.buffers.inUse]],
  },
  {
    name: "gateway_buffers_high_water",
    type: "gauge",
    help: "Most request-buffer slabs in use at once since the start.",
    labels: [],
    read: (from) => [[[], from.buffers.highWater]],
  },
  {
    name: "gateway_buffers_max",
    type: "gauge",
    help: "Request-buffer slabs that exist.",
    labels: [],
    read: (from) => [[[], from.buffers.max]],
  },
  {
    name: "gateway_buffers_exhausted_total",
    type: "counter",
    help: "Times that a connection had to wait because every request-buffer slab was in use.",
    labels: [],
    read: (from) => [[[], from.buffers.exhausted]],
  },
  {
    name: "gateway_config_reloads_total",
    type: "counter",
    help: "Attempts to reload the config, by result.",
    labels: ["result"],
    read: (from) => [
      [["applied"], from.cells[RELOADS_APPLIED] ?? 0],
      [["failed"], from.cells[RELOADS_FAILED] ?? 0],
    ],
  },
  level(
    "gateway_config_last_reload_success",
    RELOAD_SUCCEEDED,
    "1 when the last reload was applied, 0 when it failed.",
  ),
  level(
    "gateway_config_last_reload_success_timestamp_seconds",
    CONFIG_LOADED_SECONDS,
    "When the config that serves now was applied.",
  ),
  {
    name: "gateway_event_loop_lag_seconds",
    type: "gauge",
    help: "How late timers fired over the last one to two minutes: p50, p99 and max.",
    labels: ["stat"],
    read: (from) => from.eventLoopLag,
  },
  {
    name: "gateway_shed_total",
    type: "counter",
    help: "Requests refused because the gateway had too much to do, by the priority of their route.",
    labels: ["priority"],
    read: (from) => [
      [["low"], from.shed.low],
      [["normal"], from.shed.normal],
      [["high"], from.shed.high],
    ],
  },
  {
    name: "gateway_access_log_dropped_total",
    type: "counter",
    help: "Access-log lines that were dropped because the sink was slow.",
    labels: [],
    read: (from) => [[[], from.accessLogDropped]],
  },
  worker(
    "up",
    "gauge",
    "1 while the worker serves and answers, 0 while it is being replaced.",
    (of) => (of.up ? 1 : 0),
  ),
  worker(
    "restarts_total",
    "counter",
    "Times that the worker ended by itself and was replaced.",
    (of) => of.restarts,
  ),
  worker("connections", "gauge", "Client connections of the worker now.", (of) => of.connections),
  worker("heap_bytes", "gauge", "Bytes in use on the worker's heap.", (of) => of.heapBytes),
  {
    name: "gateway_info",
    type: "gauge",
    help: "Always 1; its labels say which version runs and which engine parses.",
    labels: ["version", "engine"],
    read: (from) => [[[from.version, from.engine], 1]],
  },
];

function cell(
  name: MetricRow["name"],
  index: Cell,
  help: string,
  second: (tier: SecondTierReading) => number | null = () => null,
): MetricRow {
  // The request counters of the cache say where a request was answered; l1 is the tier that every
  // request asks.
  return {
    name,
    type: "counter",
    help,
    labels: ["tier"],
    read: (from) => [[["l1"], from.cells[index] ?? 0], ...secondTier(from.secondTier, second)],
  };
}

function level(name: MetricRow["name"], index: Cell, help: string): MetricRow {
  return { name, type: "gauge", help, labels: [], read: (from) => [[[], from.cells[index] ?? 0]] };
}

function worker(
  name: string,
  type: MetricRow["type"],
  help: string,
  read: (worker: WorkerReading) => number,
): MetricRow {
  return {
    name: `gateway_worker_${name}`,
    type,
    help,
    labels: ["worker"],
    read: (from) => from.workers.map((of) => [[String(of.worker)], read(of)]),
  };
}
