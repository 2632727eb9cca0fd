// Targets that join, stay and leave while a cluster forwards: who stays keeps connections and
// health, who leaves finishes what it has, for a while, and nobody's request is lost.

import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import type { TargetConfig } from "../../src/upstream/target.ts";
import { answering, startOrigin, type TestOrigin } from "../support/origin.ts";
import { until } from "../support/until.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origins: TestOrigin[] = [];
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  for (const origin of origins) await origin.close();
  origins = [];
});

const named = (name: string) => answering(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`);

async function started(...scripts: Parameters<typeof startOrigin>[0][]): Promise<string[]> {
  for (const script of scripts) origins.push(await startOrigin(script));
  return origins.map((origin) => origin.url);
}

function target(url: string, more: Partial<TargetConfig> = {}): TargetConfig {
  return { url, weight: 1, priority: 0, isLocal: true, ...more };
}

function replace(...targets: readonly TargetConfig[]): void {
  cluster.prepare(targets)();
}

async function answers(count: number): Promise<string> {
  let got = "";
  for (let turn = 0; turn < count; turn += 1) {
    const { content, error } = await exchange(cluster, requestOf("GET", "/"));
    got += error === null ? content : "!";
  }
  return got;
}

test("who stays keeps its connection and its faults; who joins is asked", async () => {
  const [a = "", b = "", c = ""] = await started(named("a"), named("b"), named("c"));
  cluster = clusterOf([a, b], { balance: "round-robin", slowStartMs: 0 });
  expect(await answers(4)).toBe("abab");
  cluster.prepare([target(a), target(c)]);
  expect(await answers(2)).toBe("ab");
  replace(target(a, { weight: 2 }), target(c));
  const got = [...(await answers(6))].sort().join("");
  expect(got).toBe("aaaacc");
  expect(cluster.targets().map((status) => [status.target, status.weight])).toEqual([
    [origins[0]?.host, 2],
    [origins[2]?.host, 1],
  ]);
  expect(origins[0]?.accepted).toBe(1);
  await origins[1]?.idle();
});

test("who joins starts slowly, and with checks is not asked before a good one", async () => {
  const [a = "", b = ""] = await started(named("a"), named("b"));
  cluster = clusterOf([a], { balance: "round-robin" });
  replace(target(a), target(b, { awaitsProbe: true }));
  const conditions = (): string[] => cluster.targets().map((status) => status.condition);
  expect(conditions()).toEqual(["up", "unchecked"]);
  expect(await answers(4)).toBe("aaaa");
  cluster.probed(origins[1]?.host ?? "", true);
  expect(conditions()).toEqual(["up", "slow_start"]);
  // A tenth of the weight at first.
  expect((await answers(22)).replaceAll("a", "")).toBe("bb");
});

test("a drained target finishes and gets nothing, and comes back slowly", async () => {
  const [a = "", b = ""] = await started(named("a"), named("b"));
  cluster = clusterOf([a, b], { balance: "round-robin" });
  replace(target(a, { draining: true }), target(b));
  expect(await answers(4)).toBe("bbbb");
  replace(target(a), target(b));
  expect(cluster.targets()[0]?.condition).toBe("slow_start");
});

test("what runs at a target that leaves ends well, and what waits there moves", async () => {
  const { promise: held, resolve: let_go } = Promise.withResolvers<void>();
  const [a = "", b = ""] = await started(async (connection) => {
    await connection.readHead();
    await held;
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  }, named("b"));
  cluster = clusterOf([a], { pool: { connections: 1 }, drainMs: 5000 });
  const [running, waiting] = [new Recorder(), new Recorder()];
  cluster.forward(requestOf("POST", "/"), running);
  await origins[0]?.headsAtLeast(1);
  cluster.forward(requestOf("POST", "/"), waiting);
  replace(target(b));
  await waiting.ended;
  expect([waiting.error, waiting.content]).toEqual([null, "b"]);
  expect(cluster.targets().map((status) => status.condition)).toEqual(["slow_start", "leaving"]);
  let_go();
  await running.ended;
  expect([running.error, running.content]).toEqual([null, "a"]);
  await until(() => cluster.targets().length === 1, "the target to be gone");
  await origins[0]?.idle();
});

test("a target that leaves has its time; a request that takes longer is broken off", async () => {
  const [a = "", b = ""] = await started(
    async (connection) => void (await connection.readHead()),
    named("b"),
  );
  cluster = clusterOf([a], { drainMs: 30 });
  const running = new Recorder();
  cluster.forward(requestOf("GET", "/"), running);
  await origins[0]?.headsAtLeast(1);
  replace(target(b));
  await running.ended;
  expect(running.error?.code).toBe("draining");
  await origins[0]?.idle();
  expect(cluster.targets()).toHaveLength(1);
});

test("a target that comes back while it leaves is the one that it was", async () => {
  const { promise: held, resolve: let_go } = Promise.withResolvers<void>();
  const [a = "", b = ""] = await started(async (connection) => {
    for (;;) {
      await connection.readHead();
      await held;
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    }
  }, named("b"));
  cluster = clusterOf([a], { drainMs: 5000 });
  const running = new Recorder();
  cluster.forward(requestOf("GET", "/"), running);
  await origins[0]?.headsAtLeast(1);
  replace(target(b));
  replace(target(a));
  expect(cluster.targets().map((status) => [status.target, status.inFlight])).toEqual([
    [origins[0]?.host, 1],
  ]);
  let_go();
  await running.ended;
  expect(await answers(2)).toBe("aa");
  expect(origins[0]?.accepted).toBe(1);
});

test("a hundred swaps under load lose nothing and leave nothing", async () => {
  const urls = await started(named("a"), named("b"), named("c"), named("d"));
  cluster = clusterOf(urls, { slowStartMs: 0, drainMs: 5000, pool: { connections: 4 } });
  let swapping = true;
  const client = async (): Promise<number> => {
    let count = 0;
    for (; swapping; count += 1) {
      // Not repeatable: nothing may be lost and sent twice.
      const { error, content } = await exchange(cluster, requestOf("POST", "/"));
      expect([error?.code, "abcd".includes(content)]).toEqual([undefined, true]);
    }
    return count;
  };
  const clients = Array.from({ length: 24 }, client);
  for (let turn = 0; turn < 100; turn += 1) {
    const out = turn % urls.length;
    replace(...urls.filter((_, index) => index !== out).map((url) => target(url)));
    for (let pause = 0; pause < 5; pause += 1) await new Promise(setImmediate);
  }
  swapping = false;
  const counts = await Promise.all(clients);
  expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(100);
  await until(() => cluster.targets().length === 3, "the last ones to leave");
  expect(cluster.targets().map((status) => [status.inFlight, status.queued])).toEqual(
    [1, 2, 3].map(() => [0, 0]),
  );
});
