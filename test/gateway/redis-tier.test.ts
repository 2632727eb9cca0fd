// Two gateways that share a real Redis: what one has stored the other answers with, what one purges
// the other forgets.

import { afterEach, describe, expect, test } from "vitest";
import { type TestGateway, until } from "../support/gateway.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import type { OriginScript } from "../support/origin.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
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
    expect(tiers.origin.heads).toHaveLength(1);
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
    expect(tiers.origin.heads).toHaveLength(3);
  });

  test("is explained from Redis, and asking counts and keeps nothing", async () => {
    await serve(responder("shared", FRESH));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/", "Host: a.test");
    await stored(first, 1);
    const ask = async (field = "") => {
      const query = `url=http://a.test/&field=${encodeURIComponent(field)}`;
      const answered = await second.admin(
        "GET",
        `/explain?${field === "" ? query.slice(0, -7) : query}`,
      );
      return ((await answered.json()) as { cache: unknown }).cache;
    };
    expect(await ask()).toMatchObject({
      verdict: "use",
      rule: "second_tier",
      tier: "l2",
      secondTier: "stored",
      stored: { status: 200, contentBytes: 6 },
    });
    expect(await ask("Cache-Control: only-if-cached")).toMatchObject({
      verdict: "use",
      tier: "l2",
    });
    expect(await second.metric("gateway_cache_entries", { tier: "l1" })).toBe(0);
    expect(await second.metric("gateway_cache_reads_total")).toBe(0);
    const none = await second.admin("GET", "/explain?url=http://a.test/none");
    expect(await none.json()).toMatchObject({ cache: { rule: "uri_miss", secondTier: "miss" } });
    expect(await second.metric("gateway_cache_reads_total")).toBe(0);
    await tiers.redis.kill();
    await second.metricIs("gateway_cache_journal_followed", {}, 0);
    expect(await ask()).toMatchObject({ verdict: "forward", tier: null, secondTier: "away" });
  });

  test("survives the gateway", async () => {
    await serve(responder("kept", FRESH));
    const first = await following();
    await get(first.port, "/");
    await stored(first, 1);
    await first.shutDown();
    const second = await following();
    expect((await get(second.port, "/")).text).toBe("kept");
    expect(tiers.origin.heads).toHaveLength(1);
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
    expect(tiers.origin.heads).toHaveLength(1);
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
    expect(tiers.origin.heads).toHaveLength(2);
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
    expect(tiers.origin.heads).toHaveLength(2);
  });

  test("100 requests at once are one read", async () => {
    await serve(responder("once", FRESH));
    const [first, second] = [await following(), await following()];
    await get(first.port, "/");
    await stored(first, 1);
    const responses = await Promise.all(Array.from({ length: 100 }, () => get(second.port, "/")));
    expect(new Set(responses.map((response) => response.text))).toEqual(new Set(["once"]));
    expect(await second.metric("gateway_cache_reads_total")).toBeLessThanOrEqual(1);
    expect(tiers.origin.heads).toHaveLength(1);
  });
});

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
    expect(tiers.origin.heads[1]).toContain('If-None-Match: "1"');
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
    await tiers.redis.kill();
    for (const at of tiers.gateways) await at.metricIs("gateway_cache_journal_followed", {}, 0);
    await first.admin("POST", "/purge", { all: true });
    expect(await first.metric("gateway_cache_journal_pending")).toBe(1);
    expect((await get(second.port, "/")).field("cache-status")).toContain("hit");
    await tiers.redis.start();
    for (const at of tiers.gateways) await at.metricIs("gateway_cache_journal_followed", {}, 1);
    await second.metricIs("gateway_cache_entries", { tier: "l1" }, 0);
  });

  test("that was missed for good empties the memory", async () => {
    await serve(responder("old", FRESH));
    const first = await following();
    await get(first.port, "/");
    await tiers.redis.restart();
    await first.metricIs("gateway_cache_journal_losses_total", {}, 1);
    expect(await first.metric("gateway_cache_entries", { tier: "l1" })).toBe(0);
  });
});
