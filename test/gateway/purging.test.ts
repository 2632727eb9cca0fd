// Purges by URL on a real gateway: whatever a route makes of the URL for its cache key, the URL as
// the client sent it means all that is stored of it, and nothing else.

import { afterEach, describe, expect, test } from "vitest";
import type { EdgelaneRoute } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { get } from "../support/raw-client.ts";

let origin: TestOrigin;
let gateway: TestGateway;

afterEach(async () => {
  await origin.close();
  await gateway.shutDown();
});

type RouteCache = NonNullable<EdgelaneRoute["cache"]>;

async function serve(cache: RouteCache, trust: string[] = []): Promise<void> {
  origin = await startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(answer("content", "Cache-Control: max-age=60", 'ETag: "1"'));
    }
  });
  gateway = await startGateway({
    trust,
    upstreams: { app: origin.url },
    routes: [
      { match: "a.test/plain/*", to: "app", name: "plain" },
      { match: "GET a.test/*", to: "app", name: "keyed", cache },
    ],
  });
}

async function outcome(path: string, ...lines: string[]): Promise<string> {
  const status = (await get(gateway.port, path, ...lines)).field("cache-status") ?? "";
  return /^edgelane; (hit|fwd=[a-z-]+)/.exec(status)?.[1] ?? status;
}

async function purge(url: string, soft = false): Promise<unknown> {
  const response = await gateway.admin("POST", "/purge", { url, soft });
  expect(response.status).toBe(200);
  return await response.json();
}

interface Row {
  readonly name: string;
  readonly cache: RouteCache;
  readonly trust?: string[];
  /** What fills the cache, a stored response each: path, then field lines. */
  readonly stored: readonly (readonly [string, ...string[]])[];
  /** All of them go with any of these. */
  readonly urls: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    name: "variants by a header of the key",
    cache: { key: { headers: ["X-Country"] } },
    stored: [["/p?b=1", "X-Country: NL"], ["/p?b=1", "X-Country: DE"], ["/p?b=1"]],
    urls: ["http://a.test/p?b=1", "HTTP://A.test:80/p?b=1"],
  },
  {
    name: "variants by a cookie of the key",
    cache: { key: { cookies: ["tier"] } },
    stored: [["/p", "Cookie: tier=1; own=a"], ["/p", "Cookie: tier=2"], ["/p"]],
    urls: ["http://a.test/p"],
  },
  {
    name: "variants by what a trusted proxy says of the URI",
    cache: "auto",
    trust: ["127.0.0.1/32"],
    stored: [["/p", "X-Forwarded-Prefix: /shop"], ["/p"]],
    urls: ["http://a.test/p"],
  },
  {
    name: "a query in another order",
    cache: { key: { query: { sort: true } } },
    stored: [["/p?b=1&a=2"]],
    urls: ["http://a.test/p?b=1&a=2", "http://a.test/p?a=2&b=1"],
  },
  {
    name: "a query with parameters that are denied",
    cache: { key: { query: { deny: ["utm_*"] } } },
    stored: [["/p?utm_source=x&q=1"]],
    urls: ["http://a.test/p?q=1", "http://a.test/p?q=1&utm_medium=y#part"],
  },
  {
    name: "a query with parameters that are not allowed",
    cache: { key: { query: { allow: ["q"] } } },
    stored: [["/p?q=1&r=2"]],
    urls: ["http://a.test/p?r=9&q=1", "http://a.test:80/p?q=1&s"],
  },
  {
    name: "a query that is not in the key",
    cache: { key: { query: "none" } },
    stored: [["/p?any"]],
    urls: ["http://a.test/p", "http://a.test/p?other", "http://a.test/p?"],
  },
  {
    name: "all of it together",
    cache: {
      key: { query: { deny: ["utm_*"], sort: true }, headers: ["X-Country"], cookies: ["tier"] },
    },
    stored: [
      ["/p?b=1&utm_x=1&a=2", "X-Country: NL", "Cookie: tier=1"],
      ["/p?a=2&b=1", "X-Country: NL", "Cookie: tier=2"],
      ["/p?b=1&a=2", "X-Country: DE"],
    ],
    urls: ["http://a.test/p?utm_x=7&b=1&a=2"],
  },
];

describe("a purge by URL", () => {
  test.each(ROWS)("takes $name", async ({ cache, trust, stored, urls }) => {
    await serve(cache, trust);
    for (const url of urls) {
      for (const request of stored) expect(await outcome(...request)).not.toBe("hit");
      for (const request of stored) expect(await outcome(...request)).toBe("hit");
      expect(await purge(url)).toEqual({ purged: stored.length });
      for (const request of stored) expect(await outcome(...request)).not.toBe("hit");
      expect(await purge(url)).toEqual({ purged: stored.length });
    }
  });

  test("makes all variants stale if it is soft, and counts them", async () => {
    const query = { deny: ["utm_*"], sort: true };
    await serve({ key: { query, headers: ["X-Country"] } });
    for (const country of ["NL", "DE"]) await outcome("/p?a=2&b=1", `X-Country: ${country}`);
    expect(await purge("http://a.test/p?utm_x=7&b=1&a=2", true)).toEqual({ purged: 2 });
    for (const country of ["NL", "DE"]) {
      expect(await outcome("/p?b=1&a=2", `X-Country: ${country}`)).toBe("fwd=stale");
    }
  });

  test("leaves other URLs, also those of a route with the default key", async () => {
    await serve({ key: { query: { deny: ["utm_*"], sort: true } } });
    const others = ["/p?a=2&b=2", "/p?a=2", "/p", "/P?a=2&b=1", "/plain/p?a=2&b=1"];
    for (const path of ["/p?a=2&b=1", ...others]) await outcome(path);
    expect(await purge("http://a.test/p?b=1&utm_x=7&a=2")).toEqual({ purged: 1 });
    expect(await purge("http://a.test/plain/p?b=1&a=2")).toEqual({ purged: 0 });
    for (const path of others) expect(await outcome(path)).toBe("hit");
    expect(await outcome("/p?a=2&b=1")).toBe("fwd=uri-miss");
  });
});
