// Web cache poisoning, as attacks over sockets: the attacker sends first, and what the next client
// gets must be what it would have got without the attacker. The origin server reflects everything
// that it can be made to heed. What is not in the key does not reach it (docs/caching.md).

import { describe, expect, test } from "vitest";
import type { EdgelaneRouteCache } from "../../src/gateway/edgelane-config.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, type RawResponse, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();

/** A page made of the whole request, but for what is the gateway's own. */
function reflecting(...lines: string[]): OriginScript {
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const content = await connection.readContent(head);
      const sent = head.split("\r\n").filter((line) => !/^(?:x-request-id|via|te):/i.test(line));
      await connection.send(answer(`${sent.join("\n")}${content.toString("latin1")}`, ...lines));
    }
  };
}

const AUTO = ["Cache-Control: max-age=60"];

function serve(cache: "auto" | EdgelaneRouteCache, trust: string[] = [], lines = AUTO) {
  return pair.serve(reflecting(...lines), {
    trust,
    routes: [{ match: "/*", to: "app", cache }],
  });
}

const isHit = (response: RawResponse): boolean => {
  return /edgelane; hit/.test(response.field("cache-status") ?? "");
};

describe("fields that ask for something else than the URI names", () => {
  test.each([
    ["X-Forwarded-Host", "evil.test"],
    ["X-Forwarded-Scheme", "nothttps"],
    ["X-Forwarded-Proto", "nothttps"],
    ["X-Forwarded-Port", "123"],
    ["X-Forwarded-Prefix", "/evil"],
    ["X-Forwarded-Server", "evil.test"],
    ["X_Forwarded_Host", "evil.test"],
    ["Forwarded", "host=evil.test"],
    ["X-Host", "evil.test"],
    ["X-Original-Host", "evil.test"],
    ["X-HTTP-Host-Override", "evil.test"],
    ["X-Original-URL", "/evil"],
    ["X-Original-URI", "/evil"],
    ["X_Original_URL", "/evil"],
    ["x-rewrite-url", "/evil"],
    ["X-Override-URL", "/evil"],
    ["X-HTTP-Method-Override", "EVIL"],
    ["X-HTTP-Method", "EVIL"],
    ["X-Method-Override", "EVIL"],
  ])("%s changes no stored response", async (name, value) => {
    const port = await serve("auto");
    await get(port, "/", `${name}: ${value}`);
    const victim = await get(port, "/");
    expect(isHit(victim)).toBe(true);
    expect(victim.content.toString()).not.toMatch(/evil|nothttps|123$/im);
  });

  test("where nothing is stored they go on: a POST, a route without cache", async () => {
    const port = await serve("auto");
    const field = "X-HTTP-Method-Override: PUT";
    const text = requestText("POST", "/", [field, "Content-Length: 0"]);
    expect((await ask(port, text)).content.toString()).toContain(field);
  });

  test("one that is in the key goes on, to its own variant", async () => {
    const port = await serve({ key: { headers: ["X-Original-URL"] } });
    expect((await get(port, "/", "X-Original-URL: /b")).content.toString()).toContain("/b");
    expect((await get(port, "/")).content.toString()).not.toContain("/b");
    expect(isHit(await get(port, "/", "X-Original-URL: /b"))).toBe(true);
  });

  test("a POST that was told another URI is not stored for the one that it named", async () => {
    const port = await serve("auto", [], [...AUTO, "Content-Location: /"]);
    const lines = ["X-Original-URL: /evil", "Content-Length: 0"];
    await ask(port, requestText("POST", "/", lines));
    const victim = await get(port, "/");
    expect([isHit(victim), victim.content.toString()]).toEqual([
      false,
      expect.not.stringContaining("evil"),
    ]);
  });
});

describe("what a trusted proxy says of the URI", () => {
  test.each(["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port"])(
    "%s has responses of its own",
    async (name) => {
      const port = await serve("auto", ["127.0.0.0/8"]);
      await get(port, "/", `${name}: evil`);
      const victim = await get(port, "/");
      expect([isHit(victim), victim.content.toString()]).toEqual([
        false,
        expect.not.stringContaining("evil"),
      ]);
      expect(isHit(await get(port, "/", `${name}: evil`))).toBe(true);
      expect(isHit(await get(port, "/"))).toBe(true);
    },
  );

  test("and does not select where the peer is a stranger", async () => {
    const port = await serve("auto", ["192.0.2.0/24"]);
    await get(port, "/", "X-Forwarded-Proto: https");
    expect(isHit(await get(port, "/"))).toBe(true);
  });
});

describe("parameters that are not in the key", () => {
  const allow: EdgelaneRouteCache = { key: { query: { allow: ["q"], sort: true } } };
  const deny: EdgelaneRouteCache = { key: { query: { deny: ["utm_*"] } } };

  test.each<[string, EdgelaneRouteCache, string, string]>([
    ["another one", allow, "/?q=1&x=evil", "/?q=1"],
    ["none", { key: { query: "none" } }, "/?x=evil", "/"],
    ["cloaked behind `;`", deny, "/?utm_a=1;x=evil&q=1", "/?q=1"],
    ["cloaked behind an allowed name's twin", allow, "/?q=1&%71=evil", "/?q=1"],
    ["in other case", allow, "/?q=1&Q=evil", "/?q=1"],
    ["by an array", allow, "/?q=1&q[]=evil", "/?q=1"],
    ["a denied one", deny, "/?q=1&utm_content=evil", "/?q=1"],
    ["in an absolute target", allow, "http://a.test/?q=1&x=evil", "/?q=1"],
  ])("%s", async (_name, cache, attack, target) => {
    const port = await serve(cache);
    const host = "Host: a.test";
    const attacker = await ask(port, `GET ${attack} HTTP/1.1\r\n${host}\r\n\r\n`);
    expect(attacker.content.toString()).not.toContain("evil");
    const victim = await ask(port, `GET ${target} HTTP/1.1\r\n${host}\r\n\r\n`);
    expect(isHit(victim)).toBe(true);
    expect(victim.content.toString()).toMatch(/^GET \/(?:\?q=1)? HTTP/);
  });

  test("a second value of the same name has a key of its own", async () => {
    const port = await serve(allow);
    await get(port, "/?q=1&q=evil");
    expect(isHit(await get(port, "/?q=1"))).toBe(false);
  });

  test("order does not matter, and an unsafe request invalidates what it meant", async () => {
    const port = await serve(allow);
    await get(port, "/?x=1&q=2");
    expect(isHit(await get(port, "/?q=2&y=3"))).toBe(true);
    await ask(port, requestText("DELETE", "/?z=1&q=2"));
    expect(isHit(await get(port, "/?q=2"))).toBe(false);
  });
});

describe("cookies and bypasses", () => {
  test("with a ttl, no cookie reaches the origin server", async () => {
    const port = await serve({ ttl: "1m" }, [], ["X-A: 1"]);
    const first = await get(port, "/", "Cookie: session=evil");
    expect(first.content.toString()).not.toContain("evil");
    const second = await get(port, "/", "Cookie: session=b");
    expect(second.field("cache-status")).toMatch(/edgelane; hit/);
  });

  test("chosen cookies select, and the others stay here", async () => {
    const port = await serve({ key: { cookies: ["tier"] } });
    const gold = await get(port, "/", "Cookie: session=evil; tier=gold");
    expect(gold.content.toString()).toMatch(/cookie: tier=gold$/im);
    expect(isHit(await get(port, "/", "Cookie: tier=gold; session=b"))).toBe(true);
    expect(isHit(await get(port, "/", "Cookie: tier=silver"))).toBe(false);
    expect(isHit(await get(port, "/"))).toBe(false);
  });

  test("a bypass goes around the cache both ways, with all its cookies", async () => {
    const port = await serve({ ttl: "1m", bypass: { cookies: ["session"] } });
    await get(port, "/");
    const mine = await get(port, "/", "Cookie: a=1; session=me");
    expect(mine.content.toString()).toContain("a=1; session=me");
    expect(mine.field("cache-status")).toMatch(/fwd=bypass/);
    const other = await get(port, "/");
    expect([isHit(other), other.content.toString()]).toEqual([
      true,
      expect.not.stringContaining("session"),
    ]);
  });
});

describe("requests that are unlike what they are stored for", () => {
  test("a fat GET", async () => {
    const port = await serve("auto");
    await ask(port, requestText("GET", "/", ["Content-Length: 4"]).concat("evil"));
    expect((await get(port, "/")).content.toString()).not.toContain("evil");
  });

  test.each(["/%61", "/./a", "/a%2f", "/A", "//a", "/a;x", "/a%00"])(
    "%s is not /a: what is in the key is what is sent",
    async (path) => {
      const port = await serve("auto");
      const attacker = await get(port, path);
      const victim = await get(port, "/a");
      if (attacker.status === 200) {
        expect(attacker.content.toString()).toContain(`GET ${path} HTTP`);
      }
      expect([isHit(victim), victim.content.toString()]).toEqual([
        false,
        expect.stringContaining("GET /a HTTP"),
      ]);
    },
  );

  test("a status of one client is in no class: CPDoS", async () => {
    const script: OriginScript = async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const bad = /x-oversized/i.test(head);
        await connection.send(
          `HTTP/1.1 ${bad ? "400 Bad" : "404 None"}\r\nContent-Length: 0\r\n\r\n`,
        );
      }
    };
    const cache = { status: { "4xx": "1m" } } as const;
    const port = await pair.serve(script, { routes: [{ match: "/*", to: "app", cache }] });
    expect((await get(port, "/", "X-Oversized: 1")).status).toBe(400);
    expect((await get(port, "/")).status).toBe(404);
    expect(isHit(await get(port, "/"))).toBe(true);
  });
});
