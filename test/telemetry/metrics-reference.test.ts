// Tests that docs/metrics.md is what its generator writes, and that the table follows the naming
// rules of Prometheus.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { METRICS_REFERENCE, metricsReference } from "../../build/metrics-reference.ts";
import { LATENCY_METRICS, METRICS } from "../../src/telemetry/metric-table.ts";

test("docs/metrics.md is generated: run `node build/metrics-reference.ts`", () => {
  expect(readFileSync(METRICS_REFERENCE, "utf8")).toBe(metricsReference());
});

test("counters end in _total, other metrics do not, and no name occurs twice", () => {
  const all = [...METRICS, ...LATENCY_METRICS];
  for (const { name, type } of all) {
    expect(name, name).toMatch(/^gateway_[a-z0-9_]+$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
  }
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});
