// Owns the measurement of a large scrape: how long it takes, and how long it keeps the event loop
// from others at most. Run with `node bench/micro/scrape.ts`.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { METHOD_GET } from "../../assembly/layout.ts";
import { mergeReadings } from "../../src/telemetry/merged-readings.ts";
import { MetricsReport } from "../../src/telemetry/metrics-report.ts";
import { Metrics, newMetricBlock } from "../../src/telemetry/metrics.ts";

const ROUTES = 400;
const STATUSES = [200, 304, 404, 500, 502];
const ROUNDS = 15;
const RESOLUTION_MS = 1;

const block = newMetricBlock();
const metrics = new Metrics(block);
const report = new MetricsReport({ version: "bench", engine: "none", blocks: [block] });
const reported = { ...mergeReadings([]), names: { lookups: [], names: [] }, workers: [] };
for (let route = 0; route < ROUTES; route += 1) {
  const row = metrics.route(`GET www.example.com/service-${route}/*`, METHOD_GET);
  for (const status of STATUSES) {
    for (let i = 0; i < 20; i += 1) metrics.record(row, status, 2 ** i / 100, 1000);
  }
}

const rounds: { totalMs: number; longestMs: number }[] = [];
let bytes = 0;
for (let i = 0; i < ROUNDS; i += 1) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, 5));
  delay.reset();
  const start = performance.now();
  bytes = (await report.text(reported)).length;
  const totalMs = performance.now() - start;
  await new Promise((resolve) => setTimeout(resolve, 5));
  delay.disable();
  rounds.push({ totalMs, longestMs: delay.max / 1e6 - RESOLUTION_MS });
}
report.close();

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
console.log(
  `${ROUTES * STATUSES.length} label sets, ${(bytes / 1e6).toFixed(1)} MB of text, ${ROUNDS} scrapes`,
);
console.log(
  `first: ${rounds[0]?.totalMs.toFixed(1)} ms, loop held ${rounds[0]?.longestMs.toFixed(1)} ms`,
);
console.log(
  `median: ${middle(rounds.map((r) => r.totalMs)).toFixed(1)} ms, loop held ${middle(rounds.map((r) => r.longestMs)).toFixed(1)} ms`,
);
console.log(`worst: loop held ${Math.max(...rounds.map((r) => r.longestMs)).toFixed(1)} ms`);
