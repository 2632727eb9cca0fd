// Stored responses that are validated, asked for in part, or invalidated: by clients, by the origin
// server and by a purge (RFC 9111 sections 4.3 and 4.4, RFC 9110 sections 13 and 14), over sockets.

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
    const port = await pair.serve(numbered(...TAGGED));
    await get(port, "/");
    const response = await get(port, "/", line);
    expect(response.status).toBe(code);
    expect(response.text).toBe(code === 304 ? "" : "content 1");
    expect(response.field("etag")).toBe('"v1"');
    expect(response.field("cache-control")).toBe("max-age=60");
    expect(response.field("transfer-encoding")).toBeUndefined();
    expect(status(response)).toMatch(HIT);
    expect(pair.origin.heads).toHaveLength(1);
  });

  test("a stale response is validated with the origin, and freshened by its 304", async () => {
    const port = await pair.serve(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        const isKnown = /if-none-match: "v1"/i.test(head);
        const turn = pair.origin.heads.length;
        const lines = `Cache-Control: max-age=60\r\nETag: "v1"\r\nX-Turn: ${turn}\r\n`;
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
    expect(pair.origin.heads).toHaveLength(2);
    expect(await pair.gateway.metric("gateway_cache_revalidated_total")).toBe(1);
  });

  test("the client's condition and ours at once: 304 to both", async () => {
    const port = await pair.serve(async (connection) => {
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
    const port = await pair.serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await connection.send('HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n');
      }
    });
    const response = await get(port, "/", 'If-None-Match: "v1"');
    expect(response.status).toBe(304);
    expect(pair.origin.heads[0]).toMatch(/\r\nif-none-match: "v1"\r\n/i);
    expect(await pair.gateway.metric("gateway_cache_entries")).toBe(0);
  });

  test("an origin that fails is stood in for where it allowed that (RFC 5861)", async () => {
    let isDown = false;
    const port = await pair.serve(async (connection) => {
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
    const port = await pair.serve(
      numbered("Cache-Control: max-age=60, stale-while-revalidate=600"),
    );
    await get(port, "/");
    clock.advance(70_000);
    const stale = await get(port, "/");
    expect(stale.text).toBe("content 1");
    expect(status(stale)).toMatch(/^edgelane; hit; ttl=-10/);
    await pair.origin.headsAtLeast(2);
    await pair.gateway.metricIs("gateway_cache_stores_total", {}, 2);
    const fresh = await get(port, "/");
    expect([fresh.text, status(fresh)]).toEqual(["content 2", "edgelane; hit; ttl=60"]);
    expect(pair.origin.heads).toHaveLength(2);
  });
});

describe("ranges (RFC 9110 14)", () => {
  const TAGGED = [FRESH, 'ETag: "v1"'];

  test.each([
    ["bytes=0-3", [], 206, "cont", "bytes 0-3/9"],
    ["bytes=4-", [], 206, "ent 1", "bytes 4-8/9"],
    ["bytes=-1", [], 206, "1", "bytes 8-8/9"],
    ["bytes=9-", [], 416, "", "bytes */9"],
    ["bytes=0-0,2-2", [], 206, "con", "bytes 0-2/9"],
    ["lines=1-2", [], 200, "content 1", undefined],
    ["bytes=0-3", ['If-Range: "v1"'], 206, "cont", "bytes 0-3/9"],
    ["bytes=0-3", ['If-Range: "v2"'], 200, "content 1", undefined],
    ["bytes=0-3", ['If-Range: W/"v1"'], 200, "content 1", undefined],
  ])("%s %j of a stored response", async (range, lines, code, text, contentRange) => {
    const port = await pair.serve(numbered(...TAGGED));
    await get(port, "/");
    const response = await get(port, "/", `Range: ${range}`, ...lines);
    expect([response.status, response.text]).toEqual([code, text]);
    expect(response.field("content-range")).toBe(contentRange);
    expect(status(response)).toMatch(HIT);
    expect(pair.origin.heads).toHaveLength(1);
  });

  test("of what is not stored go to the origin once: the part is stored", async () => {
    const port = await pair.serve(async (connection) => {
      for (;;) {
        await connection.readHead();
        await connection.send(
          `HTTP/1.1 206 Partial Content\r\n${FRESH}\r\nContent-Range: bytes 0-1/9\r\n` +
            "Content-Length: 2\r\n\r\nco",
        );
      }
    });
    for (const asked of ["bytes=0-1", "bytes=0-1"]) {
      const response = await get(port, "/", `Range: ${asked}`);
      expect([response.status, response.text]).toEqual([206, "co"]);
    }
    expect(pair.origin.heads).toHaveLength(1);
    expect(pair.origin.heads[0]).toMatch(/\r\nrange: bytes=0-1\r\n/i);
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
    const port = await pair.serve(script);
    await get(port, "/");
    const unsafe = await ask(port, requestText(method, "/", ["Content-Length: 0"]));
    expect(unsafe.status).toBe(200);
    expect(status(unsafe)).toMatch(/^edgelane; fwd=method; fwd-status=200/);
    expect(status(await get(port, "/"))).toMatch(invalidates ? MISS : HIT);
  });

  test("a POST that fails, or to another target, invalidates nothing", async () => {
    const port = await pair.serve(script);
    await get(port, "/");
    await ask(port, requestText("POST", "/", ["Content-Length: 0", "X: fail"]));
    await ask(port, requestText("POST", "/other", ["Content-Length: 0"]));
    await ask(port, requestText("POST", "/", ["Content-Length: 0", "Host: b.test"]));
    expect(status(await get(port, "/"))).toMatch(HIT);
  });

  test("purging one URL over the admin listener", async () => {
    const port = await pair.serve(script);
    await get(port, "/a?b=c");
    await get(port, "/keep");
    const purged = await pair.gateway.admin("POST", "/purge", { url: "http://a.test/a?b=c" });
    expect(purged.status).toBe(200);
    expect(status(await get(port, "/a?b=c"))).toMatch(MISS);
    expect(status(await get(port, "/keep"))).toMatch(HIT);
    expect(await pair.gateway.metric("gateway_cache_purges_total")).toBe(1);
  });

  test("a purge of a response that is on its way keeps it from being stored", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const port = await pair.serve(async (connection) => {
      await connection.readHead();
      await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 4\r\n\r\nol`);
      await go;
      await connection.send("d!");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await client.head();
    await pair.gateway.admin("POST", "/purge", { url: "http://a.test/" });
    resolve();
    expect((await client.bytes(4)).toString()).toBe("old!");
    await client.close();
    expect(await pair.gateway.metric("gateway_cache_entries")).toBe(0);
  });
});
