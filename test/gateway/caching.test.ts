// The cache as clients and origin servers see it: what is stored, for whom and how long it is used,
// and what Cache-Status says of it (RFC 9111 sections 3, 4 and 5, RFC 9211), over sockets.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shiftedClock } from "../support/gateway.ts";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, RawClient, type RawResponse, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();
let clock: ReturnType<typeof shiftedClock>;

beforeEach(() => {
  clock = shiftedClock();
});
afterEach(() => clock.restore());

/** Answers the nth request with "content n" and these field lines. */
function numbered(...lines: string[]): OriginScript {
  let count = 0;
  return async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      await connection.readContent(head);
      count++;
      await connection.send(answer(`content ${count}`, ...lines));
    }
  };
}

function status(response: RawResponse): string {
  return response.field("cache-status") ?? "";
}

const FRESH = "Cache-Control: max-age=60";
const MISS = /^edgelane; fwd=uri-miss; fwd-status=200; ttl=60; stored$/;
const HIT = /^edgelane; hit; ttl=\d+$/;

describe("a stored response", () => {
  test("answers the next request, with its Age and its remaining lifetime", async () => {
    const port = await pair.serve(numbered(FRESH));
    const miss = await get(port, "/");
    expect([miss.text, miss.field("age")]).toEqual(["content 1", undefined]);
    expect(status(miss)).toMatch(MISS);
    clock.advance(12_000);
    const hit = await get(port, "/");
    expect(hit.text).toBe("content 1");
    expect([hit.field("age"), status(hit)]).toEqual(["12", "edgelane; hit; ttl=48"]);
    clock.advance(1000);
    const later = await get(port, "/");
    expect([later.field("age"), status(later)]).toEqual(["13", "edgelane; hit; ttl=47"]);
    expect(pair.origin.heads).toHaveLength(1);
  });

  test("is used up to its lifetime and not a second longer", async () => {
    const port = await pair.serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(58_000);
    expect((await get(port, "/")).text).toBe("content 1");
    clock.advance(3000);
    const expired = await get(port, "/");
    expect(expired.text).toBe("content 2");
    expect(status(expired)).toBe("edgelane; fwd=stale; fwd-status=200; ttl=60; stored");
  });

  test("has the fields of the first one, and its own Date", async () => {
    const port = await pair.serve(numbered(FRESH, "X-A: 1", "Content-Type: text/plain", "x-B: 2"));
    const miss = await get(port, "/");
    clock.advance(5000);
    const hit = await get(port, "/");
    for (const name of ["x-a", "x-b", "content-type", "content-length", "date", "via"]) {
      expect(hit.fields(name), name).toEqual(miss.fields(name));
    }
    expect(hit.field("x-request-id")).not.toBe(miss.field("x-request-id"));
    for (const name of hit.names) expect(hit.fields(name.toLowerCase())).toHaveLength(1);
  });

  test("answers HEAD, with the same head and no content (RFC 9110 9.3.2)", async () => {
    const port = await pair.serve(numbered(FRESH));
    await get(port, "/");
    const client = await RawClient.connect(port);
    void client.send(requestText("HEAD", "/") + requestText("GET", "/"));
    const head = await client.response("HEAD");
    expect([head.status, head.field("content-length")]).toEqual([200, "9"]);
    expect(status(head)).toMatch(HIT);
    expect((await client.response()).text).toBe("content 1");
    await client.close();
    expect(pair.origin.heads).toHaveLength(1);
  });

  test("is not made by HEAD", async () => {
    const port = await pair.serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const content = head.startsWith("HEAD") ? "" : "hi";
        await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 2\r\n\r\n${content}`);
      }
    });
    await ask(port, requestText("HEAD", "/"));
    const response = await get(port, "/");
    expect(response.text).toBe("hi");
    expect(pair.origin.heads).toHaveLength(2);
  });

  test("is per scheme, host, port, path and query", async () => {
    const port = await pair.serve(numbered(FRESH));
    const targets: [string, string][] = [
      ["/", "a.test"],
      ["/", "b.test"],
      ["/", "a.test:8080"],
      ["/?", "a.test"],
      ["/?a", "a.test"],
      ["/A", "a.test"],
      ["/a", "a.test"],
    ];
    for (const [path, host] of targets) await get(port, path, `Host: ${host}`);
    expect(pair.origin.heads).toHaveLength(targets.length);
    const texts: string[] = [];
    for (const [path, host] of targets) texts.push((await get(port, path, `Host: ${host}`)).text);
    expect(texts).toEqual(targets.map((_target, index) => `content ${index + 1}`));
    const same = ["http://A.TEST/", "http://a.test:80/", "http://a.test"];
    for (const target of same) {
      const host = /\/\/([^/]*)/.exec(target)?.[1] ?? "";
      const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
      expect((await ask(port, request)).text).toBe("content 1");
    }
  });

  test("answers HTTP/1.0 in its terms", async () => {
    const port = await pair.serve(numbered(FRESH));
    await get(port, "/");
    const response = await ask(port, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    expect([response.text, response.field("connection")]).toEqual(["content 1", "close"]);
    expect(status(response)).toMatch(HIT);
  });
});

describe("what is stored (RFC 9111 3)", () => {
  const ROWS: [string, string[], string[], "stored" | "not"][] = [
    ["max-age", [FRESH], [], "stored"],
    ["s-maxage above max-age=0", ["Cache-Control: max-age=0, s-maxage=60"], [], "stored"],
    ["Expires", ["Expires: Fri, 01 Jan 2100 00:00:00 GMT"], [], "stored"],
    ["no-store", ["Cache-Control: no-store, max-age=60"], [], "not"],
    ["private", ["Cache-Control: private, max-age=60"], [], "not"],
    ["Vary: *", [FRESH, "Vary: *"], [], "not"],
    ["s-maxage=0 and a validator", ["Cache-Control: s-maxage=0"], [], "not"],
    ["nothing said and no validator", ["X: 1"], [], "not"],
    ["a request with no-store", [FRESH], ["Cache-Control: no-store"], "not"],
    ["Authorization", [FRESH], ["Authorization: Basic dTpw"], "not"],
    [
      "Authorization and public",
      ["Cache-Control: public, max-age=60"],
      ["Authorization: x"],
      "stored",
    ],
    ["Authorization and s-maxage", ["Cache-Control: s-maxage=60"], ["Authorization: x"], "stored"],
    [
      "Authorization and must-revalidate",
      ["Cache-Control: must-revalidate, max-age=60"],
      ["Authorization: x"],
      "stored",
    ],
    ["a cookie of the request", [FRESH], ["Cookie: a=1"], "stored"],
  ];
  test.each(ROWS)("%s", async (_name, lines, requestLines, outcome) => {
    const port = await pair.serve(numbered(...lines));
    const first = await get(port, "/", ...requestLines);
    expect(first.text).toBe("content 1");
    const entries = await pair.gateway.metric("gateway_cache_entries");
    expect(entries).toBe(outcome === "stored" ? 1 : 0);
    expect(status(first).includes("; stored")).toBe(outcome === "stored");
    expect(status(first)).toMatch(/^edgelane; fwd=/);
    // Somebody else asks.
    const second = await get(port, "/");
    expect(second.text).toBe(outcome === "stored" ? "content 1" : "content 2");
  });

  test("no-cache is stored, and validated before each use (RFC 9111 5.2.2.4)", async () => {
    const port = await pair.serve(numbered('Cache-Control: no-cache, max-age=60\r\nETag: "1"'));
    await get(port, "/");
    await get(port, "/");
    expect(pair.origin.heads[1]).toMatch(/\r\nif-none-match: "1"\r\n/i);
  });

  test.each([
    [404, 1],
    [301, 1],
    [500, 1],
    [206, 0],
  ])("a %i with a lifetime: %i", async (code, expected) => {
    const range = code === 206 ? "Content-Range: bytes 0-1/4\r\n" : "";
    const port = await pair.serve(async (connection) => {
      await connection.readHead();
      const head = `HTTP/1.1 ${code} X\r\n${FRESH}\r\n${range}Content-Length: 2\r\n\r\nhi`;
      await connection.send(head);
    });
    await get(port, "/");
    expect(await pair.gateway.metric("gateway_cache_entries")).toBe(expected);
  });

  test("nothing of a route whose cache is off", async () => {
    const port = await pair.serve(numbered(FRESH), {
      routes: [{ match: "/*", to: "app", cache: "off" }],
    });
    expect((await get(port, "/")).text).toBe("content 1");
    const second = await get(port, "/");
    expect([second.text, status(second)]).toEqual([
      "content 2",
      "edgelane; fwd=bypass; fwd-status=200",
    ]);
  });

  test("what a route says, whatever the origin says", async () => {
    const port = await pair.serve(numbered("X: 1"), {
      routes: [{ match: "/*", to: "app", cache: { ttl: "10s" } }],
    });
    await get(port, "/");
    clock.advance(8000);
    expect((await get(port, "/")).text).toBe("content 1");
    clock.advance(3000);
    expect((await get(port, "/")).text).toBe("content 2");
  });

  test.each([
    [
      "bad framing",
      "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["a repeated Host", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"],
    ["a bare LF", "GET / HTTP/1.1\nHost: a.test\n\n"],
    [
      "a chunk that is none",
      "GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
  ])("nothing of a request that was refused for %s", async (_name, request) => {
    const port = await pair.serve(numbered(FRESH));
    const response = await ask(port, request);
    expect(response.status).toBe(400);
    expect(response.field("cache-status")).toBeUndefined();
    expect(await pair.gateway.metric("gateway_cache_entries")).toBe(0);
    expect(pair.origin.heads).toEqual([]);
  });

  test("nothing of a request whose content turns out to be bad", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const port = await pair.serve(async (connection) => {
      await connection.readHead();
      await go;
      await connection.send(answer("hi", FRESH));
    });
    const client = await RawClient.connect(port);
    void client.send(`${requestText("GET", "/", ["Transfer-Encoding: chunked"])}1\r\na\r\n`);
    await pair.origin.headsAtLeast(1);
    void client.send("nonsense\r\n");
    expect((await client.response()).status).toBe(400);
    resolve();
    await client.close();
    await pair.gateway.idle();
    expect(await pair.gateway.metric("gateway_cache_entries")).toBe(0);
  });
});

describe("Vary (RFC 9111 4.1)", () => {
  test("keeps a variant for each value, and answers only those who ask for it", async () => {
    const port = await pair.serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const language = /accept-language: (\S*)/i.exec(head)?.[1] ?? "none";
        await connection.send(answer(language, FRESH, "Vary: Accept-Language"));
      }
    });
    const languages = ["Accept-Language: de", "Accept-Language: en", "X: no language"];
    const texts = async (): Promise<string[]> => {
      const all: string[] = [];
      for (const line of languages) all.push((await get(port, "/", line)).text);
      return all;
    };
    expect(await texts()).toEqual(["de", "en", "none"]);
    expect(await texts()).toEqual(["de", "en", "none"]);
    expect(pair.origin.heads).toHaveLength(3);
    const other = await get(port, "/", "Accept-Language: fr");
    expect(other.text).toBe("fr");
    expect(status(other)).toMatch(/^edgelane; fwd=vary-miss; /);
  });

  test("users whose cookies select never see each other's response", async () => {
    const port = await pair.serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const user = /cookie: user=(\S*)/i.exec(head)?.[1] ?? "nobody";
        await connection.send(answer(`page of ${user}`, FRESH, "Vary: Cookie"));
      }
    });
    for (let round = 0; round < 3; round++) {
      for (const user of ["ann", "bob", "eve"]) {
        expect((await get(port, "/", `Cookie: user=${user}`)).text).toBe(`page of ${user}`);
      }
    }
    expect((await get(port, "/")).text).toBe("page of nobody");
    expect(pair.origin.heads).toHaveLength(4);
  });
});

describe("requests that want something else", () => {
  test.each([
    ["no-cache", "Cache-Control: no-cache", "content 2"],
    ["max-age=0", "Cache-Control: max-age=0", "content 2"],
    ["max-age above its age", "Cache-Control: max-age=30", "content 1"],
    ["max-age below its age", "Cache-Control: max-age=5", "content 2"],
    ["min-fresh that it has", "Cache-Control: min-fresh=30", "content 1"],
    ["min-fresh that it has not", "Cache-Control: min-fresh=55", "content 2"],
    ["Pragma: no-cache", "Pragma: no-cache", "content 2"],
    ["only-if-cached", "Cache-Control: only-if-cached", "content 1"],
  ])("%s", async (_name, line, text) => {
    const port = await pair.serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(10_000);
    expect((await get(port, "/", line)).text).toBe(text);
  });

  test("only-if-cached without a stored response is 504 (RFC 9111 5.2.1.7)", async () => {
    const port = await pair.serve(numbered(FRESH));
    const response = await get(port, "/", "Cache-Control: only-if-cached");
    expect(response.status).toBe(504);
    expect(pair.origin.heads).toEqual([]);
  });

  test("max-stale takes what has expired", async () => {
    const port = await pair.serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(70_000);
    const stale = await get(port, "/", "Cache-Control: max-stale=60");
    expect(stale.text).toBe("content 1");
    expect(status(stale)).toMatch(/^edgelane; hit; ttl=-10; detail=/);
  });
});

test("Cache-Status of a cache in front of the origin comes first (RFC 9211 2)", async () => {
  const port = await pair.serve(numbered(FRESH, "Cache-Status: inner; hit"));
  const expected = [/^inner; hit, edgelane; fwd=uri-miss/, /^inner; hit, edgelane; hit; ttl=60$/];
  for (const pattern of expected) expect(status(await get(port, "/"))).toMatch(pattern);
});

test("an Age of the origin's counts (RFC 9111 4.2.3)", async () => {
  const port = await pair.serve(numbered(FRESH, "Age: 50"));
  await get(port, "/");
  clock.advance(4000);
  const hit = await get(port, "/");
  expect([hit.field("age"), status(hit)]).toEqual(["54", "edgelane; hit; ttl=6"]);
  clock.advance(8000);
  expect((await get(port, "/")).text).toBe("content 2");
});
