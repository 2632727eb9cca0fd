// What the admin API says of a request is what then happens to it; asking changes nothing and
// reaches no origin server.

import { beforeEach, afterEach, describe, expect, test } from "vitest";
import type { Explanation } from "../../src/gateway/explain.ts";
import { shiftedClock } from "../support/gateway.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import { answering } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";

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

const MAX_AGE = "Cache-Control: max-age=60";
const ETAG = 'ETag: "1"';

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
      "route_bypass",
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
    expect(fresh.cache?.steps.map(({ decided }) => decided).lastIndexOf(true)).toBe(11);
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
    const { storing } = await ask("GET", "/shop/a");
    expect(storing?.rules.slice(0, 2)).toEqual(["404: 60 s", "others that may be: 3600 s"]);
  });
});

describe("each kind of decision, and what would change it", () => {
  const ROUTES = [
    { match: "/*", name: "all", to: "app" },
    { match: "GET /ttl/*", name: "ttl", to: "app", cache: { ttl: "1h", status: { 404: "1m" } } },
  ] as const;

  /** Serves `lines` and asks once for the path, so that what becomes of it is known. */
  async function served(
    path: string,
    status: number,
    lines: readonly string[],
    ...fields: string[]
  ) {
    const reply = answer("x", ...lines)
      .toString("latin1")
      .replace("200 OK", `${status} X`);
    const port = await pair.serve(answering(reply), { routes: [...ROUTES] });
    return get(port, path, ...fields);
  }

  test.each<
    [
      name: string,
      setUp: {
        path?: string;
        status?: number;
        lines: string[];
        first?: string[];
        laterMs?: number;
      },
      fields: string[],
      verdict: string,
      rule: string,
      change: RegExp,
    ]
  >([
    ["a hit", { lines: [MAX_AGE] }, [], "use", "fresh", /^edgelane purge http:/],
    [
      "negative caching",
      { path: "/ttl/a", status: 404, lines: ["X-A: 1"] },
      [],
      "use",
      "fresh",
      /purge/,
    ],
    [
      "stale",
      { lines: [MAX_AGE, ETAG], laterMs: 70_000 },
      [],
      "forward",
      "stale",
      /^cache: \{stale: 1h\} on route all$/,
    ],
    [
      "stale that must not be used",
      { lines: [`${MAX_AGE}, must-revalidate`, ETAG], laterMs: 70_000 },
      [],
      "forward",
      "stale",
      /without must-revalidate/,
    ],
    [
      "max-stale",
      { lines: [MAX_AGE], laterMs: 70_000 },
      ["Cache-Control: max-stale=60"],
      "use",
      "request_max_stale",
      /without max-stale/,
    ],
    [
      "while revalidated",
      { lines: [`${MAX_AGE}, stale-while-revalidate=60`], laterMs: 70_000 },
      [],
      "use_and_validate",
      "stale_while_revalidate",
      /the validation/,
    ],
    [
      "no-cache asked",
      { lines: [MAX_AGE] },
      ["Cache-Control: no-cache"],
      "forward",
      "request_no_cache",
      /without Cache-Control: no-cache/,
    ],
    [
      "Pragma",
      { lines: [MAX_AGE] },
      ["Pragma: no-cache"],
      "forward",
      "request_pragma",
      /without Pragma/,
    ],
    [
      "too old",
      { lines: [MAX_AGE], laterMs: 20_000 },
      ["Cache-Control: max-age=10"],
      "forward",
      "request_max_age",
      /^Cache-Control: max-age=2[01] or more/,
    ],
    [
      "not fresh enough",
      { lines: [MAX_AGE], laterMs: 20_000 },
      ["Cache-Control: min-fresh=50"],
      "forward",
      "request_min_fresh",
      /^Cache-Control: min-fresh=(39|40) or less/,
    ],
    [
      "no-cache stored",
      { lines: ["Cache-Control: no-cache", ETAG] },
      [],
      "forward",
      "response_no_cache",
      /response without Cache-Control: no-cache/,
    ],
    [
      "Vary",
      { lines: [MAX_AGE, "Vary: X-A"], first: ["X-A: 1"] },
      ["X-A: 2"],
      "forward",
      "vary_miss",
      /^the request with x-a: 1: stored$/,
    ],
    [
      "Vary by a secret",
      { lines: [MAX_AGE, "Vary: Cookie"], first: ["Cookie: s=1"] },
      [],
      "forward",
      "vary_miss",
      /^the request with another cookie: stored$/,
    ],
    [
      "a precondition",
      { lines: [MAX_AGE, ETAG] },
      ['If-Match: "2"'],
      "forward",
      "precondition",
      /^the request without If-Match$/,
    ],
    [
      "only-if-cached",
      { lines: [MAX_AGE, ETAG], laterMs: 70_000 },
      ["Cache-Control: only-if-cached"],
      "refuse",
      "request_only_if_cached",
      /without only-if-cached/,
    ],
  ])("%s", async (_name, setUp, fields, verdict, rule, change) => {
    const { path = "/", status = 200, lines, first = [], laterMs = 0 } = setUp;
    await served(path, status, lines, ...first);
    clock.advance(laterMs);
    const { cache } = await ask("GET", path, ...fields);
    expect([cache?.verdict, cache?.rule]).toEqual([verdict, rule]);
    expect(cache?.steps.at(-1)).toMatchObject({ rule, decided: true });
    expect(cache?.wouldChange.join("\n")).toMatch(new RegExp(change.source, "m"));
  });

  test.each<[name: string, lines: string[], fields: string[], rule: string, change: RegExp]>([
    [
      "private",
      ["Cache-Control: private"],
      [],
      "response_private",
      /without Cache-Control: private/,
    ],
    [
      "no-store",
      ["Cache-Control: no-store"],
      [],
      "response_no_store",
      /without Cache-Control: no-store/,
    ],
    ["Authorization", [MAX_AGE], ["Authorization: a"], "authorization", /^public, s-maxage/],
    ["Set-Cookie", ["Set-Cookie: a=1"], [], "set_cookie", /beside Set-Cookie/],
    ["nothing said", ["X-A: 1"], [], "nothing_to_reuse", /^ETag or Last-Modified/],
    ["Vary: *", [MAX_AGE, "Vary: *"], [], "vary_unmatchable", /names of the fields/],
    ["no-cache", ["Cache-Control: no-cache", ETAG], [], "response_no_cache", /./],
  ])("not shared, remembered: %s", async (_name, lines, fields, rule, change) => {
    await served("/", 200, lines, ...fields);
    const { cache } = await ask("GET", "/", ...fields);
    expect(cache?.forwarding).toMatchObject({ coalesced: false, uncacheable: { rule } });
    const untilMs = Date.parse(cache?.forwarding?.uncacheable?.until ?? "");
    expect(untilMs - Date.now()).toBeGreaterThan(100_000);
    if (rule === "response_no_cache") return;
    // The same response, given: the same rule, and what would change it.
    const given = lines.map((line) => `response=${encodeURIComponent(line)}`);
    const asked = fields.map((line) => `field=${encodeURIComponent(line)}`);
    const query = ["url=http://a.test/", "status=200", ...given, ...asked].join("&");
    const response = await pair.gateway.admin("GET", `/explain?${query}`);
    const { storing } = (await response.json()) as Explanation;
    expect(storing?.response).toMatchObject({ stored: false, rule });
    expect(storing?.response?.wouldChange.join("\n")).toMatch(new RegExp(change.source, "m"));
  });

  test("a response that is given, and how long it would be fresh", async () => {
    await served("/", 200, [MAX_AGE]);
    const lines = ["Cache-Control: max-age=60, stale-if-error=9", "Vary: X-A"];
    const given = lines.map((line) => `response=${encodeURIComponent(line)}`).join("&");
    const answered = await pair.gateway.admin("GET", `/explain?url=http://a.test/&${given}`);
    const { storing } = (await answered.json()) as Explanation;
    expect(storing?.response).toMatchObject({
      stored: true,
      freshness: { seconds: 60, rule: "fresh_max_age", staleIfErrorSeconds: 9, validated: false },
      vary: ["x-a"],
    });
    expect(storing?.response?.steps.at(-1)).toMatchObject({ rule: "stored", decided: true });
  });

  test("softly purged: stale, and it says by what", async () => {
    await served("/", 200, [MAX_AGE, ETAG]);
    await pair.gateway.admin("POST", "/purge", { all: true, soft: true });
    const { cache } = await ask("GET", "/");
    expect(cache).toMatchObject({
      rule: "stale",
      stored: { freshnessRule: "fresh_purged" },
      forwarding: { validates: true, coalesced: true },
    });
  });

  test("made invalid by an unsafe request: nothing is stored", async () => {
    await served("/", 200, [MAX_AGE]);
    const client = await RawClient.connect(pair.gateway.port);
    await client.send(requestText("DELETE", "/", ["Host: a.test"]));
    await client.response();
    await client.close();
    expect((await ask("GET", "/")).cache).toMatchObject({ rule: "uri_miss", tier: null });
  });

  test("no route: what would make one", async () => {
    await pair.serve(answering(answer("x")), {
      routes: [
        { match: "GET /a", name: "read", to: "app" },
        { match: "b.test/x", name: "host", to: "app" },
      ],
    });
    expect((await ask("POST", "/a")).hints).toEqual(["GET: route read"]);
    expect((await ask("GET", "/x")).hints).toEqual(["Host: b.test: route host"]);
    expect((await ask("GET", "/health")).hints[0]).toContain("`health` of the config");
  });
});

test.each([
  "",
  "?url=http://a/&status=ok",
  "?url=http://a/&response=x",
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
