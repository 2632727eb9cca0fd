// Owns the proof of the benchmark's arithmetic: quantiles, ratios within rounds, and verdicts on
// goals.

import { describe, expect, test } from "vitest";
import { judgeGoals, type Samples } from "../../bench/end-to-end/result.ts";
import { pairedRatio, quantile, summarise } from "../../bench/end-to-end/statistics.ts";
import type { ThroughputSample } from "../../bench/end-to-end/throughput.ts";

function sample(subject: string, round: number, requestsPerSecond: number): ThroughputSample {
  return {
    scenario: "proxied 1 KiB",
    subject,
    round,
    requestsPerSecond,
    requests: requestsPerSecond,
    failed: 0,
    originRequests: requestsPerSecond,
    gatewayBusy: 1,
    foreignBusy: 0,
    loadBusy: 0.5,
  };
}

const nothing: Samples = { throughput: [], latency: [], idle: [], bulk: [], startup: [] };

describe("statistics", () => {
  test("quantiles interpolate between ranks, whatever the order", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 30], 0.25)).toBe(15);
    expect(summarise([3, 1, 2])).toMatchObject({ median: 2, min: 1, max: 3, count: 3 });
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("a ratio within rounds cancels a machine that halves its speed", () => {
    const ours = new Map([
      [0, 100],
      [1, 50],
      [2, 100],
    ]);
    const theirs = new Map([
      [0, 50],
      [1, 25],
      [2, 50],
      [3, 1],
    ]);
    expect(pairedRatio(ours, theirs)).toMatchObject({ median: 2, min: 2, max: 2, count: 3 });
  });
});

describe("goals", () => {
  test("proxied: half of nginx and three times the better Node proxy", () => {
    const throughput = [0, 1, 2].flatMap((round) => [
      sample("edgelane", round, 25_000),
      sample("nginx", round, 40_000),
      sample("fastify", round, 9_000),
      sample("http-proxy-3", round, 6_000),
    ]);
    const goals = judgeGoals({ ...nothing, throughput });
    expect(goals.map(({ name, met }) => [name, met])).toEqual([
      ["proxied 1 KiB against nginx proxy_pass", true],
      ["proxied 1 KiB against fastify", false],
    ]);
  });

  test("memory and start-up goals look at our own samples only", () => {
    const idle = { round: 0, connections: 5_000 };
    const goals = judgeGoals({
      ...nothing,
      idle: [
        { ...idle, subject: "edgelane", bytesPerConnection: 5_121 },
        { ...idle, subject: "nginx", bytesPerConnection: 400 },
      ],
      startup: [{ subject: "edgelane", round: 0, readyMs: 500 }],
    });
    expect(goals.map((goal) => goal.met)).toEqual([false, true]);
  });

  test("a peer that is missing decides nothing", () => {
    expect(judgeGoals({ ...nothing, throughput: [sample("edgelane", 0, 1)] })).toEqual([]);
  });
});
