// A Redis that is gone, frozen, full, loading, read-only or full of garbage costs the gateway
// nothing but the second tier: no request fails by it, none waits for it, and nothing is queued for
// it.

import { afterEach, describe, expect, test } from "vitest";
import { type TestGateway, until } from "../support/gateway.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import type { OriginScript } from "../support/origin.ts";
import { get } from "../support/raw-client.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import {
  type CacheConfig,
  FRESH,
  isFollowing,
  responder,
  startTiers,
  stored,
  type Tiers,
} from "../support/tiers.ts";

let tiers: Tiers;

afterEach(() => tiers[Symbol.asyncDispose]());

async function serve(script: OriginScript): Promise<void> {
  tiers = await startTiers(script);
}

function following(cache: CacheConfig = {}): Promise<TestGateway> {
  return tiers.following(cache);
}

/** Asks the origin too as soon as it can, and waits long for Redis. */
function impatient(cache: CacheConfig = {}): Promise<TestGateway> {
  const redis = { url: tiers.redis.url, hedge: "1ms", timeout: "5s" } as const;
  return tiers.following({ ...cache, redis });
}

describe("a Redis that", () => {
  test("is not there at the start fails nothing, and is used when it comes", async () => {
    await serve(responder("fine", FRESH));
    await tiers.redis.kill();
    const at = await tiers.gateway();
    expect((await get(at.port, "/1")).text).toBe("fine");
    await tiers.redis.start();
    await at.metricIs("gateway_cache_journal_followed", {}, 1);
    await at.metricIs("gateway_cache_breaker_state", {}, 0);
    await get(at.port, "/2");
    await stored(at, 1);
  });

  test("wants a password fails nothing and says why", async () => {
    await serve(responder("fine", FRESH));
    await tiers.redis.client.config("SET", "requirepass", "secret");
    const at = await tiers.gateway();
    expect((await get(at.port, "/")).text).toBe("fine");
    expect(await at.metric("gateway_cache_breaker_state")).toBe(2);
    const right = await tiers.gateway({ redis: { url: tiers.redis.url, password: "secret" } });
    await right.metricIs("gateway_cache_breaker_state", {}, 0);
  });

  test("is full drops what is written, and still answers", async () => {
    await serve(responder(pattern(10_000), FRESH));
    const at = await following();
    await get(at.port, "/1");
    await stored(at, 1);
    await tiers.redis.client.config("SET", "maxmemory-policy", "noeviction");
    await tiers.redis.client.config("SET", "maxmemory", "1");
    expect((await get(at.port, "/2")).status).toBe(200);
    await at.metricIs("gateway_cache_writes_dropped_total", { reason: "full" }, 1);
    expect(await at.metric("gateway_cache_breaker_state")).toBe(0);
  });

  test("freezes costs one request the hedge, the others nothing, and comes back", async () => {
    await serve(responder("fine", FRESH));
    const redis = { url: tiers.redis.url, hedge: "150ms", timeout: "200ms" } as const;
    const at = await following({ redis });
    tiers.redis.freeze();
    const timesMs: number[] = [];
    for (let index = 0; index < 50; index++) {
      const startMs = performance.now();
      expect((await get(at.port, `/${index}`)).text).toBe("fine");
      timesMs.push(performance.now() - startMs);
    }
    expect(timesMs.filter((timeMs) => timeMs >= 150)).toHaveLength(1);
    const read = (result: string) => at.metric("gateway_cache_reads_total", { result });
    expect(await read("skipped")).toBe(49);
    expect(await at.metric("gateway_cache_hedges_total", { tier: "l2" })).toBe(1);
    await at.metricIs("gateway_cache_reads_total", { result: "timeout" }, 1);
    await at.metricIs("gateway_cache_breaker_opened_total", {}, 1);
    tiers.redis.thaw();
    await isFollowing(at);
    const before = await read("miss");
    await get(at.port, "/another");
    expect(await read("miss")).toBe(before + 1);
  });

  test("is late has lost to an origin that is not", async () => {
    await serve(responder("origin", FRESH));
    const [first, second] = [await following(), await impatient()];
    await get(first.port, "/");
    await stored(first, 1);
    tiers.redis.freeze();
    expect((await get(second.port, "/")).field("cache-status")).toContain("fwd=uri-miss");
    tiers.redis.thaw();
    await second.metricIs("gateway_cache_reads_total", { result: "late" }, 1);
    expect(await second.metric("gateway_cache_hits_total", { tier: "l2" })).toBe(0);
  });

  test.each(["shared", "alone"])("is late wins against a later origin: %s", async (sharing) => {
    const later = Promise.withResolvers<void>();
    let asked = 0;
    await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        if (++asked > 1) await later.promise;
        await connection.send(answer(`answer ${asked}`, FRESH));
      }
    });
    const [first, second] = [
      await following(),
      await impatient({ coalesce: sharing === "shared" }),
    ];
    await get(first.port, "/");
    await stored(first, 1);
    tiers.redis.freeze();
    const waiting = get(second.port, "/");
    await until(async () => asked === 2, "the origin to be asked");
    tiers.redis.thaw();
    const response = await waiting;
    expect(response.text).toBe("answer 1");
    expect(response.field("cache-status")).toContain("detail=second_tier");
    // What the origin says is let finish, and its connection used again.
    later.resolve();
    await second.idle();
    expect((await get(second.port, "/2")).text).toBe("answer 3");
    expect(tiers.origin.accepted).toBe(2);
    expect((await get(second.port, "/")).text).toBe("answer 1");
  });

  test("is slow is asked beside the origin, and again alone when it is not", async () => {
    await serve(responder("fine", FRESH));
    await using proxy = await startTcpProxy(tiers.redis.port);
    const at = await following({ redis: { url: proxy.url, hedge: "20ms", timeout: "2s" } });
    proxy.delayMs = 60;
    const ask = async (index: number): Promise<number> => {
      await at.metricIs("gateway_cache_redis_connections", { state: "up" }, 1);
      const startMs = performance.now();
      await get(at.port, `/${index}`);
      return performance.now() - startMs;
    };
    for (let index = 0; index < 4; index++) expect(await ask(index)).toBeGreaterThanOrEqual(20);
    expect(await ask(4)).toBeLessThan(20);
    proxy.delayMs = 0;
    for (let index = 5; index < 13; index++) await ask(index);
    tiers.redis.freeze();
    expect(await ask(13)).toBeGreaterThanOrEqual(20);
  });

  test("is killed and started again and again under load fails no request", async () => {
    await serve(responder("fine", FRESH));
    const at = await following({ redis: { url: tiers.redis.url, timeout: "20ms" } });
    let isOver = false;
    let count = 0;
    const load = Array.from({ length: 4 }, async (_, worker) => {
      while (!isOver) {
        const response = await get(at.port, `/${worker}/${count++ % 500}`);
        expect([response.status, response.text]).toEqual([200, "fine"]);
      }
    });
    for (let round = 0; round < 3; round++) {
      await tiers.redis.restart();
      await at.metricIs("gateway_cache_breaker_state", {}, 0);
      tiers.redis.freeze();
      await until(async () => (await at.metric("gateway_cache_breaker_state")) > 0, "the breaker");
      tiers.redis.thaw();
    }
    isOver = true;
    await Promise.all(load);
    expect(count).toBeGreaterThan(100);
  });
});
