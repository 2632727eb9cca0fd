// The cache as clients and origin servers see it: what is stored, how long it is used, how it is
// validated and invalidated, and what Cache-Status says of it (RFC 9111, RFC 9211), over sockets.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { shiftedClock, startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer } from "../support/origin-scripts.ts";
import { ask, get, RawClient, type RawResponse, requestText } from "../support/raw-client.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;
let clock: ReturnType<typeof shiftedClock>;

async function serve(
  script: OriginScript,
  config: Omit<EdgelaneConfig, "upstreams"> = {},
): Promise<number> {
  origin = await startOrigin(script);
  gateway = await startGateway({ ...config, upstreams: { app: origin.url } });
  return gateway.port;
}

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

function heads(): string[] {
  return origin?.heads ?? [];
}

function started(): TestGateway {
  if (gateway === undefined) throw new Error("nothing was started");
  return gateway;
}

function status(response: RawResponse): string {
  return response.field("cache-status") ?? "";
}

beforeEach(() => {
  origin = undefined;
  gateway = undefined;
  clock = shiftedClock();
});
afterEach(async () => {
  clock.restore();
  await origin?.close();
  await gateway?.close();
});

const FRESH = "Cache-Control: max-age=60";
const MISS = /^edgelane; fwd=uri-miss; fwd-status=200; ttl=60; stored$/;
const HIT = /^edgelane; hit; ttl=\d+$/;

describe("a stored response", () => {
  test("answers the next request, with its Age and its remaining lifetime", async () => {
    const port = await serve(numbered(FRESH));
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
    expect(heads()).toHaveLength(1);
  });

  test("is used up to its lifetime and not a second longer", async () => {
    const port = await serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(58_000);
    expect((await get(port, "/")).text).toBe("content 1");
    clock.advance(3000);
    const expired = await get(port, "/");
    expect(expired.text).toBe("content 2");
    expect(status(expired)).toBe("edgelane; fwd=stale; fwd-status=200; ttl=60; stored");
  });

  test("has the fields of the first one, and its own Date", async () => {
    const port = await serve(numbered(FRESH, "X-A: 1", "Content-Type: text/plain", "x-B: 2"));
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
    const port = await serve(numbered(FRESH));
    await get(port, "/");
    const client = await RawClient.connect(port);
    void client.send(requestText("HEAD", "/") + requestText("GET", "/"));
    const head = await client.response("HEAD");
    expect([head.status, head.field("content-length")]).toEqual([200, "9"]);
    expect(status(head)).toMatch(HIT);
    expect((await client.response()).text).toBe("content 1");
    await client.close();
    expect(heads()).toHaveLength(1);
  });

  test("is not made by HEAD", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const content = head.startsWith("HEAD") ? "" : "hi";
        await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 2\r\n\r\n${content}`);
      }
    });
    await ask(port, requestText("HEAD", "/"));
    const response = await get(port, "/");
    expect(response.text).toBe("hi");
    expect(heads()).toHaveLength(2);
  });

  test("is per scheme, host, port, path and query", async () => {
    const port = await serve(numbered(FRESH));
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
    expect(heads()).toHaveLength(targets.length);
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
    const port = await serve(numbered(FRESH));
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
    const port = await serve(numbered(...lines));
    const first = await get(port, "/", ...requestLines);
    expect(first.text).toBe("content 1");
    const entries = await started().metric("gateway_cache_entries");
    expect(entries).toBe(outcome === "stored" ? 1 : 0);
    expect(status(first).includes("; stored")).toBe(outcome === "stored");
    expect(status(first)).toMatch(/^edgelane; fwd=/);
    // Somebody else asks.
    const second = await get(port, "/");
    expect(second.text).toBe(outcome === "stored" ? "content 1" : "content 2");
  });

  test("no-cache is stored, and validated before each use (RFC 9111 5.2.2.4)", async () => {
    const port = await serve(numbered('Cache-Control: no-cache, max-age=60\r\nETag: "1"'));
    await get(port, "/");
    await get(port, "/");
    expect(heads()[1]).toMatch(/\r\nif-none-match: "1"\r\n/i);
  });

  test.each([
    [404, 1],
    [301, 1],
    [500, 1],
    [206, 0],
  ])("a %i with a lifetime: %i", async (code, expected) => {
    const range = code === 206 ? "Content-Range: bytes 0-1/4\r\n" : "";
    const port = await serve(async (connection) => {
      await connection.readHead();
      const head = `HTTP/1.1 ${code} X\r\n${FRESH}\r\n${range}Content-Length: 2\r\n\r\nhi`;
      await connection.send(head);
    });
    await get(port, "/");
    expect(await started().metric("gateway_cache_entries")).toBe(expected);
  });

  test("nothing of a route whose cache is off", async () => {
    const port = await serve(numbered(FRESH), {
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
    const port = await serve(numbered("X: 1"), {
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
    const port = await serve(numbered(FRESH));
    const response = await ask(port, request);
    expect(response.status).toBe(400);
    expect(response.field("cache-status")).toBeUndefined();
    expect(await started().metric("gateway_cache_entries")).toBe(0);
    expect(heads()).toEqual([]);
  });

  test("nothing of a request whose content turns out to be bad", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const port = await serve(async (connection) => {
      await connection.readHead();
      await go;
      await connection.send(answer("hi", FRESH));
    });
    const client = await RawClient.connect(port);
    void client.send(`${requestText("GET", "/", ["Transfer-Encoding: chunked"])}1\r\na\r\n`);
    await origin?.headsAtLeast(1);
    void client.send("nonsense\r\n");
    expect((await client.response()).status).toBe(400);
    resolve();
    await client.close();
    await started().idle();
    expect(await started().metric("gateway_cache_entries")).toBe(0);
  });
});

describe("Vary (RFC 9111 4.1)", () => {
  test("keeps a variant for each value, and answers only those who ask for it", async () => {
    const port = await serve(async (connection) => {
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
    expect(heads()).toHaveLength(3);
    const other = await get(port, "/", "Accept-Language: fr");
    expect(other.text).toBe("fr");
    expect(status(other)).toMatch(/^edgelane; fwd=vary-miss; /);
  });

  test("users whose cookies select never see each other's response", async () => {
    const port = await serve(async (connection) => {
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
    expect(heads()).toHaveLength(4);
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
    const port = await serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(10_000);
    expect((await get(port, "/", line)).text).toBe(text);
  });

  test("only-if-cached without a stored response is 504 (RFC 9111 5.2.1.7)", async () => {
    const port = await serve(numbered(FRESH));
    const response = await get(port, "/", "Cache-Control: only-if-cached");
    expect(response.status).toBe(504);
    expect(heads()).toEqual([]);
  });

  test("max-stale takes what has expired", async () => {
    const port = await serve(numbered(FRESH));
    await get(port, "/");
    clock.advance(70_000);
    const stale = await get(port, "/", "Cache-Control: max-stale=60");
    expect(stale.text).toBe("content 1");
    expect(status(stale)).toMatch(/^edgelane; hit; ttl=-10; detail=/);
  });
});

describe("validation (RFC 9111 4.3)", () => {
  const TAGGED = [FRESH, 'ETag: "v1"', "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT"];

  test.each([
    ["If-None-Match", 'If-None-Match: "v1"', 304],
    ["weakly", 'If-None-Match: W/"v1"', 304],
    ["one of several", 'If-None-Match: "v0", "v1"', 304],
    ["any", "If-None-Match: *", 304],
    ["another", 'If-None-Match: "v2"', 200],
    ["If-Modified-Since", "If-Modified-Since: Tue, 15 Nov 1994 12:45:26 GMT", 304],
    ["an older date", "If-Modified-Since: Tue, 15 Nov 1994 12:45:25 GMT", 200],
  ])("the client's conditions are answered by us: %s", async (_name, line, code) => {
    const port = await serve(numbered(...TAGGED));
    await get(port, "/");
    const response = await get(port, "/", line);
    expect(response.status).toBe(code);
    expect(response.text).toBe(code === 304 ? "" : "content 1");
    expect(response.field("etag")).toBe('"v1"');
    expect(response.field("cache-control")).toBe("max-age=60");
    expect(response.field("transfer-encoding")).toBeUndefined();
    expect(status(response)).toMatch(HIT);
    expect(heads()).toHaveLength(1);
  });

  test("a stale response is validated with the origin, and freshened by its 304", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const isKnown = /if-none-match: "v1"/i.test(head);
        const lines = `Cache-Control: max-age=60\r\nETag: "v1"\r\nX-Turn: ${heads().length}\r\n`;
        if (isKnown) await connection.send(`HTTP/1.1 304 Not Modified\r\n${lines}\r\n`);
        else await connection.send(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nhi`);
      }
    });
    await get(port, "/");
    clock.advance(70_000);
    const validated = await get(port, "/");
    expect([validated.status, validated.text, validated.field("x-turn")]).toEqual([200, "hi", "2"]);
    expect(status(validated)).toBe("edgelane; fwd=stale; fwd-status=304; ttl=60; stored");
    const hit = await get(port, "/");
    expect([status(hit), hit.field("x-turn")]).toEqual(["edgelane; hit; ttl=60", "2"]);
    expect(heads()).toHaveLength(2);
    expect(await started().metric("gateway_cache_revalidated_total")).toBe(1);
  });

  test("the client's condition and ours at once: 304 to both", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const lines = 'Cache-Control: max-age=60\r\nETag: "v1"\r\n';
        if (/if-none-match/i.test(head)) await connection.send(`HTTP/1.1 304 X\r\n${lines}\r\n`);
        else await connection.send(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nhi`);
      }
    });
    await get(port, "/");
    clock.advance(70_000);
    const response = await get(port, "/", 'If-None-Match: "v1"');
    expect([response.status, response.text]).toEqual([304, ""]);
    expect((await get(port, "/")).text).toBe("hi");
  });

  test("without a stored response the client's condition is the origin's to answer", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await connection.send('HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n');
      }
    });
    const response = await get(port, "/", 'If-None-Match: "v1"');
    expect(response.status).toBe(304);
    expect(heads()[0]).toMatch(/\r\nif-none-match: "v1"\r\n/i);
    expect(await started().metric("gateway_cache_entries")).toBe(0);
  });

  test("an origin that fails is stood in for where it allowed that (RFC 5861)", async () => {
    let isDown = false;
    const port = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        if (isDown) connection.reset();
        else await connection.send(answer("hi", "Cache-Control: max-age=60, stale-if-error=600"));
      }
    });
    await get(port, "/");
    clock.advance(70_000);
    isDown = true;
    const response = await get(port, "/");
    expect([response.status, response.text]).toEqual([200, "hi"]);
    expect(status(response)).toContain("detail=stale_if_error");
  });

  test("stale-while-revalidate answers at once and asks behind its back", async () => {
    const port = await serve(numbered("Cache-Control: max-age=60, stale-while-revalidate=600"));
    await get(port, "/");
    clock.advance(70_000);
    const stale = await get(port, "/");
    expect(stale.text).toBe("content 1");
    expect(status(stale)).toMatch(/^edgelane; hit; ttl=-10/);
    await origin?.headsAtLeast(2);
    await started().metricIs("gateway_cache_stores_total", {}, 2);
    const fresh = await get(port, "/");
    expect([fresh.text, status(fresh)]).toEqual(["content 2", "edgelane; hit; ttl=60"]);
    expect(heads()).toHaveLength(2);
  });
});

describe("ranges (RFC 9110 14)", () => {
  const TAGGED = [FRESH, 'ETag: "v1"'];

  test.each([
    ["bytes=0-3", [], 206, "cont", "bytes 0-3/9"],
    ["bytes=4-", [], 206, "ent 1", "bytes 4-8/9"],
    ["bytes=-1", [], 206, "1", "bytes 8-8/9"],
    ["bytes=9-", [], 416, "", "bytes */9"],
    ["bytes=0-0,2-2", [], 200, "content 1", undefined],
    ["lines=1-2", [], 200, "content 1", undefined],
    ["bytes=0-3", ['If-Range: "v1"'], 206, "cont", "bytes 0-3/9"],
    ["bytes=0-3", ['If-Range: "v2"'], 200, "content 1", undefined],
    ["bytes=0-3", ['If-Range: W/"v1"'], 200, "content 1", undefined],
  ])("%s %j of a stored response", async (range, lines, code, text, contentRange) => {
    const port = await serve(numbered(...TAGGED));
    await get(port, "/");
    const response = await get(port, "/", `Range: ${range}`, ...lines);
    expect([response.status, response.text]).toEqual([code, text]);
    expect(response.field("content-range")).toBe(contentRange);
    expect(status(response)).toMatch(HIT);
    expect(heads()).toHaveLength(1);
  });

  test("of what is not stored go to the origin, and a part is not stored", async () => {
    const port = await serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await connection.send(
          `HTTP/1.1 206 Partial Content\r\n${FRESH}\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nco`,
        );
      }
    });
    const response = await get(port, "/", "Range: bytes=0-1");
    expect([response.status, response.text]).toEqual([206, "co"]);
    expect(heads()[0]).toMatch(/\r\nrange: bytes=0-1\r\n/i);
    expect(await started().metric("gateway_cache_entries")).toBe(0);
  });
});

describe("invalidation (RFC 9111 4.4)", () => {
  const script: OriginScript = async (connection) => {
    for (let count = 1; ; count++) {
      const head = await connection.readHead();
      await connection.readContent(head);
      const code = /fail/.test(head) ? "500 No" : "200 OK";
      await connection.send(
        `HTTP/1.1 ${code}\r\n${FRESH}\r\nX-Count: ${count}\r\nContent-Length: 2\r\n\r\nhi`,
      );
    }
  };

  test.each([
    ["POST", true],
    ["PUT", true],
    ["DELETE", true],
    ["PATCH", true],
    ["OPTIONS", false],
  ])("%s that succeeds: %s", async (method, invalidates) => {
    const port = await serve(script);
    await get(port, "/");
    const unsafe = await ask(port, requestText(method, "/", ["Content-Length: 0"]));
    expect(unsafe.status).toBe(200);
    expect(status(unsafe)).toMatch(/^edgelane; fwd=method; fwd-status=200/);
    expect(status(await get(port, "/"))).toMatch(invalidates ? MISS : HIT);
  });

  test("a POST that fails, or to another target, invalidates nothing", async () => {
    const port = await serve(script);
    await get(port, "/");
    await ask(port, requestText("POST", "/", ["Content-Length: 0", "X: fail"]));
    await ask(port, requestText("POST", "/other", ["Content-Length: 0"]));
    await ask(port, requestText("POST", "/", ["Content-Length: 0", "Host: b.test"]));
    expect(status(await get(port, "/"))).toMatch(HIT);
  });

  test("purging one URL over the admin listener", async () => {
    const port = await serve(script);
    await get(port, "/a?b=c");
    await get(port, "/keep");
    const purged = await started().admin("POST", "/purge", { url: "http://a.test/a?b=c" });
    expect(purged.status).toBe(200);
    expect(status(await get(port, "/a?b=c"))).toMatch(MISS);
    expect(status(await get(port, "/keep"))).toMatch(HIT);
    expect(await started().metric("gateway_cache_purges_total")).toBe(1);
  });

  test("a purge of a response that is on its way keeps it from being stored", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const port = await serve(async (connection) => {
      await connection.readHead();
      await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 4\r\n\r\nol`);
      await go;
      await connection.send("d!");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await client.head();
    await started().admin("POST", "/purge", { url: "http://a.test/" });
    resolve();
    expect((await client.bytes(4)).toString()).toBe("old!");
    await client.close();
    expect(await started().metric("gateway_cache_entries")).toBe(0);
  });
});

test("Cache-Status of a cache in front of the origin comes first (RFC 9211 2)", async () => {
  const port = await serve(numbered(FRESH, "Cache-Status: inner; hit"));
  const expected = [/^inner; hit, edgelane; fwd=uri-miss/, /^inner; hit, edgelane; hit; ttl=60$/];
  for (const pattern of expected) expect(status(await get(port, "/"))).toMatch(pattern);
});

test("an Age of the origin's counts (RFC 9111 4.2.3)", async () => {
  const port = await serve(numbered(FRESH, "Age: 50"));
  await get(port, "/");
  clock.advance(4000);
  const hit = await get(port, "/");
  expect([hit.field("age"), status(hit)]).toEqual(["54", "edgelane; hit; ttl=6"]);
  clock.advance(8000);
  expect((await get(port, "/")).text).toBe("content 2");
});
