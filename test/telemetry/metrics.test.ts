// Tests the counters and what a scrape shows of them: names and labels, bounds on label sets,
// buckets, and that a large scrape leaves the event loop to others.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { METHOD_GET, METHOD_HEAD, METHOD_OTHER } from "../../assembly/layout.ts";
import * as layout from "../../assembly/layout.ts";
import { latencyBytes, latencyMemory } from "../../src/telemetry/latency-layout.ts";
import { LatencySum } from "../../src/telemetry/latency-sum.ts";
import { LatencyTable } from "../../src/telemetry/latency-table.ts";
import {
  BYTES_RECEIVED,
  CACHE_HITS,
  LATENCY_METRICS,
  METRICS,
} from "../../src/telemetry/metric-table.ts";
import { methodId } from "../../src/telemetry/metrics.ts";
import { ReportedMetrics } from "../support/metrics.ts";
import { parseExposition } from "./exposition-parser.ts";

let metrics: ReportedMetrics;
beforeEach(() => {
  metrics = new ReportedMetrics({ version: "1.2.3", engine: "wasm-simd" });
});
afterEach(() => metrics.close());

describe("a scrape", () => {
  test("counts requests by method, endpoint and status", async () => {
    const get = metrics.route("GET /assets/*", METHOD_GET);
    metrics.record(get, 200, 0.04, 100);
    metrics.record(get, 200, 0.06, 100);
    metrics.record(get, 304, 0.2, 50);
    metrics.record(metrics.route("GET /assets/*", METHOD_HEAD), 200, 1, 50);
    const scrape = parseExposition(await metrics.text());
    const labels = { method: "GET", endpoint: "GET /assets/*", status: "200" };
    expect(scrape.value("gateway_requests_total", labels)).toBe(2);
    expect(scrape.value("gateway_requests_total", { ...labels, status: "304" })).toBe(1);
    expect(scrape.value("gateway_requests_total", { ...labels, method: "HEAD" })).toBe(1);
    expect(scrape.value("gateway_bytes_total", { direction: "sent" })).toBe(300);
  });

  test("histogram buckets are cumulative and their bounds inclusive", async () => {
    const row = metrics.route("api", METHOD_GET);
    for (const durationMs of [0.05, 0.05, 0.051, 1, 1.001, 20_000])
      metrics.record(row, 200, durationMs, 0);
    const scrape = parseExposition(await metrics.text());
    const name = "gateway_request_duration_seconds";
    const labels = { method: "GET", endpoint: "api", status: "200" };
    const bucket = (le: string): number | undefined =>
      scrape.value(`${name}_bucket`, { ...labels, le });
    expect(bucket("0.00005")).toBe(2);
    expect(bucket("0.0001")).toBe(3);
    expect(bucket("0.0005")).toBe(3);
    expect(bucket("0.001")).toBe(4);
    expect(bucket("0.0025")).toBe(5);
    expect(bucket("10")).toBe(5);
    expect(bucket("+Inf")).toBe(6);
    expect(scrape.value(`${name}_count`, labels)).toBe(6);
    expect(scrape.value(`${name}_sum`, labels)).toBeCloseTo(20.002152, 9);
  });

  test("has every metric of the table, with its help and type", async () => {
    const scrape = parseExposition(await metrics.text());
    for (const { name, type, help } of [...METRICS, ...LATENCY_METRICS]) {
      expect(scrape.types.get(name), name).toBe(type);
      expect(scrape.helps.get(name), name).toBe(help);
    }
    expect(scrape.value("gateway_info", { version: "1.2.3", engine: "wasm-simd" })).toBe(1);
    expect(scrape.value("gateway_config_last_reload_success", {})).toBe(1);
    for (const name of [
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
      "process_open_fds",
      "process_max_fds",
    ]) {
      expect(scrape.types.has(name), name).toBe(true);
    }
  });

  test("reads gauges where it was told to", async () => {
    metrics.attach({
      cache: [
        {
          tier: "l1",
          entries: 3,
          bytes: 4096,
          bytesMax: 8192,
          evictions: 7,
          ends: {
            rejections: 1,
            expirations: 4,
            expiredUnused: 2,
            ended: 12,
            uses: 30,
            evictedAgeMs: 7500,
          },
        },
      ],
      connections: { active: 2, idle: 5 },
      targets: [
        {
          upstream: "api",
          target: "10.0.0.1:80",
          weight: 1,
          backup: false,
          ejected: true,
          condition: "ejected",
          ejections: 2,
          breakerOpened: 1,
          errorShare: 0,
          requests: 50,
          retries: 6,
          inFlight: 3,
          queued: 9,
          connectionsOpened: 12,
          connectionsOpen: 4,
          connectionsIdle: 1,
          reused: 38,
          latencyMs: 1.5,
          h2Streams: 0,
          h2Goaways: 0,
          tlsHandshakes: 0,
          tlsResumptions: 0,
          tlsReloadFailures: 0,
        },
      ],
      buffers: { inUse: 1, highWater: 6, max: 64, exhausted: 2 },
      accessLogDropped: 11,
    });
    metrics.add(CACHE_HITS, 5);
    metrics.add(BYTES_RECEIVED, 1000);
    metrics.fail("queue_full");
    metrics.failUpstream(metrics.upstream("api"), "connect_refused");
    const scrape = parseExposition(await metrics.text());
    const of = { upstream: "api", target: "10.0.0.1:80" };
    const expected: [string, Record<string, string>, number][] = [
      ["gateway_cache_hits_total", { tier: "l1" }, 5],
      ["gateway_cache_entries", { tier: "l1" }, 3],
      ["gateway_cache_bytes", { tier: "l1" }, 4096],
      ["gateway_cache_bytes_max", { tier: "l1" }, 8192],
      ["gateway_cache_evictions_total", { tier: "l1" }, 7],
      ["gateway_cache_rejections_total", { tier: "l1" }, 1],
      ["gateway_cache_expirations_total", { tier: "l1" }, 4],
      ["gateway_cache_expirations_unused_total", { tier: "l1" }, 2],
      ["gateway_cache_ended_total", { tier: "l1" }, 12],
      ["gateway_cache_ended_hits_total", { tier: "l1" }, 30],
      ["gateway_cache_evicted_age_seconds_total", { tier: "l1" }, 7.5],
      ["gateway_connections", { state: "active" }, 2],
      ["gateway_connections", { state: "idle" }, 5],
      ["gateway_bytes_total", { direction: "received" }, 1000],
      ["gateway_upstream_healthy", of, 0],
      ["gateway_upstream_connections", { ...of, state: "active" }, 3],
      ["gateway_upstream_connections", { ...of, state: "idle" }, 1],
      ["gateway_upstream_in_flight", of, 3],
      ["gateway_upstream_connections_opened_total", of, 12],
      ["gateway_upstream_connections_reused_total", of, 38],
      ["gateway_upstream_retries_total", of, 6],
      ["gateway_upstream_queued", of, 9],
      ["gateway_buffers_in_use", {}, 1],
      ["gateway_buffers_high_water", {}, 6],
      ["gateway_buffers_max", {}, 64],
      ["gateway_buffers_exhausted_total", {}, 2],
      ["gateway_access_log_dropped_total", {}, 11],
      ["gateway_failures_total", { reason: "queue_full" }, 1],
      ["gateway_failures_total", { reason: "no_route" }, 0],
      ["gateway_upstream_failures_total", { upstream: "api", reason: "connect_refused" }, 1],
    ];
    for (const [name, labels, value] of expected)
      expect(scrape.value(name, labels), name).toBe(value);
  });

  test("a second scrape does not add to the first", async () => {
    metrics.add(CACHE_HITS, 5);
    await metrics.text();
    const scrape = parseExposition(await metrics.text());
    expect(scrape.value("gateway_cache_hits_total", { tier: "l1" })).toBe(5);
  });

  test("escapes route names", async () => {
    metrics.record(metrics.route('a"b\\c\nd', METHOD_GET), 200, 1, 0);
    const scrape = parseExposition(await metrics.text());
    const labels = { method: "GET", endpoint: 'a"b\\c\nd', status: "200" };
    expect(scrape.value("gateway_requests_total", labels)).toBe(1);
  });

  test("leaves out prom-client's costly and misleading defaults", async () => {
    const names = [...parseExposition(await metrics.text()).types.keys()];
    expect(names.filter((name) => /^nodejs_(active|eventloop)/.test(name))).toEqual([]);
  });

  test("of 2,000 label sets is rendered in slices that never hold the loop for 20 ms", async () => {
    for (let route = 0; route < 400; route += 1) {
      const row = metrics.route(`route-${route}`, METHOD_GET);
      for (const status of [200, 304, 404, 500, 502]) metrics.record(row, status, route / 10, 10);
    }
    let fewestTurns = Number.POSITIVE_INFINITY;
    let longestMs = Number.POSITIVE_INFINITY;
    // Compiling and collecting garbage count too: the best of five is the scrape's own.
    for (let round = 0; round < 5; round += 1) {
      const { turns, heldMs, text } = await watchLoop(() => metrics.text());
      fewestTurns = Math.min(fewestTurns, turns);
      longestMs = Math.min(longestMs, heldMs);
      expect(parseExposition(text).count("gateway_requests_total")).toBe(2000);
    }
    expect(fewestTurns).toBeGreaterThanOrEqual(2000 / 100);
    expect(longestMs).toBeLessThan(20);
  });
});

describe("label sets are bounded", () => {
  test("methods without an id of the parser are OTHER", async () => {
    metrics.record(metrics.route("api", METHOD_OTHER), 200, 1, 0);
    metrics.record(metrics.route("api", methodId("BREW")), 200, 1, 0);
    metrics.record(metrics.route("api", methodId("get")), 200, 1, 0);
    metrics.record(metrics.route("api", 200), 200, 1, 0);
    const scrape = parseExposition(await metrics.text());
    const labels = { method: "OTHER", endpoint: "api", status: "200" };
    expect(scrape.value("gateway_requests_total", labels)).toBe(4);
    expect(scrape.count("gateway_requests_total")).toBe(1);
  });

  test("every method of the parser has its label", async () => {
    const { METHOD_OTHER: other, ...ids } = Object.fromEntries(
      Object.entries(layout).filter(([name]) => name.startsWith("METHOD_")),
    );
    expect(other).toBe(0);
    for (const [name, id] of Object.entries(ids)) expect(methodId(name.slice(7)), name).toBe(id);
  });

  test.each([
    [299, "2xx"],
    [599, "5xx"],
    [0, "0"],
    [99, "other"],
    [600, "other"],
    [999, "other"],
    [-1, "other"],
    [1_000_000, "other"],
    [Number.NaN, "other"],
  ])("status %d counts as %s", async (status, label) => {
    const row = metrics.route("api", METHOD_GET);
    metrics.record(row, status, 1, 0);
    const scrape = parseExposition(await metrics.text());
    const labels = { method: "GET", endpoint: "api", status: label };
    expect(scrape.value("gateway_requests_total", labels)).toBe(1);
  });

  test("rows, series and groups past the limits count as overflow and nothing is lost", () => {
    const limits = { rowsMax: 3, seriesMax: 4, groupsMax: 2 };
    const memory = latencyMemory(new SharedArrayBuffer(latencyBytes(limits)), 0, limits);
    const overflow = { labels: 'endpoint="overflow"', group: "overflow" };
    const table = new LatencyTable(memory, limits, overflow);
    for (let route = 0; route < 10; route += 1) {
      const row = table.row(`endpoint="${route}"`, `route-${route}`);
      for (const status of [200, 404]) table.record(row, status, 1);
    }
    const sum = new LatencySum([memory], "overflow");
    const series = Array.from({ length: sum.seriesCount }, (_, index) => sum.series(index));
    expect(series).toHaveLength(5);
    expect(series.reduce((total, { count }) => total + count, 0)).toBe(20);
    expect(series[0]).toMatchObject({ labels: 'endpoint="overflow",status="other"', count: 16 });
    expect(sum.groups()).toEqual(["route-0", "route-1", "overflow"]);
    expect(sum.latencies("overflow").reduce((total, count) => total + count, 0)).toBe(16);
  });

  test("a route that is built again keeps its row", () => {
    expect(metrics.route("api", METHOD_GET)).toBe(metrics.route("api", METHOD_GET));
    expect(metrics.route("api", METHOD_GET)).not.toBe(metrics.route("api", METHOD_HEAD));
  });
});

/**
 * Counts the turns that the event loop makes while `work` runs, and the CPU time of the longest:
 * what this thread itself took, whatever else the machine does.
 */
async function watchLoop(
  work: () => Promise<string>,
): Promise<{ turns: number; heldMs: number; text: string }> {
  let turns = 0;
  let heldMs = 0;
  let last = process.threadCpuUsage();
  let watching = true;
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    heldMs = Math.max(heldMs, (user + system) / 1000);
    last = process.threadCpuUsage();
    turns += 1;
    if (watching) setImmediate(turn);
  };
  setImmediate(turn);
  const text = await work();
  await new Promise((resolve) => setImmediate(resolve));
  watching = false;
  return { turns, heldMs, text };
}
