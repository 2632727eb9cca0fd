// Whatever lies in Redis under a gateway's keys, nobody gets anything but what the origin sent for
// that request: what is damaged, foreign, of another version or of another writing is a miss with
// a counter. And a Redis that answers with errors is no second tier, and nothing worse.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { keyOf } from "../../src/cache/redis-keys.ts";
import { type TestGateway, until } from "../support/gateway.ts";
import { pattern } from "../support/origin-scripts.ts";
import type { OriginScript } from "../support/origin.ts";
import { get } from "../support/raw-client.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import {
  type CacheConfig,
  FRESH,
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

const KEY = keyOf("edgelane:", "http://a.test/");
const OTHER_KEY = keyOf("edgelane:", "http://a.test/other");

async function valueOf(key: string): Promise<Buffer> {
  return (await tiers.redis.client.hgetBuffer(key, "r")) ?? Buffer.alloc(0);
}

type Damage = (value: Buffer, other: Buffer) => Buffer;

describe("a value that", () => {
  const damages: readonly (readonly [string, Damage])[] = [
    ["is nothing", () => Buffer.alloc(0)],
    ["is no value", () => Buffer.from("garbage")],
    ["is cut short", (value) => value.subarray(0, value.length - 1)],
    ["is cut to its head", (value) => value.subarray(0, 49)],
    ["goes on", (value) => Buffer.concat([value, Buffer.from("x")])],
    [
      "has another bit",
      (value) => {
        const wrong = Buffer.from(value);
        wrong[60] = (wrong[60] ?? 0) ^ 1;
        return wrong;
      },
    ],
    [
      "is of a newer version",
      (value) => {
        const newer = Buffer.from(value);
        newer[3] = 3;
        return newer;
      },
    ],
    ["is of another URI", (_value, other) => other],
  ];

  test.each(damages)("%s is a miss and is written anew", async (_name, damage) => {
    await serve(responder("right", FRESH));
    const first = await following();
    for (const path of ["/", "/other"]) await get(first.port, path);
    await stored(first, 2);
    const wrong = damage(await valueOf(KEY), await valueOf(OTHER_KEY));
    await tiers.redis.client.hset(KEY, "r", wrong);
    const second = await following();
    const response = await get(second.port, "/");
    expect([response.status, response.text]).toEqual([200, "right"]);
    expect(response.field("cache-status")).toContain("fwd=uri-miss");
    expect(await second.metric("gateway_cache_reads_total", { result: "invalid" })).toBe(1);
    expect(await second.metric("gateway_cache_breaker_state")).toBe(0);
    await stored(second, 1);
    const third = await following();
    expect((await get(third.port, "/")).field("cache-status")).toContain("second_tier");
  });

  test("is of another kind is a miss", async () => {
    await serve(responder("right", FRESH));
    const at = await following();
    await tiers.redis.client.set(KEY, "a string");
    expect((await get(at.port, "/")).text).toBe("right");
    expect(await at.metric("gateway_cache_reads_total", { result: "reply" })).toBe(1);
    await at.metricIs("gateway_cache_writes_dropped_total", { reason: "reply" }, 1);
    expect(await at.metric("gateway_cache_breaker_state")).toBe(0);
  });
});

describe("of a large value the pieces", () => {
  const LARGE = pattern(1_200_000);

  async function piecesOf(key: string): Promise<string[]> {
    const keys = await tiers.redis.client.keys(`${key}:*`);
    return keys.sort((a, b) => Number(a.split(":").at(-1)) - Number(b.split(":").at(-1)));
  }

  const mixtures: readonly (readonly [
    string,
    (own: string[], other: string[]) => Promise<unknown>,
  ])[] = [
    ["lack one", ([, second = ""]) => tiers.redis.client.del(second)],
    [
      "are swapped",
      async ([first = "", second = ""]) => {
        await tiers.redis.client.rename(first, "aside");
        await tiers.redis.client.rename(second, first);
        await tiers.redis.client.rename("aside", second);
      },
    ],
    [
      "have one of another writing",
      ([, own = ""], [, other = ""]) => {
        return tiers.redis.client.copy(other, own, "REPLACE");
      },
    ],
    [
      "have one that is cut short",
      async ([, , third = ""]) => {
        const bytes = (await tiers.redis.client.getBuffer(third)) ?? Buffer.alloc(0);
        await tiers.redis.client.set(third, bytes.subarray(0, bytes.length - 1));
      },
    ],
  ];

  test.each(mixtures)("%s: a miss", async (_name, mix) => {
    await serve(responder(LARGE, FRESH));
    const first = await following();
    for (const path of ["/", "/other"]) await get(first.port, path);
    await stored(first, 2);
    const [own, other] = [await piecesOf(KEY), await piecesOf(OTHER_KEY)];
    expect([own.length, other.length]).toEqual([5, 5]);
    const sizes = await Promise.all(own.map((key) => tiers.redis.client.strlen(key)));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024 + 4);
    await mix(own, other);
    const second = await following();
    const response = await get(second.port, "/");
    expect(response.content.equals(LARGE)).toBe(true);
    expect(response.field("cache-status")).toContain("fwd=uri-miss");
    expect(await second.metric("gateway_cache_reads_total", { result: "invalid" })).toBe(1);
  });

  test("of what was replaced are gone", async () => {
    await serve(responder(LARGE, FRESH, "Cache-Tag: red"));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    const before = await piecesOf(KEY);
    await first.admin("POST", "/purge", { tag: "red" });
    await get(first.port, "/");
    await stored(first, 2);
    await until(async () => (await piecesOf(KEY)).length === 5, "the old pieces to go");
    expect(await piecesOf(KEY)).not.toEqual(before);
  });
});

describe("a Redis that", () => {
  let other: TestRedis | null = null;
  afterEach(async () => {
    await other?.[Symbol.asyncDispose]();
    other = null;
  });

  test("is read-only is left alone, and used when it is not", async () => {
    await serve(responder("fine", FRESH));
    const at = await following();
    other = await startRedis();
    await tiers.redis.client.replicaof("127.0.0.1", other.port);
    for (const path of ["/1", "/2"]) expect((await get(at.port, path)).text).toBe("fine");
    // What the master has takes the place of what was here, the journal too, and stays without one.
    await at.metricIs("gateway_cache_journal_followed", {}, 0);
    expect((await get(at.port, "/3")).text).toBe("fine");
    await tiers.redis.client.replicaof("NO", "ONE");
    let count = 0;
    const written = async (): Promise<boolean> => {
      await get(at.port, `/again/${count++}`);
      return (await at.metric("gateway_cache_stores_total", { tier: "l2" })) > 0;
    };
    await until(written, "what is stored to be written", 10_000);
  });

  test("loads its data is not asked until it has", async () => {
    await serve(responder("fine", FRESH));
    const redis = tiers.redis.client;
    await redis.config("SET", "key-load-delay", "2000");
    await redis.call("DEBUG", "POPULATE", "300", "filler", "10");
    const at = await following();
    const reloading = redis.call("DEBUG", "RELOAD");
    let isLoading = true;
    void reloading.then(() => {
      isLoading = false;
    });
    for (let count = 0; isLoading && count < 100; count++) {
      expect((await get(at.port, `/${count}`)).text).toBe("fine");
    }
    await reloading;
    await at.metricIs("gateway_cache_journal_followed", {}, 1);
  });

  test("is busy with a script fails nobody, and is used again afterwards", async () => {
    await serve(responder("fine", FRESH));
    const at = await following({ redis: { url: tiers.redis.url, hedge: "20ms", timeout: "50ms" } });
    await tiers.redis.client.config("SET", "busy-reply-threshold", "100");
    const script = "local t = redis.call('TIME') repeat until redis.call('TIME')[1] - t[1] > 1";
    const running = tiers.redis.client.eval(script, 0);
    for (let count = 0; count < 20; count++) {
      expect((await get(at.port, `/${count}`)).text).toBe("fine");
    }
    await at.metricIs("gateway_cache_breaker_opened_total", {}, 1);
    await running.catch(() => undefined);
    await at.metricIs("gateway_cache_breaker_state", {}, 0);
    await at.metricIs("gateway_cache_journal_followed", {}, 1);
  });

  test("is frozen under load leaves nothing behind but what fits in the queue", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await serve(responder(pattern(20_000), FRESH));
    const redis = { url: tiers.redis.url, hedge: "2ms", timeout: "20ms", queue: "1MB" } as const;
    const at = await following({ memory: "1MB", redis });
    let highest = 0;
    const rounds: number[] = [];
    tiers.redis.freeze();
    for (let round = 0; round < 4; round++) {
      for (let count = 0; count < 120; count++) {
        expect((await get(at.port, `/${round}/${count}`)).status).toBe(200);
        if (count % 20 === 0) {
          highest = Math.max(highest, await at.metric("gateway_cache_queue_bytes"));
        }
      }
      collect();
      rounds.push(process.memoryUsage().arrayBuffers);
    }
    expect(highest).toBeLessThanOrEqual(1_000_000);
    // 120 responses of 20 KB are 2.4 MB: three rounds more have added less than what they brought.
    expect((rounds[3] ?? 0) - (rounds[0] ?? 0)).toBeLessThan(5_000_000);
    tiers.redis.thaw();
    await at.metricIs("gateway_cache_breaker_state", {}, 0);
    await at.metricIs("gateway_cache_queue_bytes", {}, 0);
  });

  test("comes back is asked once for what many want", async () => {
    await serve(responder("content", FRESH));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/");
    await stored(first, 1);
    tiers.redis.freeze();
    await second.metricIs("gateway_cache_journal_followed", {}, 0);
    tiers.redis.thaw();
    await second.metricIs("gateway_cache_journal_followed", {}, 1);
    await second.metricIs("gateway_cache_breaker_state", {}, 0);
    const reads = await second.metric("gateway_cache_reads_total", { result: "hit" });
    const responses = await Promise.all(Array.from({ length: 200 }, () => get(second.port, "/")));
    expect(new Set(responses.map(({ text }) => text))).toEqual(new Set(["content"]));
    expect((await second.metric("gateway_cache_reads_total", { result: "hit" })) - reads).toBe(1);
    expect(tiers.origin.heads).toHaveLength(1);
  });
});
