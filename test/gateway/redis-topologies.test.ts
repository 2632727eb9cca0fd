// The second tier on a real Cluster of three masters, and behind a real Sentinel whose master dies.

import { afterEach, expect, test } from "vitest";
import { keyOf } from "../../src/cache/redis-keys.ts";
import { slotOf } from "../../src/cache/redis-slot.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import { get } from "../support/raw-client.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startRedis, startRedisCluster, startSentinel, type TestRedis } from "../support/redis.ts";

let origin: TestOrigin;
let gateways: TestGateway[] = [];
let servers: TestRedis[] = [];

afterEach(async () => {
  await origin.close();
  for (const gateway of gateways) await gateway.shutDown();
  for (const server of servers) await server[Symbol.asyncDispose]();
  gateways = [];
  servers = [];
});

const CONTENT = pattern(600_000);
const JOURNAL = "edgelane:{journal}:purges";

async function serve(): Promise<void> {
  origin = await startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(answer(CONTENT, "Cache-Control: max-age=60", "Cache-Tag: red"));
    }
  });
}

async function following(url: string, hedge: "2s" | "100ms" = "2s"): Promise<TestGateway> {
  const gateway = await startGateway({
    cache: { redis: { url, timeout: "2s", hedge } },
    upstreams: { app: origin.url },
  });
  gateways.push(gateway);
  await isFollowing(gateway);
  return gateway;
}

async function isFollowing(gateway: TestGateway): Promise<void> {
  const metric = (name: string) => gateway.metric(`gateway_cache_${name}`);
  await until(
    async () => (await metric("journal_followed")) === 1 && (await metric("breaker_state")) === 0,
    "the second tier",
    20_000,
  );
}

test("a Cluster: values and pieces on all masters, purges reach everybody", async () => {
  await serve();
  const nodes = await startRedisCluster();
  servers.push(...nodes);
  const url = `redis-cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(",")}`;
  const [first, second] = [await following(url), await following(url)];
  for (let index = 0; index < 12; index++) await get(first.port, `/${index}`);
  await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 12);
  const sizes = await Promise.all(nodes.map((node) => node.client.dbsize()));
  expect(Math.min(...sizes)).toBeGreaterThan(0);
  for (let index = 0; index < 12; index++) {
    expect((await get(second.port, `/${index}`)).content.equals(CONTENT)).toBe(true);
  }
  expect(origin.heads).toHaveLength(12);
  await first.admin("POST", "/purge", { tag: "red" });
  await second.metricIs("gateway_cache_entries", { tier: "l1" }, 0);
  expect((await get(second.port, "/0")).field("cache-status")).toContain("fwd=uri-miss");
}, 60_000);

test.each(["killed", "frozen"])(
  "a Cluster: a node that is %s takes its own keys from the tier and no others",
  async (fate) => {
    await serve();
    const nodes = await startRedisCluster();
    servers.push(...nodes);
    const url = `redis-cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(",")}`;
    const [first, second] = [await following(url), await following(url, "100ms")];
    const ownerOf = async (key: string): Promise<TestRedis> => {
      const owner = nodes[Math.floor((slotOf(key) * nodes.length) / 16_384)];
      if (owner === undefined) throw new Error("no owner");
      return owner;
    };
    const paths = Array.from({ length: 24 }, (_, index) => `/${index}`);
    for (const path of paths) await get(first.port, path);
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, paths.length);
    const journal = await ownerOf(JOURNAL);
    const lost = nodes.find((node) => node !== journal);
    if (fate === "killed") await lost?.kill();
    else lost?.freeze();
    const statuses = new Map<string, number>();
    let slowest = 0;
    for (const path of paths) {
      const startMs = performance.now();
      const response = await get(second.port, path);
      slowest = Math.max(slowest, performance.now() - startMs);
      expect(response.content.equals(CONTENT)).toBe(true);
      const isLost = (await ownerOf(keyOf("edgelane:", `http://a.test${path}`))) === lost;
      expect([path, response.field("cache-status")]).toEqual([
        path,
        expect.stringContaining(isLost ? "fwd=uri-miss" : "second_tier"),
      ]);
      statuses.set(String(isLost), (statuses.get(String(isLost)) ?? 0) + 1);
    }
    expect(Math.min(...statuses.values())).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(1000);
    const connections = (state: string) =>
      second.metric("gateway_cache_redis_connections", { state });
    await until(
      async () => (await connections("down")) + (await connections("probing")) === 1,
      "the breaker of the node that is gone",
    );
    expect(await connections("up")).toBe(2);
    expect(await second.metric("gateway_cache_breaker_state")).toBe(0);
    if (fate === "killed") await lost?.start();
    else lost?.thaw();
    await second.metricIs("gateway_cache_redis_connections", { state: "up" }, 3);
  },
  60_000,
);

test("Sentinel: a master that dies is followed by its replica, and no request fails", async () => {
  await serve();
  const master = await startRedis("--repl-diskless-sync-delay", "0");
  const replica = await startRedis("--replicaof", "127.0.0.1", String(master.port));
  servers.push(master, replica);
  await until(
    async () => (await replica.client.info("replication")).includes("master_link_status:up"),
    "the replica",
    20_000,
  );
  const sentinel = await startSentinel(master);
  servers.push(sentinel);
  await until(
    async () => String(await sentinel.client.call("SENTINEL", "replicas", "main")).length > 0,
    "the Sentinel to know the replica",
    20_000,
  );
  const gateway = await following(`redis-sentinel://127.0.0.1:${sentinel.port}#main`);
  await get(gateway.port, "/1");
  await gateway.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
  let isOver = false;
  const load = Array.from({ length: 4 }, async (_, client) => {
    let count = 0;
    for (; !isOver; count++) {
      const response = await get(gateway.port, `/${client}/${count % 100}`);
      expect([response.status, response.content.length]).toEqual([200, CONTENT.length]);
    }
    return count;
  });
  await master.kill();
  await until(
    async () => (await replica.client.info("replication")).includes("role:master"),
    "the replica to be promoted",
    20_000,
  );
  await isFollowing(gateway);
  isOver = true;
  for (const count of await Promise.all(load)) expect(count).toBeGreaterThan(0);
  const before = await gateway.metric("gateway_cache_stores_total", { tier: "l2" });
  expect((await get(gateway.port, "/3")).status).toBe(200);
  await until(
    async () => (await gateway.metric("gateway_cache_stores_total", { tier: "l2" })) > before,
    "the new master to be written to",
  );
}, 60_000);

test("Sentinel: one that does not answer holds up nobody for long", async () => {
  await serve();
  const master = await startRedis();
  const sentinel = await startSentinel(master);
  servers.push(master, sentinel);
  await using silent = await startTcpProxy(sentinel.port);
  silent.hold("to client");
  const hosts = `127.0.0.1:${silent.port},127.0.0.1:${sentinel.port}`;
  const gateway = await following(`redis-sentinel://${hosts}#main`);
  await get(gateway.port, "/1");
  await gateway.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
}, 60_000);
