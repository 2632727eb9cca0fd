// Routes with middleware (`use`): what it may change of a request and of its response, and that
// content which nobody changes arrives as it was sent.

import { bodyLimit } from "hono/body-limit";
import type { MiddlewareHandler } from "hono";
import { describe, expect, test } from "vitest";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer, byPath, echo } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

const pair = gatewayPair();

/** A gateway whose one route runs `use` in front of an origin with this script. */
function serve(use: MiddlewareHandler[], script: OriginScript = echo): Promise<number> {
  return pair.serve(script, { routes: [{ match: "/*", name: "main", to: "app", use }] });
}

const nothing: MiddlewareHandler = async (_context, next) => next();
const POST_FIELDS = ["Content-Length: 5", "Content-Type: text/plain"];

describe("the request", () => {
  test("goes on as it came when nobody changes it", async () => {
    const port = await serve([nothing]);
    const lines = [
      "X-Odd-CASE: a",
      "Cookie: a=1",
      "Cookie: b=2",
      "X-Obs: caf\xe9",
      "X-Odd-Case: b",
    ];
    const { text } = await get(port, "/%7Ea//b?q=%41&", ...lines);
    expect(text).toMatch(/^GET \/%7Ea\/\/b\?q=%41& HTTP\/1\.1\r\n/);
    const kept = lines.filter((line) => !line.startsWith("Cookie"));
    for (const line of kept) expect(text).toContain(`\r\n${line}\r\n`);
    expect(text.indexOf("X-Odd-CASE: a")).toBeLessThan(text.indexOf("X-Odd-Case: b"));
    expect(text).toContain("a=1");
  });

  test("gets the fields that middleware sets, and loses those that it deletes", async () => {
    const port = await serve([
      async (context, next) => {
        const { headers } = context.req.raw;
        headers.set("x-user", "42");
        headers.set("x-replaced", "new");
        headers.delete("x-secret");
        await next();
      },
    ]);
    const { text } = await get(port, "/", "X-Secret: s", "X-Replaced: old", "X-Kept: K");
    expect(text).toContain("\r\nx-user: 42\r\n");
    expect(text).toContain("\r\nx-replaced: new\r\n");
    expect(text).toContain("\r\nX-Kept: K\r\n");
    expect(text).not.toMatch(/x-secret|old/i);
  });

  test("is replaced as a whole: method, path, query and fields", async () => {
    const port = await serve([
      async (context, next) => {
        const url = new URL(context.req.url);
        url.pathname = `/v2${url.pathname}`;
        context.req.raw = new Request(url, {
          method: "PUT",
          headers: { "x-new": "1" },
          body: "other",
        });
        await next();
      },
    ]);
    const { text } = await ask(port, `${requestText("POST", "/a?b=c", POST_FIELDS)}hello`);
    expect(text).toMatch(/^PUT \/v2\/a\?b=c HTTP\/1\.1\r\n/);
    expect(text).toContain("\r\nx-new: 1\r\n");
    expect(text).toMatch(/\r\n\r\nother$/);
  });

  test("made from the first one keeps its content", async () => {
    const port = await serve([
      async (context, next) => {
        const headers = new Headers(context.req.raw.headers);
        headers.set("x-added", "1");
        context.req.raw = new Request(context.req.raw, { headers });
        await next();
      },
    ]);
    const { text } = await ask(port, `${requestText("POST", "/", POST_FIELDS)}hello`);
    expect(text).toContain("\r\nx-added: 1\r\n");
    expect(text).toMatch(/\r\n\r\nhello$/);
  });

  test.each<[string, MiddlewareHandler]>([
    ["json", async (context, next) => void (await context.req.json(), await next())],
    ["text", async (context, next) => void (await context.req.text(), await next())],
    ["clone", async (context, next) => void (await context.req.raw.clone().text(), await next())],
    ["bodyLimit", bodyLimit({ maxSize: 100 })],
    [
      "a clone that nobody reads",
      async (context, next) => {
        context.req.raw.clone();
        await next();
      },
    ],
  ])("content that middleware reads still goes on: %s", async (_name, middleware) => {
    const port = await serve([middleware]);
    const content = '{"a":1}';
    for (const framing of [`Content-Length: ${content.length}`, "Transfer-Encoding: chunked"]) {
      const sent = framing.startsWith("C") ? content : `7\r\n${content}\r\n0\r\n\r\n`;
      const response = await ask(port, requestText("POST", "/", [framing]) + sent);
      expect(response.status).toBe(200);
      expect(response.text.split("\r\n\r\n")[1]).toBe(content);
    }
  });

  test("content that was read behind Hono's back is an error, not an empty request", async () => {
    const port = await serve([
      async (context, next) => void (await context.req.raw.text(), await next()),
    ]);
    const response = await ask(port, `${requestText("POST", "/", POST_FIELDS)}hello`);
    expect(response.status).toBe(500);
    expect(pair.origin.heads).toEqual([]);
  });

  test("content of a GET goes on, though a Request cannot have it", async () => {
    const port = await serve([nothing]);
    const { text } = await ask(port, `${requestText("GET", "/", POST_FIELDS)}hello`);
    expect(text).toMatch(/\r\n\r\nhello$/);
  });

  test("Expect: 100-continue is answered by who wants the content", async () => {
    const order: string[] = [];
    const port = await serve([
      async (context, next) => {
        order.push(await context.req.text());
        await next();
      },
    ]);
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", ["Content-Length: 5", "Expect: 100-continue"]));
    expect(await client.head()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    void client.send("hello");
    expect((await client.response()).text).toMatch(/hello$/);
    expect(order).toEqual(["hello"]);
    await client.close();
  });

  test("Expect: 100-continue goes to the origin when nobody reads the content", async () => {
    const port = await serve([nothing], async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", ["Content-Length: 5", "Expect: 100-continue"]));
    const response = await client.response();
    expect([response.status, response.interim]).toEqual([417, []]);
    await client.close();
  });

  test("its signal tells that the client has left", async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const port = await serve([
      async (context) => {
        context.req.raw.signal.addEventListener("abort", () => resolve());
        enter();
        await aborted;
        return context.text("too late");
      },
    ]);
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await within(entered, 2000, "the middleware");
    client.reset();
    await within(aborted, 1000, "the signal");
  });
});

describe("the response", () => {
  test("gets and loses fields, and keeps the cookies apart", async () => {
    const port = await serve(
      [
        async (context, next) => {
          await next();
          context.res.headers.set("x-added", "1");
          context.res.headers.delete("x-internal");
        },
      ],
      byPath({ "/": answer("hi", "Set-Cookie: a=1", "X-Internal: s", "Set-Cookie: b=2; Path=/") }),
    );
    const response = await get(port, "/");
    expect(response.text).toBe("hi");
    expect(response.field("content-length")).toBe("2");
    expect(response.field("x-added")).toBe("1");
    expect(response.field("x-internal")).toBeUndefined();
    expect(response.fields("set-cookie")).toEqual(["a=1", "b=2; Path=/"]);
    expect(response.fields("x-request-id")).toHaveLength(1);
    expect(response.fields("date")).toHaveLength(1);
    expect(response.fields("via")).toHaveLength(1);
  });

  test("with other content is framed anew, whatever Content-Length says", async () => {
    const port = await serve(
      [
        async (context, next) => {
          await next();
          const text = await context.res.text();
          context.res = new Response(text.repeat(3), context.res);
        },
      ],
      byPath({ "/": answer("abc") }),
    );
    const response = await get(port, "/");
    expect(response.text).toBe("abcabcabc");
  });

  test("whose content is dropped frees the origin's connection", async () => {
    const port = await serve(
      [
        async (context, next) => {
          await next();
          context.res = new Response("short", { status: 200 });
        },
      ],
      byPath({
        "/": async (connection) => {
          await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n");
          while (await connection.send(Buffer.alloc(65_536))) if (connection.halfClosed) break;
        },
      }),
    );
    expect((await get(port, "/")).text).toBe("short");
    await pair.origin.idle();
  });

  test.each([204, 304])("without content stays without: %i", async (status) => {
    const port = await serve(
      [nothing],
      byPath({ "/": `HTTP/1.1 ${status} X\r\nETag: "a"\r\n\r\n` }),
    );
    const response = await get(port, "/");
    expect([response.status, response.field("etag"), response.text]).toEqual([status, '"a"', ""]);
    expect(response.field("transfer-encoding")).toBeUndefined();
  });

  test("to HEAD says the length that GET would have", async () => {
    const port = await serve(
      [nothing],
      byPath({ "/": "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" }),
    );
    const response = await ask(port, requestText("HEAD", "/"));
    expect([response.status, response.field("content-length")]).toEqual([200, "7"]);
  });

  test("with a status that the Fetch API has not is a 502", async () => {
    const port = await serve(
      [nothing],
      byPath({ "/": "HTTP/1.1 799 Odd\r\nContent-Length: 2\r\n\r\nhi" }),
    );
    const response = await get(port, "/");
    expect(response.status).toBe(502);
    expect(response.field("proxy-status")).toContain("upstream_invalid");
  });

  test("of a hit may be changed in place: the next one gets the stored bytes", async () => {
    const seen: string[] = [];
    const port = await serve(
      [
        async (context, next) => {
          await next();
          const reader = context.res.body?.getReader();
          for (;;) {
            const piece = await reader?.read();
            if (piece === undefined || piece.done) break;
            seen.push(Buffer.from(piece.value).toString("latin1"));
            piece.value.fill(0);
          }
          context.res = new Response("read", context.res);
        },
      ],
      byPath({ "/a": answer("stored", "Cache-Control: max-age=60") }),
    );
    for (let turn = 0; turn < 3; turn++) expect((await get(port, "/a")).text).toBe("read");
    expect(pair.origin.heads).toHaveLength(1);
    expect(seen).toEqual(["stored", "stored", "stored"]);
  });

  test("is logged and counted once, with its own bytes", async () => {
    const port = await serve(
      [nothing],
      byPath({ "/a": answer("12345", "Cache-Control: max-age=9") }),
    );
    await get(port, "/a");
    await get(port, "/a");
    const { gateway, origin } = pair;
    const lines = await gateway.log(2);
    const { host } = origin;
    const line = { endpoint: "main", status: 200, bytes: 5, method: "GET" };
    expect(lines).toMatchObject([
      { ...line, cache: "miss", target: host },
      { ...line, cache: "hit" },
    ]);
    expect(await gateway.metric("gateway_requests_total", { endpoint: "main" })).toBe(2);
  });
});
