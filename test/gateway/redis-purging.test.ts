// Purges and invalidations among instances that share a Redis: told once, in the keys of whoever
// hears of them, never undone by a response that was asked for before, and caught up with by an
// instance that was cut off.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestGateway, until } from "../support/gateway.ts";
import { type OriginScript, startOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText } from "../support/raw-client.ts";
import { startRedis } from "../support/redis.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import {
  FRESH,
  isFollowing,
  responder,
  type RouteConfig,
  stored,
  Tiers,
} from "../support/tiers.ts";
import { startWorkers, type WorkerGateway } from "../support/worker-gateway.ts";

const PURGES = "edgelane:{journal}:purges";
const INVALIDATIONS = "edgelane:{journal}:invalidations";

let tiers: Tiers;

beforeEach(() => serve(responder("content", FRESH, "Cache-Tag: red")));
afterEach(() => tiers[Symbol.asyncDispose]());

async function serve(script: OriginScript): Promise<void> {
  if (tiers !== undefined) await tiers[Symbol.asyncDispose]();
  tiers = new Tiers(await startRedis(), await startOrigin(script));
}

const SORTED: RouteConfig = [{ match: "/*", to: "app", cache: { key: { query: { sort: true } } } }];

function length(stream: string): Promise<number> {
  return tiers.redis.client.xlen(stream);
}

async function isMiss(at: TestGateway, path: string): Promise<boolean> {
  return (await get(at.port, path)).field("cache-status")?.includes("fwd=uri-miss") === true;
}

describe("invalidations", () => {
  test("have a stream of their own, and what is lost of it is no purge of Redis", async () => {
    const [first, second] = [await tiers.following(), await tiers.following()];
    for (const path of ["/kept", "/changed"]) await get(first.port, path);
    await stored(first, 2);
    const purges = await length(PURGES);
    const before = await length(INVALIDATIONS);
    await ask(first.port, requestText("DELETE", "/changed"));
    await second.metricIs("gateway_cache_journal_purges_total", {}, 1);
    expect([await length(PURGES), await length(INVALIDATIONS)]).toEqual([purges, before + 1]);
    await tiers.redis.client.xtrim(INVALIDATIONS, "MAXLEN", 0);
    const late = await tiers.following();
    expect((await get(late.port, "/kept")).field("cache-status")).toContain("second_tier");
    expect(await isMiss(late, "/changed")).toBe(true);
  });

  test("of what nobody has stored tell nobody, and leave nothing behind", async () => {
    const [first] = [await tiers.following(), await tiers.following()];
    await get(first.port, "/other");
    await stored(first, 1);
    const keys = await tiers.redis.client.dbsize();
    const before = await length(INVALIDATIONS);
    for (let count = 0; count < 5; count++) await ask(first.port, requestText("PUT", "/unknown"));
    await ask(first.port, requestText("PUT", "/other"));
    await until(async () => (await length(INVALIDATIONS)) > before, "the one that is told");
    expect(await length(INVALIDATIONS)).toBe(before + 1);
    expect(await tiers.redis.client.dbsize()).toBe(keys);
  });

  test("keep out what was asked for before, and let in what was asked for since", async () => {
    const first = await tiers.following();
    await get(first.port, "/");
    await stored(first, 1);
    await first.admin("POST", "/purge", { url: "http://a.test/" });
    const [key = ""] = await tiers.redis.client.keys("edgelane:{*}");
    await until(async () => Number(await tiers.redis.client.hget(key, "x")) > 0, "the mark");
    const heard = async (): Promise<boolean> => {
      await get(first.port, "/");
      await first.admin("POST", "/purge", { tag: "red" });
      return (await first.metric("gateway_cache_stores_total", { tier: "l2" })) === 2;
    };
    await until(heard, "what was asked for since to be written");
    // As if another had invalidated it, and nobody here had heard of it yet.
    await tiers.redis.client.hset(key, "x", "9007199254740990");
    await get(first.port, "/");
    await first.metricIs("gateway_cache_writes_dropped_total", { reason: "outdated" }, 1);
    expect(await first.metric("gateway_cache_stores_total", { tier: "l2" })).toBe(2);
  });
});

describe("a purge at an instance with other keys", () => {
  test.each([
    ["by URL", { url: "http://a.test/p?b=2&a=1" }, "/p?b=2&a=1"],
    ["by an unsafe request", null, "/p?b=2&a=1"],
    ["by a prefix with a query", { prefix: "http://a.test/p?b=2" }, "/p?a=1&b=2"],
  ])("%s is heard in its own", async (_name, scope, path) => {
    const plain = await tiers.following();
    const sorting = await tiers.following({}, SORTED);
    await get(sorting.port, "/p?a=1&b=2");
    await stored(sorting, 1);
    if (scope === null) {
      await get(plain.port, path);
      await ask(plain.port, requestText("POST", path));
    } else {
      await plain.admin("POST", "/purge", scope);
    }
    await sorting.metricIs("gateway_cache_entries", { tier: "l1" }, 0);
    await until(async () => {
      const late = await tiers.following({}, SORTED);
      return isMiss(late, "/p?a=1&b=2");
    }, "Redis to have nothing of it");
  });
});

describe("of a gateway with two workers", () => {
  let workers: WorkerGateway | null = null;
  afterEach(async () => {
    await workers?.[Symbol.asyncDispose]();
    workers = null;
  });

  async function start(): Promise<WorkerGateway> {
    const config = { cache: { redis: tiers.patient }, upstreams: { app: tiers.origin.url } };
    workers = await startWorkers(2, config);
    await workers.metricIs("gateway_cache_journal_followed", {}, 1);
    return workers;
  }

  test("one tells the others of a purge, and all have purged", async () => {
    const two = await start();
    const other = await tiers.following();
    await get(other.port, "/");
    const before = await length(PURGES);
    for (let count = 0; count < 3; count++) await two.admin("POST", "/purge", { tag: "red" });
    await other.metricIs("gateway_cache_journal_purges_total", {}, 3);
    expect(await length(PURGES)).toBe(before + 3);
    expect(await other.metric("gateway_cache_entries", { tier: "l1" })).toBe(0);
  });

  test("one writes what both wait for", async () => {
    const open = Promise.withResolvers<void>();
    await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await open.promise;
        await connection.send(answer("content", FRESH));
      }
    });
    const two = await start();
    const clients: RawClient[] = [];
    const connections = (worker: string) => two.metric("gateway_worker_connections", { worker });
    while ((await connections("0")) < 2 || (await connections("1")) < 2) {
      clients.push(await RawClient.connect(two.port));
      await two.metricIs("gateway_connections", {}, clients.length);
    }
    for (const client of clients) void client.send(requestText("GET", "/both"));
    await two.metricIs("gateway_connections", { state: "active" }, clients.length);
    open.resolve();
    for (const client of clients) expect((await client.response()).text).toBe("content");
    await two.metricIs("gateway_cache_entries", { tier: "l1" }, 2);
    await two.metricIs("gateway_cache_queue_bytes", {}, 0);
    expect(await two.metric("gateway_cache_stores_total", { tier: "l2" })).toBe(1);
    expect(tiers.origin.heads).toHaveLength(1);
    for (const client of clients) await client.close();
  });
});

describe("one instance that is cut off", () => {
  let proxy: TcpProxy;
  beforeEach(async () => {
    proxy = await startTcpProxy(tiers.redis.port);
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  const ways: readonly [string, () => void][] = [
    ["has its connections reset", () => proxy.cut()],
    ["hears nothing", () => proxy.hold("to client")],
    ["is not heard", () => proxy.hold("to server")],
  ];

  async function pair(): Promise<readonly [connected: TestGateway, cutOff: TestGateway]> {
    return [
      await tiers.following(),
      await tiers.following({ redis: { url: proxy.url, timeout: "2s", hedge: "2s" } }),
    ];
  }

  async function cut(cutOff: TestGateway, how: () => void): Promise<void> {
    how();
    await cutOff.metricIs("gateway_cache_journal_followed", {}, 0);
  }

  test.each(ways)("and %s drops what was purged meanwhile", async (_name, how) => {
    const [connected, cutOff] = await pair();
    for (const path of ["/purged", "/invalidated", "/kept"]) {
      for (const at of [connected, cutOff]) await get(at.port, path);
    }
    await cut(cutOff, how);
    await connected.admin("POST", "/purge", { url: "http://a.test/purged" });
    await ask(connected.port, requestText("DELETE", "/invalidated"));
    // It answers from memory while it cannot know.
    expect(await isMiss(cutOff, "/purged")).toBe(false);
    proxy.heal();
    await isFollowing(cutOff);
    expect(await isMiss(cutOff, "/purged")).toBe(true);
    expect(await isMiss(cutOff, "/invalidated")).toBe(true);
    expect(await isMiss(cutOff, "/kept")).toBe(false);
    expect(await cutOff.metric("gateway_cache_journal_losses_total")).toBe(0);
  });

  test.each(ways)("and %s tells the others later what it has purged", async (_name, how) => {
    const [connected, cutOff] = await pair();
    for (const at of [connected, cutOff]) await get(at.port, "/purged");
    await cut(cutOff, how);
    await cutOff.admin("POST", "/purge", { tag: "red" });
    await cutOff.metricIs("gateway_cache_journal_pending", {}, 1);
    expect(await isMiss(connected, "/purged")).toBe(false);
    proxy.heal();
    await isFollowing(cutOff);
    await until(() => isMiss(connected, "/purged"), "the purge to arrive");
    expect(await cutOff.metric("gateway_cache_journal_pending")).toBe(0);
  });

  test.each([PURGES, INVALIDATIONS])("for longer than %s goes back drops all", async (stream) => {
    const [connected, cutOff] = await pair();
    for (const at of [connected, cutOff]) await get(at.port, "/kept");
    await get(cutOff.port, "/other");
    await cut(cutOff, () => proxy.cut());
    await connected.admin("POST", "/purge", { tag: "blue" });
    await ask(connected.port, requestText("DELETE", "/kept"));
    await until(async () => (await length(INVALIDATIONS)) > 1, "the invalidation");
    const last = (await tiers.redis.client.xrevrange(stream, "+", "-", "COUNT", 1))[0]?.[0] ?? "";
    await tiers.redis.client.xadd(stream, "*", "by", "nobody", "nothing", "");
    await tiers.redis.client.xadd(stream, "*", "by", "nobody", "nothing", "");
    await tiers.redis.client.xtrim(stream, "MAXLEN", 1);
    expect(last).not.toBe("");
    proxy.heal();
    await isFollowing(cutOff);
    expect(await cutOff.metric("gateway_cache_journal_losses_total")).toBe(1);
    expect(await cutOff.metric("gateway_cache_entries", { tier: "l1" })).toBe(0);
  });

  test("reads nothing from Redis that it could not judge, and writes nothing", async () => {
    const [connected, cutOff] = await pair();
    await get(connected.port, "/");
    await stored(connected, 1);
    await cut(cutOff, () => proxy.hold("to client"));
    expect(await isMiss(cutOff, "/")).toBe(true);
    expect(await cutOff.metric("gateway_cache_hits_total", { tier: "l2" })).toBe(0);
    expect(await cutOff.metric("gateway_cache_stores_total", { tier: "l2" })).toBe(0);
  });
});
