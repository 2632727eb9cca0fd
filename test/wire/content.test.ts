// Content both ways (RFC 9112 sections 6 and 7): how requests' content is read, how responses'
// content is framed, and how a response that does not keep its word breaks.

import { afterEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/http/errors.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import type { FieldLines } from "../../src/http/message.ts";
import { ENGINES } from "../core/engines.ts";
import { fieldOf } from "../support/response-reader.ts";
import { type Answer, echo, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";

/** Chunked bodies of "hello, world". */
const CHUNKED: readonly (readonly [string, string])[] = [
  ["one chunk", "c\r\nhello, world\r\n0\r\n\r\n"],
  ["an upper-case size", "C\r\nhello, world\r\n0\r\n\r\n"],
  ["leading zeros", "000c\r\nhello, world\r\n000\r\n\r\n"],
  ["many chunks", "5\r\nhello\r\n1\r\n,\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n"],
  ["extensions", '5 ; a = b;c="\\" \t\xff;"\r\nhello\r\n7;x\r\n, world\r\n0;y\r\n\r\n'],
  ["trailers", 'c\r\nhello, world\r\n0\r\nX-A: b\r\nETag: "x"\r\n\r\n'],
];

function start200(exchange: Exchange, length: number): void {
  exchange.respond({ status: 200, reason: "", fields: [] }, length);
}

describe.each(ENGINES)("%s", (engine) => {
  let wire: TestWire;
  afterEach(() => wire.close());

  async function start(answer: Answer): Promise<void> {
    wire = await startWire({ engine, answer });
  }

  test("RFC 9112 6.2 content with a declared length, split at every byte", async () => {
    await start(echo);
    const request = `${POST}Content-Length: 12\r\n\r\nhello, world`;
    const client = await wire.client();
    for (let point = 1; point < request.length; point++) {
      await wire.sendPieces(client, [request.slice(0, point), request.slice(point)]);
    }
    const responses = await client.complete(request.length - 1);
    expect(new Set(responses.map((response) => response.content.toString()))).toEqual(
      new Set(["hello, world"]),
    );
    expect(wire.handler.exchanges[0]).toMatchObject({ bodyLength: 12 });
  });

  test.each(CHUNKED)("RFC 9112 7.1 %s, split at every byte", async (_title, content) => {
    await start(echo);
    const request = `${POST}Transfer-Encoding: Chunked\r\n\r\n${content}`;
    const client = await wire.client();
    for (let point = 1; point < request.length; point++) {
      await wire.sendPieces(client, [request.slice(0, point), request.slice(point)]);
    }
    await wire.sendPieces(client, [...request]);
    const responses = await client.complete(request.length);
    expect(new Set(responses.map((response) => response.content.toString()))).toEqual(
      new Set(["hello, world"]),
    );
    expect(wire.handler.exchanges[0]).toMatchObject({ bodyLength: -1 });
  });

  test("RFC 9110 6.5 trailers are there at the end, and belong to their request", async () => {
    const seen: FieldLines[] = [];
    await start((exchange) => {
      seen.push(exchange.bodyTrailers);
      exchange.body?.on("end", () => seen.push(exchange.bodyTrailers));
      echo(exchange);
    });
    const content = "1\r\nx\r\n0\r\nX-Sum:  a\xe9 \r\nx-sum: b\r\n\r\n";
    const request = `${POST}Transfer-Encoding: chunked\r\n\r\n${content}`;
    const client = await wire.client();
    const first = request.length - content.length;
    for (let point = first; point < request.length; point++) {
      await wire.sendPieces(client, [request.slice(0, point), request.slice(point) + GET]);
    }
    await client.complete(content.length * 2);
    const expected: FieldLines[] = [[], ["X-Sum", "a\xe9", "x-sum", "b"], []];
    expect(seen).toEqual(Array.from(content).flatMap(() => expected));
  });

  test.each([
    ["no content", GET],
    ["a length of 0", `${POST}Content-Length: 0\r\n\r\n`],
  ])("RFC 9112 6.3 %s: no body", async (_title, request) => {
    await start(echo);
    const client = await wire.sent(request);
    await client.complete(1);
    expect(wire.handler.exchanges[0]).toMatchObject({ body: null, bodyLength: 0 });
  });

  test("RFC 9112 7.1 tiny chunks do not become a buffer each", async () => {
    const parts: number[] = [];
    await start((exchange) => {
      exchange.body?.on("data", (part: Buffer) => parts.push(part.length));
      exchange.body?.on("end", () => respond(exchange, "x"));
    });
    const chunks = "1\r\nx\r\n".repeat(10_000);
    const client = await wire.sent(`${POST}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    await client.complete(1);
    expect(parts.reduce((sum, length) => sum + length, 0)).toBe(10_000);
    expect(parts.length).toBeLessThan(1000);
  });

  test("RFC 9112 6.1 content of unknown length is chunked", async () => {
    await start((exchange) => {
      start200(exchange, -1);
      exchange.write(Buffer.from("one"));
      exchange.write(Buffer.alloc(0));
      setImmediate(() => {
        exchange.write(Buffer.alloc(40_000, "x"));
        exchange.end(["X-Trailer", "z"]);
      });
    });
    const client = await wire.sent(GET);
    const [response] = await client.complete(1);
    expect(response).toMatchObject({ framing: "chunked", trailers: [] });
    expect(response?.content.toString()).toBe(`one${"x".repeat(40_000)}`);
  });

  test("RFC 9110 6.5.1 trailers go to those who say that they take them", async () => {
    await start((exchange) => {
      start200(exchange, -1);
      exchange.write(Buffer.from("x"));
      exchange.end(["X-Trailer", "z", "Connection", "close", "Content-Length", "9"]);
    });
    const client = await wire.sent(
      "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
    );
    const [response] = await client.complete(1);
    expect(response).toMatchObject({ trailers: [["x-trailer", "z"]] });
  });

  test("RFC 9110 9.3.2 HEAD: the fields of GET without the content", async () => {
    await start((exchange) => respond(exchange, "hello"));
    const head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    const client = await wire.sent(head + GET);
    const [first, second] = await client.complete(2, ["HEAD", "GET"]);
    expect(first && fieldOf(first, "content-length")).toBe("5");
    expect(second?.content.toString()).toBe("hello");
  });

  test("RFC 9110 9.3.2 HEAD of content of unknown length", async () => {
    await start((exchange) => {
      start200(exchange, -1);
      exchange.write(Buffer.from("hello"));
      exchange.end();
    });
    const client = await wire.sent(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
    const responses = await client.complete(2, ["HEAD", "GET"]);
    expect(responses[1]?.content.toString()).toBe("hello");
  });

  test.each([204, 304])("RFC 9110 8.6 %s has no content and no length", async (status) => {
    await start((exchange) => {
      exchange.respond({ status, reason: "", fields: [] }, 5);
      exchange.write(Buffer.from("hello"));
      exchange.end();
    });
    const client = await wire.sent(GET + GET);
    for (const response of await client.complete(2)) {
      expect(response.fields).toEqual([]);
      expect(response.status).toBe(status);
    }
  });

  test("RFC 9112 6, 9.1 framing and persistence are the wire's own", async () => {
    const fields = ["content-LENGTH", "99", "Transfer-Encoding", "gzip", "Connection", "x"];
    await start((exchange) => {
      exchange.respond(
        { status: 200, reason: "Fine", fields: [...fields, "Keep-Alive", "y", "X-A", "b"] },
        1,
      );
      exchange.write(Buffer.from("z"));
      exchange.end();
    });
    const client = await wire.sent(GET);
    const [response] = await client.complete(1);
    expect(response?.fields).toEqual([
      ["x-a", "b"],
      ["content-length", "1"],
    ]);
    expect(response?.reason).toBe("Fine");
  });

  test.each([
    ["longer than declared", 3, "hello", "upstream_invalid"],
    ["shorter than declared", 9, "hello", "body_truncated"],
  ])("RFC 9112 6.3 content %s breaks", async (_title, length, content, reason) => {
    await start((exchange) => {
      start200(exchange, length);
      setImmediate(() => {
        exchange.write(Buffer.from(content));
        if (!exchange.ended) exchange.end();
      });
    });
    const client = await wire.sent(GET + GET);
    const responses = await client.all();
    expect(responses).toHaveLength(1);
    expect(responses[0]?.complete).toBe(false);
    expect(wire.handler.exchanges[0]?.outcome.reason).toBe(reason);
  });

  test.each([
    ["declared", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 9, "closed"],
    ["chunked", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", -1, "closed"],
    ["delimited by close", "GET / HTTP/1.0\r\n\r\n", -1, "reset"],
  ])("a failure in content that is %s is visible", async (_title, request, length, ending) => {
    let aborts = 0;
    await start((exchange) => {
      exchange.onAbort = () => aborts++;
      start200(exchange, length);
      exchange.write(Buffer.from("hello"));
    });
    const client = await wire.sent(request);
    await client.receivedSuch((text) => text.includes("hello"), "the content");
    wire.handler.exchanges[0]?.fail(new GatewayError("upstream_reset", "gone"));
    expect(await client.end()).toBe(ending);
    if (ending === "closed") expect((await client.all())[0]?.complete).toBe(false);
    expect(aborts).toBe(1);
    expect(wire.handler.exchanges[0]?.outcome.reason).toBe("upstream_reset");
  });

  test("RFC 9209 a failure before the head is answered, and the connection persists", async () => {
    await start((exchange) => exchange.fail(new GatewayError("connect_refused", 'no "target"')));
    const client = await wire.sent(GET + GET);
    for (const response of await client.complete(2)) {
      expect(response.status).toBe(502);
      expect(fieldOf(response, "proxy-status")).toBe(
        'edgelane; error=connection_refused; details="connect_refused: no \\"target\\""',
      );
      expect(fieldOf(response, "x-request-id")).toMatch(/^id-/);
      expect(fieldOf(response, "cache-control")).toBe("no-store");
    }
    expect(client.ending).toBe("open");
  });

  test("an exchange that has ended takes nothing more", async () => {
    await start((exchange) => {
      respond(exchange, "x");
      exchange.respond({ status: 500, reason: "", fields: [] }, 1);
      exchange.write(Buffer.from("y"));
      exchange.inform({ status: 103, reason: "", fields: [] });
      exchange.end();
      exchange.fail(new GatewayError("internal_error", "late"));
    });
    const client = await wire.sent(GET + GET);
    const responses = await client.complete(2);
    expect(responses.map((response) => response.content.toString())).toEqual(["x", "x"]);
    client.finish();
    expect(await client.all()).toHaveLength(2);
  });
});
