// Requests that wait together for one read of Redis: each has what it would have had alone. What is
// for one user goes to that user, and only-if-cached never gets as far as the origin (RFC 9111
// sections 4.1, 4.3, 5.2.1.2, 5.2.1.7 and 5.2.2.4).

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, requestText } from "../support/raw-client.ts";
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

/** Two that follow the journal, so that they read and write. */
async function instances(): Promise<readonly [TestGateway, TestGateway]> {
  const config = {
    cache: { redis: { url: redis.url, timeout: "5s", hedge: "5s" } },
    upstreams: { app: origin.url },
  } as const;
  const [first, second] = [await startGateway(config), await startGateway(config)];
  gateways.push(first, second);
  for (const gateway of gateways) {
    await gateway.metricIs("gateway_cache_journal_followed", {}, 1);
    await gateway.metricIs("gateway_cache_breaker_state", {}, 0);
  }
  return [first, second];
}

/**
 * Says in content and entity tag whom it was made for, and validates that for the same one alone.
 * `later`: "fails", or validates what is then fresh again, for it has no Age any more.
 */
function madeFor(lines: readonly string[], later: "validates" | "fails"): OriginScript {
  let isFirst = true;
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const user = /^cookie: (user-\d)/im.exec(head)?.[1] ?? "nobody";
      const fields = [`ETag: "${user}"`, ...lines, ...(isFirst ? ["Age: 61"] : [])];
      if (!isFirst && later === "fails") {
        await connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
      } else if (head.includes(`: "${user}"`)) {
        await connection.send(`HTTP/1.1 304 Not Modified\r\n${fields.join("\r\n")}\r\n\r\n`);
      } else {
        await connection.send(answer(`made for ${user}`, ...fields));
      }
      isFirst = false;
    }
  };
}

/** Both wait for one read of Redis, in this order. */
async function together(at: TestGateway, requests: readonly [string, string]) {
  redis.freeze();
  const leader = ask(at.port, requests[0]);
  await at.metricIs("gateway_cache_misses_total", {}, 1);
  const waiter = ask(at.port, requests[1]);
  await at.metricIs("gateway_cache_coalesced_total", {}, 1);
  redis.thaw();
  return Promise.all([leader, waiter]);
}

function by(user: string, ...lines: string[]): string {
  return requestText("GET", "/", [`Cookie: ${user}`, ...lines]);
}

const VARY = "Vary: Cookie";
const STALE_OK = "Cache-Control: max-age=60, stale-if-error=600";
const SWR = "Cache-Control: max-age=60, stale-while-revalidate=600";

describe("of two users who wait for the same read", () => {
  test.each([
    ["no-cache", ["Cache-Control: no-cache"], "validates", "fwd-status=304", "fwd-status=200"],
    ["never fresh", ["Cache-Control: max-age=0"], "validates", "fwd-status=304", "fwd-status=200"],
    ["fresh", ["Cache-Control: max-age=600", VARY], "validates", "second_tier", "fwd-status=200"],
    ["stale", ["Cache-Control: max-age=60", VARY], "validates", "fwd-status=304", "fwd-status=200"],
    ["still used while stale", [SWR, VARY], "validates", "second_tier", "fwd-status=200"],
    ["standing in for a failed origin", [STALE_OK, VARY], "fails", "stale_if_error", "status=503"],
  ] as const)("only its own gets what was made for it: %s", async (_name, lines, later, a, b) => {
    origin = await startOrigin(madeFor(lines, later));
    const [first, second] = await instances();
    await ask(first.port, by("user-0"));
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    const [own, other] = await together(second, [by("user-0"), by("user-1")]);
    expect([own.text, own.field("cache-status")]).toEqual([
      "made for user-0",
      expect.stringContaining(a),
    ]);
    expect([other.text, other.field("cache-status")]).toEqual([
      later === "fails" ? "" : "made for user-1",
      expect.stringContaining(b),
    ]);
  });

  test("both get what is fresh and for all, by one read", async () => {
    origin = await startOrigin(madeFor(["Cache-Control: max-age=600"], "validates"));
    const [first, second] = await instances();
    await ask(first.port, by("user-0"));
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    for (const response of await together(second, [by("user-0"), by("user-1")])) {
      expect(response.field("cache-status")).toContain("detail=second_tier");
    }
    expect(origin.heads).toHaveLength(1);
  });

  test("one accepts what is stale, and the other gets it validated (5.2.1.2)", async () => {
    origin = await startOrigin(madeFor(["Cache-Control: max-age=60"], "validates"));
    const [first, second] = await instances();
    await ask(first.port, by("user-0"));
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    const accepting = by("user-0", "Cache-Control: max-stale=600");
    const [stale, fresh] = await together(second, [accepting, by("user-0")]);
    expect(stale.field("cache-status")).toContain("detail=second_tier");
    expect(fresh.field("cache-status")).toContain("fwd=stale; fwd-status=304");
  });
});

describe("only-if-cached", () => {
  const only = "Cache-Control: only-if-cached";

  test.each([
    ["GET", "fresh", ["Cache-Control: max-age=600"], "nobody", 200, "l2"],
    ["HEAD", "fresh", ["Cache-Control: max-age=600"], "nobody", 200, "l2"],
    ["GET", "stale", ["Cache-Control: max-age=60"], "nobody", 504, "refused"],
    ["GET", "to be validated", ["Cache-Control: no-cache"], "nobody", 504, "refused"],
    ["GET", "for another", ["Cache-Control: max-age=600", VARY], "user-1", 504, "refused"],
  ] as const)("%s of what lies in Redis %s", async (method, _name, lines, user, status, logged) => {
    origin = await startOrigin(madeFor(lines, "validates"));
    const [first, second] = await instances();
    await ask(first.port, by("nobody"));
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    const request = requestText(method, "/", [only, `Cookie: ${user}`]);
    expect((await ask(second.port, request)).status).toBe(status);
    expect((await second.log(1)).map((line) => line.cache)).toEqual([logged]);
    expect(origin.heads).toHaveLength(1);
  });

  test("gets what is stale and may be used, which is validated meanwhile", async () => {
    origin = await startOrigin(madeFor([SWR], "validates"));
    const [first, second] = await instances();
    await get(first.port, "/");
    await first.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    expect((await get(second.port, "/", only)).text).toBe("made for nobody");
    await second.metricIs("gateway_cache_stores_total", { tier: "l2" }, 1);
    expect(origin.heads[1]).toContain('If-None-Match: "nobody"');
  });

  test("of what is nowhere is 504, and leaves others to ask the origin", async () => {
    origin = await startOrigin(madeFor(["Cache-Control: max-age=600"], "validates"));
    const [first] = await instances();
    redis.freeze();
    const refused = get(first.port, "/", only);
    await first.metricIs("gateway_cache_misses_total", {}, 1);
    const asked = get(first.port, "/");
    await first.metricIs("gateway_cache_misses_total", {}, 2);
    redis.thaw();
    expect((await refused).field("cache-status")).toBe("edgelane; detail=request_only_if_cached");
    expect((await asked).text).toBe("made for nobody");
    expect(origin.heads).toHaveLength(1);
  });

  test("of what is nowhere is 504 at once without Redis", async () => {
    origin = await startOrigin(madeFor(["Cache-Control: max-age=600"], "validates"));
    const [first] = await instances();
    await redis.kill();
    await first.metricIs("gateway_cache_breaker_state", {}, 2);
    expect((await get(first.port, "/", only)).status).toBe(504);
    expect(origin.heads).toHaveLength(0);
  });
});
