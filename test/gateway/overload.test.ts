// More work than there is room for: the upstream's learnt limit with origins that are processes,
// and the gateway's own limits of event loop and memory, lowest priority first, health checks
// never.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { LoadShedder, type Overload } from "../../src/gateway/load-shedder.ts";
import type { Priority } from "../../src/upstream/concurrency-limit.ts";
import type { FixedRateResult } from "../../bench/end-to-end/fixed-rate.ts";
import { answering, startOrigin, type TestOrigin } from "../support/origin.ts";
import { OriginProcess } from "../support/origin-process.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";

let gateway: TestGateway | null = null;
let origins: (TestOrigin | OriginProcess)[] = [];

afterEach(async () => {
  await gateway?.close();
  gateway = null;
  for (const origin of origins) await ("stop" in origin ? origin.stop() : origin.close());
  origins = [];
});

const get = (path = "/"): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway?.port ?? 0}${path}`, { headers: { connection: "close" } });

const run = promisify(execFile);
const LOAD = fileURLToPath(new URL("../../bench/end-to-end/fixed-rate.ts", import.meta.url));

/** Open-loop, from a process of its own. */
async function load(port: number, ratePerSecond: number): Promise<FixedRateResult> {
  const options = { port, path: "/", ratePerSecond, connections: 300, seed: 1 };
  const whole = JSON.stringify({ ...options, warmupSeconds: 1, seconds: 2 });
  const { stdout } = await run(process.execPath, [LOAD, whole]);
  return JSON.parse(stdout) as FixedRateResult;
}

test("3 x the capacity: 90 % of it in good answers, in time, and health checks green", async () => {
  const origin = await OriginProcess.start({ workers: 4, workMs: 20 });
  origins.push(origin);
  const started = await startGateway({
    upstreams: { app: { targets: [origin.url], concurrency: { min: 2 }, breaker: "off" } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  });
  gateway = started;
  const capacity = await capacityOf(started);
  let healthy = 0;
  let polling = true;
  const polls = (async () => {
    while (polling) {
      expect((await get("/health")).status).toBe(200);
      healthy += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const { answered, latencyMs } = await load(started.port, 3 * capacity).finally(() => {
    polling = false;
  });
  await polls;
  expect(answered / 2).toBeGreaterThan(0.9 * capacity);
  // 300 requests that wait for 200 a second would take more than a second.
  expect(latencyMs.p99).toBeLessThan(500);
  expect(healthy).toBeGreaterThan(20);
  expect(await started.metric("gateway_upstream_over_limit_total")).toBeGreaterThan(100);
  expect(await started.metric("gateway_failures_total", { reason: "queue_full" })).toBeGreaterThan(
    100,
  );
}, 30_000);

/** Answers a second, from as many clients as keep the origin busy. */
async function capacityOf(started: TestGateway): Promise<number> {
  const endMs = performance.now() + 1500;
  let count = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const response = await fetch(`http://127.0.0.1:${started.port}/`);
      await response.arrayBuffer();
      if (response.status === 200) count += 1;
    }
  };
  await Promise.all(Array.from({ length: 6 }, client));
  return count / 1.5;
}

describe("the gateway's own limits", () => {
  const limits = { delayMsMax: 100, memoryShareMax: 0.9, memoryBytes: 1 };
  const all: Priority[] = ["low", "normal", "high"];
  const rows: [string, number, number, (Overload | null)[]][] = [
    ["in time, with memory left", 0, 0.5, [null, null, null]],
    ["half as late as may be", 60, 0.5, ["event loop", null, null]],
    ["later", 150, 0.5, ["event loop", "event loop", null]],
    ["twice as late", 250, 0.5, ["event loop", "event loop", "event loop"]],
    ["memory just over", 0, 0.92, ["memory", null, null]],
    ["memory further over", 0, 0.95, ["memory", "memory", null]],
    ["memory nearly gone", 0, 0.99, ["memory", "memory", "memory"]],
  ];
  test.each(rows)("%s", (_name, lateMs, memoryShare, expected) => {
    let nowMs = 0;
    const shedder = new LoadShedder(limits, { nowMs: () => nowMs, memoryShare: () => memoryShare });
    shedder.start();
    for (let turn = 0; turn < 40; turn += 1) {
      nowMs += 50 + lateMs;
      shedder.sample();
    }
    expect(all.map((priority) => shedder.refuses(priority))).toEqual(expected);
    shedder.stop();
  });

  test("one long pause is no overload; when it is over, all are let in again", () => {
    let nowMs = 0;
    const shedder = new LoadShedder(limits, { nowMs: () => nowMs, memoryShare: () => 0 });
    shedder.start();
    nowMs += 50 + 390;
    shedder.sample();
    expect(shedder.refuses("normal")).toBe(null);
    for (let turn = 0; turn < 20; turn += 1) {
      nowMs += 450;
      shedder.sample();
    }
    expect(shedder.refuses("high")).toBe("event loop");
    for (let turn = 0; turn < 12; turn += 1) {
      nowMs += 50;
      shedder.sample();
    }
    expect(all.map((priority) => shedder.refuses(priority))).toEqual([null, null, null]);
    shedder.stop();
  });

  test("low priority is refused first; hits, health and admin are not", async () => {
    const fields = "Cache-Control: max-age=60\r\nContent-Length: 1\r\n\r\nx";
    const origin = await startOrigin(answering(`HTTP/1.1 200 X\r\n${fields}`));
    origins.push(origin);
    const started = await startGateway({
      upstreams: { app: { targets: [origin.url] } },
      routes: [
        { match: "/low/*", to: "app", priority: "low" },
        { match: "/*", to: "app" },
      ],
      // Any heap is more than that; only low priority is refused from there on.
      limits: { memory: "0.1%" },
    });
    gateway = started;
    await until(
      async () => (await get(`/low/${performance.now()}`)).status === 503,
      "memory to be looked at",
    );
    const refused = await get("/low/a");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(refused.headers.get("proxy-status")).toBe(
      'edgelane; error=connection_limit_reached; details="queue_full: the gateway has too much to do (memory)"',
    );
    expect((await get("/a")).status).toBe(200);
    expect((await get("/health")).status).toBe(200);
    expect((await started.admin("GET", "/readyz")).status).toBe(200);
    expect(await started.metric("gateway_shed_total", { priority: "low" })).toBeGreaterThan(0);
    expect(await started.metric("gateway_shed_total", { priority: "normal" })).toBe(0);
  });
});
