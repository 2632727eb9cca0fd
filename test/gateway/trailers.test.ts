// Trailer sections through the gateway, both ways (RFC 9110 section 6.5): what passes, what does
// not, by whom it is taken, with middleware and without. Over real sockets, literal bytes.

import type { MiddlewareHandler } from "hono";
import { describe, expect, test } from "vitest";
import { gatewayPair } from "../support/gateway-pair.ts";
import type { OriginScript } from "../support/origin.ts";
import { answer, byPath, valuesOf } from "../support/origin-scripts.ts";
import { ask, get, requestText } from "../support/raw-client.ts";

const pair = gatewayPair();
const nothing: MiddlewareHandler = async (_context, next) => next();

/** With a route that is as it is, and one that has middleware. */
const ROUTES = [
  { match: "/*", to: "app" },
  { match: "/middleware", to: "app", use: [nothing] },
];

/** What the origin server received behind the last chunk of each request. */
let trailers: string[] = [];

const collecting: OriginScript = async (connection) => {
  for (;;) {
    const head = await connection.readHead();
    if (/^transfer-encoding:/im.test(head)) {
      trailers.push((await connection.readChunked()).trailers);
    }
    await connection.send(answer("hi"));
  }
};

function serve(script: OriginScript, trust: string[] = []): Promise<number> {
  trailers = [];
  return pair.serve(script, { trust, routes: ROUTES });
}

function chunked(path: string, lines: string[], ...section: string[]): string {
  const head = requestText("POST", path, ["Transfer-Encoding: chunked", ...lines]);
  return `${head}5\r\nhello\r\n0\r\n${section.map((line) => `${line}\r\n`).join("")}\r\n`;
}

describe("of a request", () => {
  test.each(["/", "/middleware"])("go on as they came: %s", async (path) => {
    const port = await serve(collecting);
    const request = chunked(path, ["Trailer: X-Sum, Content-Length"], "X-Sum: 1", "x-sum: \xe9");
    expect((await ask(port, request)).text).toBe("hi");
    expect(trailers).toEqual(["X-Sum: 1\r\nx-sum: \xe9\r\n"]);
    // RFC 9110 section 6.6.2: only those that may follow are announced.
    expect(valuesOf(pair.origin.heads[0] ?? "", "trailer")).toEqual(["X-Sum"]);
  });

  test.each([
    "X-Real-IP: 10.0.0.1",
    "X-Request-Id: evil",
    "X_Forwarded_For: 10.0.0.1",
    "X-Forwarded-User: root",
    "True-Client-IP: 10.0.0.1",
    "X-HTTP-Method-Override: DELETE",
    "X-Original-URL: /admin",
    "Content_Length: 9",
    "Transfer_Encoding: chunked",
    "HTTP2-Settings: AAMAAABk",
    "Max-Forwards: 0",
    "Early-Data: 1",
  ])("do not go on where they would mean something else, whoever sends them: %s", async (line) => {
    const port = await serve(collecting, ["127.0.0.0/8"]);
    expect((await ask(port, chunked("/", [], line, "X-Sum: 1"))).status).toBe(200);
    expect(trailers).toEqual(["X-Sum: 1\r\n"]);
  });

  test.each(["Host: evil", "Content-Length: 0", "Authorization: evil", "Cookie: evil"])(
    "that may not be there are refused, and reach nobody: %s",
    async (line) => {
      const port = await serve(collecting);
      expect((await ask(port, chunked("/", [], line))).status).toBe(400);
      expect(pair.origin.heads).toEqual([]);
    },
  );

  test("are nowhere where the content has a length", async () => {
    const port = await serve(collecting);
    const lines = ["Trailer: X-Sum", "Content-Length: 5"];
    await ask(port, `${requestText("POST", "/", lines)}hello`);
    expect(valuesOf(pair.origin.heads[0] ?? "", "trailer")).toEqual([]);
  });

  test("do not go on with content that middleware replaced", async () => {
    trailers = [];
    const replace: MiddlewareHandler = async (context, next) => {
      const body = (await context.req.text()).toUpperCase();
      context.req.raw = new Request(context.req.raw.url, { method: "POST", body });
      await next();
    };
    const routes = [{ match: "/*", to: "app", use: [replace] }];
    const port = await pair.serve(collecting, { routes });
    expect((await ask(port, chunked("/", [], "X-Sum: 1"))).text).toBe("hi");
    expect(trailers).toEqual([""]);
  });
});

describe("of a response", () => {
  const whole =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\n\r\n" +
    "2\r\nhi\r\n0\r\nX-Sum: 42\r\nX-Request-Id: evil\r\nRetry-After: 9\r\n\r\n";
  const script = byPath({ "/": whole, "/middleware": whole });

  test.each(["/", "/middleware"])("go to those who take them: %s", async (path) => {
    const port = await serve(script);
    const willing = await get(port, path, "TE: trailers", "Connection: TE");
    expect([willing.text, willing.trailers]).toEqual(["hi", "X-Sum: 42\r\n"]);
    const other = await get(port, path);
    expect([other.text, other.trailers]).toEqual(["hi", ""]);
  });

  test.each([
    ["TE: trailers;q=0.5", true],
    ["TE: deflate, TRAILERS", true],
    ["TE: xtrailers", false],
    ["TE: ", false],
  ])("%s", async (line, takes) => {
    const port = await serve(script);
    const { trailers: received } = await get(port, "/", line);
    expect(received !== "").toBe(takes);
  });

  test("do not go with content that middleware replaced", async () => {
    const replace: MiddlewareHandler = async (context, next) => {
      await next();
      context.res = new Response((await context.res.text()).toUpperCase(), context.res);
    };
    const routes = [{ match: "/*", to: "app", use: [replace] }];
    const port = await pair.serve(script, { routes });
    const response = await get(port, "/", "TE: trailers", "Connection: TE");
    expect([response.text, response.trailers]).toEqual(["HI", ""]);
  });

  test("are not there for a client that speaks HTTP/1.0", async () => {
    const port = await serve(script);
    const response = await ask(port, "GET / HTTP/1.0\r\nTE: trailers\r\n\r\n");
    expect(response.text).toBe("hi");
  });
});
