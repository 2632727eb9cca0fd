// What the admin API says of a request is what then happens to it; asking changes nothing and
// reaches no origin server.

import { beforeEach, afterEach, describe, expect, test } from "vitest";
import type { Explanation } from "../../src/gateway/explain.ts";
import { shiftedClock } from "../support/gateway.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import { answering } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get } from "../support/raw-client.ts";

const pair = gatewayPair();
let clock: ReturnType<typeof shiftedClock>;
beforeEach(() => {
  clock = shiftedClock();
});
afterEach(() => clock.restore());

async function ask(method: string, path: string, ...fields: string[]): Promise<Explanation> {
  const url = `http://a.test${path}`;
  const query = new URLSearchParams([
    ["method", method],
    ["url", url],
    ...fields.map((line) => ["field", line]),
  ]);
  const response = await pair.gateway.admin("GET", `/explain?${query.toString()}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Explanation;
}

const serve = () =>
  pair.serve(
    answering(answer("x", "Cache-Control: max-age=60, stale-while-revalidate=30", "Vary: X-A")),
    {
      routes: [
        { match: "/*", name: "all", to: "app" },
        { match: "GET /shop/*", name: "shop", to: "app", cache: SHOP },
        { match: "/off", name: "off", to: "app", cache: "off" },
      ],
    },
  );

const SHOP = {
  ttl: "1h",
  status: { "404": "1m" },
  key: { query: { deny: ["utm_*"] }, cookies: ["tier"] },
  bypass: { cookies: ["session"] },
} as const;

describe("the route and its key", () => {
  test("the most specific route, and those that lost", async () => {
    await serve();
    const { route, otherRoutes } = await ask("GET", "/shop/a");
    expect([route?.name, otherRoutes.map(({ name }) => name)]).toEqual(["shop", ["all"]]);
    expect((await ask("POST", "/shop/a")).route?.name).toBe("all");
    expect((await ask("GET", "/health")).route).toBeNull();
  });

  test("what is in the key, and what is not", async () => {
    await serve();
    const { key } = await ask("GET", "/shop/a?utm_x=1&q=2", "Cookie: tier=gold; other=1");
    expect(key).toMatchObject({
      uri: "http://a.test/shop/a?q=2",
      selectedBy: { cookie: "tier=gold" },
      strippedParameters: ["utm_x"],
      strippedFields: ["cookie"],
    });
    expect(key?.hash).toMatch(/^[0-9a-f]{32}$/);
  });

  test("the upstream, its targets and limits", async () => {
    await serve();
    const { upstream } = await ask("GET", "/");
    expect(upstream).toMatchObject({ name: "app", pool: { queueMax: 1000 } });
    expect(upstream?.targets).toHaveLength(1);
  });
});

describe("the verdict and its rule", () => {
  test("nothing is stored, then fresh, then stale, and none of it by asking", async () => {
    const port = await serve();
    expect((await ask("GET", "/")).cache).toMatchObject({
      verdict: "forward",
      rule: "uri_miss",
      section: "RFC 9211 2.2",
      tier: null,
    });
    expect(pair.origin.heads).toHaveLength(0);
    await get(port, "/", "X-A: 1");
    const fresh = await ask("GET", "/", "X-A: 1");
    expect(fresh.cache).toMatchObject({ verdict: "use", rule: "fresh", tier: "l1" });
    expect(fresh.cache?.steps.map(({ rule }) => rule)).toEqual([
      "route_off",
      "method",
      "request_content",
      "uri_miss",
      "vary_miss",
      "precondition",
      "request_no_cache",
      "response_no_cache",
      "request_max_age",
      "request_min_fresh",
      "fresh",
    ]);
    expect(fresh.cache?.steps.map(({ decided }) => decided).lastIndexOf(true)).toBe(10);
    const { stored } = fresh.cache ?? {};
    expect(stored).toMatchObject({ status: 200, freshnessRule: "fresh_max_age", contentBytes: 1 });
    const freshMs = Date.parse(stored?.freshUntil ?? "");
    expect(Date.parse(stored?.staleWhileRevalidateUntil ?? "") - freshMs).toBe(30_000);
    expect(fresh.key?.selectedBy).toEqual({ "x-a": "1" });
    expect((await ask("GET", "/", "X-A: 2")).cache?.rule).toBe("vary_miss");
    clock.advance(70_000);
    expect((await ask("GET", "/", "X-A: 1")).cache).toMatchObject({
      verdict: "use_and_validate",
      rule: "stale_while_revalidate",
      section: "RFC 5861 3",
    });
    expect(pair.origin.heads).toHaveLength(1);
    expect(await pair.gateway.metric("gateway_cache_hits_total")).toBe(0);
  });

  test.each<[string, string, string[], string, string]>([
    ["POST", "/", [], "bypass", "method"],
    ["GET", "/off", [], "bypass", "route_off"],
    ["GET", "/", ["Content-Length: 3"], "bypass", "request_content"],
    ["GET", "/", ["Cache-Control: only-if-cached"], "refuse", "request_only_if_cached"],
    ["GET", "/shop/a", ["Cookie: session=1"], "bypass", "route_bypass"],
  ])("%s %s %j: %s by %s", async (method, path, fields, verdict, rule) => {
    await serve();
    const { cache } = await ask(method, path, ...fields);
    expect([cache?.verdict, cache?.rule]).toEqual([verdict, rule]);
    expect(cache?.wouldChange.length).toBeGreaterThan(0);
  });

  test("what the route stores for how long", async () => {
    await serve();
    const { cache } = await ask("GET", "/shop/a");
    expect(cache?.storing.slice(0, 2)).toEqual(["404: 60 s", "others that may be: 3600 s"]);
  });
});

test.each([
  "",
  "?method=GET",
  "?url=ftp://a/",
  "?url=http://a/&field=x",
  "?url=http://a/&method=a%20b",
])("/explain%s is refused with what is expected", async (query) => {
  await serve();
  const response = await pair.gateway.admin("GET", `/explain${query}`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: "invalid_request" });
});
