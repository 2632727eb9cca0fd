// Two gateways that share a real Redis: what one has stored the other answers with, what one purges
// the other forgets, and a Redis that is gone, frozen, full or full of garbage fails no request.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway, until } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let origin: TestOrigin;
let gateways: TestGateway[] = [];

beforeEach(async () => {
  gateways = [];
  redis = await startRedis();
});

afterEach(async () => {
  redis.thaw();
  await origin.close();
  for (const gateway of gateways) await gateway.shutDown();
  await redis[Symbol.asyncDispose]();
});

type Cache = NonNullable<EdgelaneConfig["cache"]>;

async function gateway(cache: Cache = {}): Promise<TestGateway> {
  const started = await startGateway({
    cache: { redis: slow(), ...cache },
    upstreams: { app: origin.url },
  });
  gateways.push(started);
  return started;
}

/** Follows the journal, so that it reads and writes. */
async function following(cache: Cache = {}): Promise<TestGateway> {
  const started = await gateway(cache);
  await started.metricIs("gateway_cache_journal_followed", {}, 1);
  await started.metricIs("gateway_cache_breaker_state", {}, 0);
  return started;
}

async function serve(script: OriginScript): Promise<void> {
  origin = await startOrigin(script);
}

function responder(content: string | Buffer, ...lines: string[]): OriginScript {
  return async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(answer(content, ...lines));
    }
  };
}

async function stored(at: TestGateway, count: number): Promise<void> {
  await at.metricIs("gateway_cache_stores_total", { tier: "l2" }, count);
}

const FRESH = "Cache-Control: max-age=60";

describe("what one gateway has stored", () => {
  test("another answers with, and keeps in memory from then on", async () => {
    await serve(responder("shared", FRESH, 'ETag: "1"', "X-Own: kept"));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/a?b=1");
    await stored(first, 1);
    const recalled = await get(second.port, "/a?b=1");
    expect(recalled.text).toBe("shared");
    expect(recalled.field("x-own")).toBe("kept");
    expect(recalled.field("cache-status")).toMatch(/^edgelane; hit; ttl=\d+; detail=second_tier$/);
    expect((await get(second.port, "/a?b=1")).field("cache-status")).toMatch(
      /^edgelane; hit; ttl=\d+$/,
    );
    expect(origin.heads).toHaveLength(1);
    const lines = await second.log(2);
    expect(lines.map((line) => line.cache)).toEqual(["l2", "hit"]);
    expect(await second.metric("gateway_cache_hits_total", { tier: "l2" })).toBe(1);
  });

  test("is answered with from Redis each time where memory has no room for it", async () => {
    const content = "x".repeat(60_000);
    await serve(responder(content, FRESH));
    const memory = "100KB";
    const [first, second] = [await following({ memory }), await following({ memory })];
    for (let count = 0; count < 5; count++) await get(second.port, "/favourite");
    await get(first.port, "/wonder");
    await stored(first, 1);
    for (let count = 1; count < 3; count++) {
      const response = await get(second.port, "/wonder");
      expect(response.text).toBe(content);
      expect(response.field("cache-status")).toContain("detail=second_tier");
      expect(await second.metric("gateway_cache_rejections_total")).toBe(count);
    }
    expect((await get(second.port, "/favourite")).field("cache-status")).toMatch(
      /^edgelane; hit; ttl=\d+$/,
    );
    // What memory refuses of the origin's is written all the same.
    await get(second.port, "/another");
    expect(await second.metric("gateway_cache_rejections_total")).toBe(3);
    await stored(second, 2);
    expect((await get(first.port, "/another")).field("cache-status")).toContain("second_tier");
    expect(origin.heads).toHaveLength(3);
  });

  test("survives the gateway", async () => {
    await serve(responder("kept", FRESH));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    await first.shutDown();
    const second = await following();
    expect((await get(second.port, "/")).text).toBe("kept");
    expect(origin.heads).toHaveLength(1);
  });

  test.each([
    ["large, in pieces", pattern(3_000_000), "application/octet-stream"],
    ["large and compressible", Buffer.from("edgelane ".repeat(300_000)), "text/plain"],
    ["small and compressible", Buffer.from("edgelane ".repeat(300)), "application/json"],
    ["empty", Buffer.alloc(0), "text/plain"],
  ])("comes back byte by byte: %s", async (_name, content, type) => {
    await serve(responder(content, FRESH, `Content-Type: ${type}`));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/");
    await stored(first, 1);
    expect((await get(second.port, "/")).content.equals(content)).toBe(true);
    expect(origin.heads).toHaveLength(1);
  });

  test("is selected by Vary", async () => {
    await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const language = /^accept-language: (\S+)/im.exec(head)?.[1] ?? "none";
        await connection.send(answer(language, FRESH, "Vary: Accept-Language"));
      }
    });
    const [first, second] = [await following(), await following()];
    for (const language of ["de", "fr"]) {
      await get(first.port, "/", `Accept-Language: ${language}`);
    }
    await stored(first, 2);
    for (const language of ["fr", "de"]) {
      const response = await get(second.port, "/", `Accept-Language: ${language}`);
      expect(response.text).toBe(language);
    }
    expect(origin.heads).toHaveLength(2);
    expect((await get(second.port, "/", "Accept-Language: it")).text).toBe("it");
  });

  test("is validated when it is stale, without its content", async () => {
    await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const isKnown = /^if-none-match: "1"/im.test(head);
        await connection.send(
          isKnown
            ? `HTTP/1.1 304 Not Modified\r\n${FRESH}\r\nETag: "1"\r\n\r\n`
            : answer("validated", "Cache-Control: max-age=0", 'ETag: "1"'),
        );
      }
    });
    const [first, second] = [await following(), await following()];
    await get(first.port, "/");
    await stored(first, 1);
    const response = await get(second.port, "/");
    expect(response.text).toBe("validated");
    expect(response.field("cache-status")).toContain("fwd=stale; fwd-status=304");
    await stored(second, 1);
    expect((await get((await following()).port, "/")).field("cache-status")).toContain("hit");
    expect(origin.heads).toHaveLength(2);
  });

  test("100 requests at once are one read", async () => {
    await serve(responder("once", FRESH));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/");
    await stored(first, 1);
    const responses = await Promise.all(Array.from({ length: 100 }, () => get(second.port, "/")));
    expect(new Set(responses.map((response) => response.text))).toEqual(new Set(["once"]));
    expect(await second.metric("gateway_cache_reads_total")).toBeLessThanOrEqual(1);
    expect(origin.heads).toHaveLength(1);
  });
});

/** Time enough for a loaded machine, where how fast it is is not tested. */
function slow(): NonNullable<Cache["redis"]> {
  return { url: redis.url, timeout: "2s" };
}

describe("a purge on one gateway", () => {
  const scopes = [
    ["url", { url: "http://a.test/x/1" }],
    ["prefix", { prefix: "http://a.test/x/" }],
    ["tag", { tag: "red" }],
    ["everything", { all: true }],
  ] as const;

  test.each(scopes)("by %s reaches the other within 100 ms, and Redis", async (_name, scope) => {
    await serve(responder("old", FRESH, "Surrogate-Key: red"));
    const [first, second] = [await following(), await following()];
    const ask = (at: TestGateway) => get(at.port, "/x/1", "Host: a.test");
    const isPurged = async () =>
      (await ask(second)).field("cache-status")?.includes("fwd=uri-miss");
    await ask(first);
    await stored(first, 1);
    // A loaded machine may stop anybody for 100 ms, but not each time.
    let elapsedMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 5 && elapsedMs >= 100; tries++) {
      for (const at of [first, second]) await ask(at);
      expect((await first.admin("POST", "/purge", scope)).status).toBe(200);
      const purgedMs = performance.now();
      await until(async () => (await isPurged()) === true, "the purge to arrive");
      elapsedMs = performance.now() - purgedMs;
    }
    expect(elapsedMs).toBeLessThan(100);
  });

  test("is not undone by what Redis still holds", async () => {
    await serve(responder("old", FRESH, "Cache-Tag: blue"));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    await first.admin("POST", "/purge", { tag: "blue" });
    const late = await following();
    expect((await get(late.port, "/")).field("cache-status")).toContain("fwd=uri-miss");
    expect(await late.metric("gateway_cache_reads_total", { result: "purged" })).toBe(1);
  });

  test("that is soft lets the other validate", async () => {
    await serve(responder("old", FRESH, 'ETag: "1"', "Cache-Tag: blue"));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    await first.admin("POST", "/purge", { tag: "blue", soft: true });
    const late = await following();
    expect((await get(late.port, "/")).field("cache-status")).toContain("fwd=stale");
    expect(origin.heads[1]).toContain('If-None-Match: "1"');
  });

  test("by an unsafe request reaches the other too", async () => {
    await serve(responder("old", FRESH));
    const [first, second] = [await following(), await following()];
    for (const at of [first, second]) await get(at.port, "/");
    await stored(first, 1);
    const client = await RawClient.connect(first.port);
    void client.send(requestText("DELETE", "/"));
    await client.response();
    await client.close();
    await second.metricIs("gateway_cache_journal_purges_total", {}, 1);
    expect((await get(second.port, "/")).field("cache-status")).toContain("fwd=uri-miss");
  });

  test("while Redis is away is caught up with by both", async () => {
    await serve(responder("old", FRESH));
    const [first, second] = [await following(), await following()];
    for (const at of [first, second]) await get(at.port, "/");
    await redis.kill();
    for (const at of gateways) await at.metricIs("gateway_cache_journal_followed", {}, 0);
    await first.admin("POST", "/purge", { all: true });
    expect(await first.metric("gateway_cache_journal_pending")).toBe(1);
    expect((await get(second.port, "/")).field("cache-status")).toContain("hit");
    await redis.start();
    for (const at of gateways) await at.metricIs("gateway_cache_journal_followed", {}, 1);
    await second.metricIs("gateway_cache_entries", { tier: "l1" }, 0);
  });

  test("that was missed for good empties the memory", async () => {
    await serve(responder("old", FRESH));
    const first = await following();
    await get(first.port, "/");
    await redis.restart();
    await first.metricIs("gateway_cache_journal_losses_total", {}, 1);
    expect(await first.metric("gateway_cache_entries", { tier: "l1" })).toBe(0);
  });
});

describe("a Redis that", () => {
  test("is not there at the start fails nothing, and is used when it comes", async () => {
    await serve(responder("fine", FRESH));
    await redis.kill();
    const at = await gateway();
    expect((await get(at.port, "/1")).text).toBe("fine");
    await redis.start();
    await at.metricIs("gateway_cache_journal_followed", {}, 1);
    await at.metricIs("gateway_cache_breaker_state", {}, 0);
    await get(at.port, "/2");
    await stored(at, 1);
  });

  test("wants a password fails nothing and says why", async () => {
    await serve(responder("fine", FRESH));
    await redis.client.config("SET", "requirepass", "secret");
    const at = await gateway();
    expect((await get(at.port, "/")).text).toBe("fine");
    expect(await at.metric("gateway_cache_breaker_state")).toBe(2);
    const right = await gateway({ redis: { url: redis.url, password: "secret" } });
    await right.metricIs("gateway_cache_breaker_state", {}, 0);
  });

  test("is full drops what is written, and still answers", async () => {
    await serve(responder(pattern(10_000), FRESH));
    const at = await following();
    await get(at.port, "/1");
    await stored(at, 1);
    await redis.client.config("SET", "maxmemory-policy", "noeviction");
    await redis.client.config("SET", "maxmemory", "1");
    expect((await get(at.port, "/2")).status).toBe(200);
    await at.metricIs("gateway_cache_writes_dropped_total", { reason: "full" }, 1);
    expect(await at.metric("gateway_cache_breaker_state")).toBe(0);
  });

  test.each([
    ["garbage", Buffer.from("garbage")],
    ["nothing", Buffer.alloc(0)],
  ])("returns %s is a miss", async (_name, bytes) => {
    await serve(responder("right", FRESH));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    const [key = ""] = await redis.client.keys("edgelane:{*}");
    await redis.client.hset(key, "r", bytes);
    const second = await following();
    expect((await get(second.port, "/")).text).toBe("right");
    expect(await second.metric("gateway_cache_reads_total", { result: "invalid" })).toBe(1);
    expect(origin.heads).toHaveLength(2);
  });

  test("has lost a piece, or a value of another kind, is a miss", async () => {
    await serve(responder(pattern(600_000), FRESH));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    const [piece = ""] = await redis.client.keys("edgelane:*:1");
    await redis.client.del(piece);
    const second = await following();
    expect((await get(second.port, "/")).content.equals(pattern(600_000))).toBe(true);
    const [key = ""] = await redis.client.keys("edgelane:{*}");
    await redis.client.set(key, "a string");
    const third = await following();
    expect((await get(third.port, "/")).content.equals(pattern(600_000))).toBe(true);
    expect(await third.metric("gateway_cache_reads_total", { result: "reply" })).toBe(1);
  });

  test("freezes costs a few requests one timeout, the others nothing, and comes back", async () => {
    await serve(responder("fine", FRESH));
    const at = await following({ redis: { url: redis.url, timeout: "20ms" } });
    redis.freeze();
    const timesMs: number[] = [];
    for (let index = 0; index < 50; index++) {
      const startMs = performance.now();
      expect((await get(at.port, `/${index}`)).text).toBe("fine");
      timesMs.push(performance.now() - startMs);
    }
    expect(await at.metric("gateway_cache_breaker_state")).toBeGreaterThan(0);
    expect(await at.metric("gateway_cache_reads_total", { result: "timeout" })).toBe(5);
    // Five have waited for it: what the others took is far from that, on a loaded machine too.
    const sortedMs = timesMs.toSorted((a, b) => a - b);
    expect(sortedMs[25]).toBeLessThan((sortedMs[47] ?? 0) / 2);
    redis.thaw();
    await at.metricIs("gateway_cache_breaker_state", {}, 0);
    await at.metricIs("gateway_cache_journal_followed", {}, 1);
  });

  test("is killed and started again and again under load fails no request", async () => {
    await serve(responder("fine", FRESH));
    const at = await following({ redis: { url: redis.url, timeout: "20ms" } });
    let isOver = false;
    let count = 0;
    const load = Array.from({ length: 4 }, async (_, worker) => {
      while (!isOver) {
        const response = await get(at.port, `/${worker}/${count++ % 500}`);
        expect([response.status, response.text]).toEqual([200, "fine"]);
      }
    });
    for (let round = 0; round < 3; round++) {
      await redis.restart();
      await at.metricIs("gateway_cache_breaker_state", {}, 0);
      redis.freeze();
      await until(async () => (await at.metric("gateway_cache_breaker_state")) > 0, "the breaker");
      redis.thaw();
    }
    isOver = true;
    await Promise.all(load);
    expect(count).toBeGreaterThan(100);
  });
});
