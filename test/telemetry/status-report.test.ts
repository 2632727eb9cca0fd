// Tests the JSON of /status: totals, percentiles since the start and of the last minute, and what
// the cache counters mean.

import { afterEach, beforeEach, expect, test } from "vitest";
import { METHOD_GET, METHOD_HEAD } from "../../assembly/layout.ts";
import {
  BYTES_RECEIVED,
  CACHE_COALESCED,
  CACHE_HITS,
  CACHE_MISSES,
  CACHE_REVALIDATED,
  CACHE_STALE,
} from "../../src/telemetry/metric-table.ts";
import { StatusReport } from "../../src/telemetry/status-report.ts";
import { FakeClock } from "../support/clock.ts";
import { ReportedMetrics } from "../support/metrics.ts";

let metrics: ReportedMetrics;
let clock: FakeClock;
let report: StatusReport;
beforeEach(() => {
  metrics = new ReportedMetrics({ version: "1.2.3", engine: "reference" });
  clock = new FakeClock();
  report = new StatusReport(metrics.report, clock);
});
afterEach(() => metrics.close());

test("a gateway that has just started has no ratios and no percentiles", () => {
  expect(report.read(metrics.reported)).toMatchObject({
    version: "1.2.3",
    engine: "reference",
    timeMs: Date.UTC(2026, 0, 1),
    uptimeSeconds: 0,
    requests: 0,
    latencyMs: { total: { p50: null }, recent: { p99_9: null } },
    cache: { hits: 0, hitRatio: null },
    endpoints: [],
    upstreams: [],
    failures: {},
    config: { reloads: 0, failedReloads: 0 },
  });
});

test("an endpoint is one row whatever the method, with its statuses by class", () => {
  const get = metrics.route("api", METHOD_GET);
  for (const status of [200, 201, 204, 304, 404, 502, 503, 0]) metrics.record(get, status, 1, 100);
  metrics.record(metrics.route("api", METHOD_HEAD), 200, 1, 50);
  metrics.record(metrics.route("assets", METHOD_GET), 200, 100, 0);
  metrics.add(BYTES_RECEIVED, 77);
  const status = report.read(metrics.reported);
  expect(status.requests).toBe(10);
  expect(status.bytes).toEqual({ received: 77, sent: 850 });
  expect(status.endpoints).toMatchObject([
    { name: "api", requests: 9, statuses: { "2xx": 4, "3xx": 1, "4xx": 1, "5xx": 2, "0": 1 } },
    { name: "assets", requests: 1, statuses: { "2xx": 1 } },
  ]);
  expect(status.endpoints[1]?.latencyMs.total.p50).toBeCloseTo(100, -1);
  expect(status.latencyMs.total.p50).toBeCloseTo(1, 1);
});

test("an upstream has its percentiles and its own targets", () => {
  const target = {
    target: "10.0.0.1:80",
    weight: 1,
    backup: false,
    ejected: false,
    condition: "up",
    ejections: 2,
    breakerOpened: 1,
    errorShare: 0,
    requests: 1,
    retries: 0,
    inFlight: 0,
    queued: 0,
    connectionsOpened: 1,
    connectionsOpen: 1,
    connectionsIdle: 0,
    reused: 0,
    latencyMs: 5,
    h2Streams: 0,
    h2Goaways: 0,
    tlsHandshakes: 0,
    tlsResumptions: 0,
    tlsReloadFailures: 0,
  };
  metrics.attach({
    targets: [
      { ...target, upstream: "api" },
      { ...target, upstream: "other" },
    ],
  });
  metrics.recordUpstream(metrics.upstream("api"), 200, 5);
  metrics.failUpstream(metrics.upstream("api"), "headers_timeout");
  metrics.fail("headers_timeout");
  const status = report.read(metrics.reported);
  expect(status.upstreams).toMatchObject([
    { name: "api", requests: 1, targets: [{ upstream: "api" }] },
  ]);
  expect(status.upstreams[0]?.latencyMs.recent.p99).toBeCloseTo(5, 0);
  expect(status.failures).toEqual({ headers_timeout: 1 });
});

test("the hit ratio counts answers that did not need the origin of their own", () => {
  metrics.add(CACHE_HITS, 70);
  metrics.add(CACHE_STALE, 5);
  metrics.add(CACHE_COALESCED, 5);
  metrics.add(CACHE_MISSES, 15);
  metrics.add(CACHE_REVALIDATED, 5);
  expect(report.read(metrics.reported).cache).toMatchObject({ hits: 70, hitRatio: 0.8 });
});

test("recent percentiles forget after a minute, those since the start do not", () => {
  const row = metrics.route("api", METHOD_GET);
  const recent = (): number | null | undefined =>
    report.read(metrics.reported).endpoints[0]?.latencyMs.recent.p50;
  metrics.record(row, 200, 1000, 0);
  clock.advance(29_000);
  expect(recent()).toBeCloseTo(1000, -2);
  clock.advance(1000);
  expect(recent()).toBeCloseTo(1000, -2);
  expect(report.read(metrics.reported).recentSeconds).toBe(30);
  metrics.record(row, 200, 1, 0);
  clock.advance(30_000);
  expect(recent()).toBeCloseTo(1, 1);
  expect(report.read(metrics.reported).recentSeconds).toBe(30);
  clock.advance(30_000);
  expect(recent()).toBeNull();
  expect(report.read(metrics.reported).endpoints[0]?.latencyMs.total.p99).toBeCloseTo(1000, -2);
});
