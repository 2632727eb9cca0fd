// Routes with middleware (`use`): what it may change of request and response, what it may answer
// itself, what happens when it fails, and that content streams through it with backpressure.

import { once } from "node:events";
import { basicAuth } from "hono/basic-auth";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { MiddlewareHandler } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startOrigin, type OriginScript, type TestOrigin } from "../support/origin.ts";
import { answer, byPath, echo, pattern } from "../support/origin-scripts.ts";
import { ask, get, RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

/** A gateway whose one route runs `use` in front of an origin with this script. */
async function serve(use: MiddlewareHandler[], script: OriginScript = echo): Promise<number> {
  origin = await startOrigin(script);
  gateway = await startGateway({
    upstreams: { app: origin.url },
    routes: [{ match: "/*", name: "main", to: "app", use }],
  });
  return gateway.port;
}

function started(): { origin: TestOrigin; gateway: TestGateway } {
  if (origin === undefined || gateway === undefined) throw new Error("nothing was started");
  return { origin, gateway };
}

beforeEach(() => {
  origin = undefined;
  gateway = undefined;
});
afterEach(async () => {
  await origin?.close();
  await gateway?.close();
});

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
    expect(started().origin.heads).toEqual([]);
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
    await started().origin.idle();
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
    expect(started().origin.heads).toHaveLength(1);
    expect(seen).toEqual(["stored", "stored", "stored"]);
  });

  test("is logged and counted once, with its own bytes", async () => {
    const port = await serve(
      [nothing],
      byPath({ "/a": answer("12345", "Cache-Control: max-age=9") }),
    );
    await get(port, "/a");
    await get(port, "/a");
    const { gateway, origin } = started();
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

describe("middleware that answers itself", () => {
  test("costs the origin nothing", async () => {
    const port = await serve([async (context) => context.json({ ok: true }, 203)]);
    const response = await get(port, "/");
    expect([response.status, response.text]).toEqual([203, '{"ok":true}']);
    expect(response.field("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
    expect(response.field("date")).toMatch(/ GMT$/);
    const { gateway, origin } = started();
    expect(origin.accepted).toBe(0);
    expect(await gateway.log(1)).toMatchObject([{ endpoint: "main", status: 203, bytes: 11 }]);
  });

  test("leaves the connection usable behind content that it did not read", async () => {
    const port = await serve([async (context) => context.text("no", 403)]);
    const client = await RawClient.connect(port);
    for (let turn = 0; turn < 3; turn++) {
      void client.send(`${requestText("POST", "/", POST_FIELDS)}hello`);
      expect((await client.response()).status).toBe(403);
    }
    await client.close();
  });

  test("streams with the backpressure of the client", async () => {
    let made = 0;
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    const port = await serve([
      async () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              made += 65_536;
              controller.enqueue(new Uint8Array(65_536));
            },
            cancel: () => resolve(),
          }),
        ),
    ]);
    const client = await RawClient.connect(port);
    client.pause();
    void client.send(requestText("GET", "/"));
    const { gateway } = started();
    await gateway.metricIs("gateway_connections", { state: "active" }, 1);
    let before = -1;
    // Full buffers of both kernels, then nothing more.
    while (made !== before) {
      before = made;
      for (let turn = 0; turn < 20; turn++) await gateway.metrics();
    }
    expect(made).toBeLessThan(16_000_000);
    client.reset();
    await within(cancelled, 1000, "the stream to be cancelled");
  });
});

describe("middleware that fails", () => {
  const thrown = new Error("secret detail");
  test.each<[string, MiddlewareHandler]>([
    ["before", async () => Promise.reject(thrown)],
    [
      "synchronously",
      () => {
        throw thrown;
      },
    ],
    [
      "behind the response",
      async (_context, next) => void (await next(), await Promise.reject(thrown)),
    ],
    ["by doing nothing", async () => {}],
    ["by calling next twice", async (_context, next) => void (await next(), await next())],
  ])("%s is a 500 that tells no details", async (_name, middleware) => {
    const port = await serve([middleware]);
    const response = await get(port, "/");
    expect(response.status).toBe(500);
    expect(response.field("proxy-status")).toMatch(
      /^edgelane; error=proxy_internal_error; details="internal_error: /,
    );
    expect(response.text).not.toContain("secret");
    const { gateway } = started();
    expect(await gateway.log(1)).toMatchObject([
      { endpoint: "main", status: 500, reason: "internal_error" },
    ]);
    expect(await gateway.metric("gateway_failures_total", { reason: "internal_error" })).toBe(1);
  });

  test("with a response of its own gives that", async () => {
    const teapot = async (): Promise<never> => {
      throw new HTTPException(418, { message: "short and stout" });
    };
    const port = await serve([teapot]);
    const response = await get(port, "/");
    expect([response.status, response.text]).toEqual([418, "short and stout"]);
  });

  test("authentication of Hono's works", async () => {
    const port = await serve([basicAuth({ username: "u", password: "p" })]);
    const refused = await get(port, "/");
    expect(refused.status).toBe(401);
    expect(refused.field("www-authenticate")).toBe('Basic realm="Secure Area"');
    const credentials = `Authorization: Basic ${Buffer.from("u:p").toString("base64")}`;
    expect((await get(port, "/", credentials)).status).toBe(200);
    expect(started().origin.heads).toHaveLength(1);
  });

  test("a stream that fails in the middle breaks the response visibly", async () => {
    const port = await serve([
      async () =>
        new Response(
          new ReadableStream({
            pull: async (controller) => {
              if (controller.desiredSize !== null) controller.enqueue(Buffer.from("half"));
              await new Promise((resolve) => setImmediate(resolve));
              controller.error(thrown);
            },
          }),
        ),
    ]);
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    const { bytes } = await client.untilEnd();
    expect(bytes.toString("latin1")).not.toMatch(/0\r\n\r\n$/);
    await client.close();
  });
});

describe("content through middleware", () => {
  test("streams both ways, intact and before its end", async () => {
    const content = pattern(3_000_000);
    const port = await serve([nothing]);
    const client = await RawClient.connect(port);
    void client.send(requestText("POST", "/", ["Transfer-Encoding: chunked"]));
    void client.send(`${content.length.toString(16)}\r\n`);
    void client.send(content);
    void client.send("\r\n0\r\n\r\n");
    const response = await client.response();
    const head = response.content.indexOf("\r\n\r\n");
    expect(response.content.subarray(head + 4).equals(content)).toBe(true);
    await client.close();
  });

  test("a slow client holds the origin back", async () => {
    let sent = 0;
    const port = await serve([nothing], async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
      while (await connection.send(Buffer.alloc(65_536))) sent += 65_536;
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await client.head();
    client.pause();
    let before = -1;
    while (sent !== before) {
      before = sent;
      for (let turn = 0; turn < 20; turn++) await started().gateway.metrics();
    }
    expect(sent).toBeLessThan(40_000_000);
    client.reset();
    await started().origin.idle();
  });

  test("an origin that breaks off keeps its reason", async () => {
    const port = await serve([nothing], async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      connection.end();
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    const { bytes } = await client.untilEnd();
    expect(bytes.toString("latin1")).toMatch(/half$/);
    expect(await started().gateway.log(1)).toMatchObject([{ reason: "body_truncated" }]);
    await client.close();
  });

  test("a refused connection keeps its reason", async () => {
    const port = await serve([nothing]);
    await started().origin.close();
    const response = await get(port, "/");
    expect(response.status).toBe(502);
    expect(response.field("proxy-status")).toContain("connect_refused");
    expect(await started().gateway.log(1)).toMatchObject([
      { endpoint: "main", status: 502, reason: "connect_refused" },
    ]);
  });

  test("a client that leaves aborts the origin request, and middleware can clean up", async () => {
    const { promise: cleaned, resolve } = Promise.withResolvers<void>();
    const port = await serve(
      [
        async (_context, next) => {
          await next();
          resolve();
        },
      ],
      async (connection) => {
        await connection.readHead();
        await once(connection.socket, "close");
      },
    );
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    const { origin } = started();
    await origin.headsAtLeast(1);
    client.reset();
    await within(origin.idle(), 1000, "the origin request to be aborted");
    await within(cleaned, 1000, "the middleware to go on");
    expect(await started().gateway.log(1)).toMatchObject([
      { endpoint: "main", reason: "client_closed", target: origin.host },
    ]);
  });
});
