// Middleware that answers itself, that fails, and that content streams through: with backpressure,
// with the reason of what went wrong, and with an end for everything that had begun.

import { once } from "node:events";
import { basicAuth } from "hono/basic-auth";
import { HTTPException } from "hono/http-exception";
import type { MiddlewareHandler } from "hono";
import { describe, expect, test } from "vitest";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { echo, pattern } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

const pair = gatewayPair();

/** A gateway whose one route runs `use` in front of an origin with this script. */
function serve(use: MiddlewareHandler[], script: OriginScript = echo): Promise<number> {
  return pair.serve(script, { routes: [{ match: "/*", name: "main", to: "app", use }] });
}

const nothing: MiddlewareHandler = async (_context, next) => next();
const POST_FIELDS = ["Content-Length: 5", "Content-Type: text/plain"];

describe("middleware that answers itself", () => {
  test("costs the origin nothing", async () => {
    const port = await serve([async (context) => context.json({ ok: true }, 203)]);
    const response = await get(port, "/");
    expect([response.status, response.text]).toEqual([203, '{"ok":true}']);
    expect(response.field("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
    expect(response.field("date")).toMatch(/ GMT$/);
    const { gateway, origin } = pair;
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
    const { gateway } = pair;
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
    const { gateway } = pair;
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
    expect(pair.origin.heads).toHaveLength(1);
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
      for (let turn = 0; turn < 20; turn++) await pair.gateway.metrics();
    }
    expect(sent).toBeLessThan(40_000_000);
    client.reset();
    await pair.origin.idle();
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
    expect(await pair.gateway.log(1)).toMatchObject([{ reason: "body_truncated" }]);
    await client.close();
  });

  test("a refused connection keeps its reason", async () => {
    const port = await serve([nothing]);
    await pair.origin.close();
    const response = await get(port, "/");
    expect(response.status).toBe(502);
    expect(response.field("proxy-status")).toContain("connect_refused");
    expect(await pair.gateway.log(1)).toMatchObject([
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
    const { origin } = pair;
    await origin.headsAtLeast(1);
    client.reset();
    await within(origin.idle(), 1000, "the origin request to be aborted");
    await within(cleaned, 1000, "the middleware to go on");
    expect(await pair.gateway.log(1)).toMatchObject([
      { endpoint: "main", reason: "client_closed", target: origin.host },
    ]);
  });
});
