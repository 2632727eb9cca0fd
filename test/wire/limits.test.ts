// The limits of a listener, at the limit and one past it: what is refused, with which status, and
// that running out of places is backpressure rather than an error.

import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ENGINES } from "../core/engines.ts";
import { fieldOf } from "../support/response-reader.ts";
import { until } from "../support/until.ts";
import { answerPath, echo, leaveOpen, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";

/** A head of `bytes` bytes. */
function headOf(bytes: number): string {
  const empty = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
  return empty.replace("X: ", `X: ${"x".repeat(bytes - empty.length)}`);
}

/** The pieces of `text` with the given length. */
function cut(text: string, length: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += length) pieces.push(text.slice(at, at + length));
  return pieces;
}

describe.each(ENGINES)("limits, %s", (engine) => {
  let wire: TestWire;
  afterEach(() => wire.close());

  async function start(options: Partial<WireOptions> = {}): Promise<void> {
    wire = await startWire({ engine, answer: answerPath, ...options });
  }

  async function statusesOf(pieces: string[]): Promise<number[]> {
    const client = await wire.client();
    for (const piece of pieces) {
      if (client.ending !== "open") break;
      await wire.sendPieces(client, [piece]);
    }
    client.finish();
    return (await client.all()).map((response) => response.status);
  }

  test.each([
    ["whole", 100_000],
    ["in large pieces", 20_000],
    ["in small pieces", 1000],
  ])("RFC 6585 5 a head of 32 KiB, %s, and one of a byte more", async (_title, length) => {
    await start();
    expect(await statusesOf(cut(headOf(32_768), length))).toEqual([200]);
    expect(await statusesOf(cut(headOf(32_769), length))).toEqual([431]);
    expect(wire.handler.rejections).toMatchObject([{ status: 431, error: "head-too-large" }]);
  });

  test("RFC 6585 5 a head without an end is refused at the limit", async () => {
    await start();
    expect(await statusesOf(cut(headOf(40_000).slice(0, 33_000), 1000))).toEqual([431]);
  });

  test("a head of 30 KiB that comes a byte at a time costs linear work", async () => {
    await start();
    const head = headOf(30_720);
    let scanned = 0;
    const parse = vi.spyOn(wire.core, "parseRequestHead");
    const copy = vi.spyOn(Buffer.prototype, "copy");
    const client = await wire.client();
    for (const piece of cut(head, 1)) await wire.sendPieces(client, [piece]);
    await client.complete(1);
    for (const result of copy.mock.results) scanned += Number(result.value);
    copy.mockRestore();
    // A look at the bytes once for each of them, a copy of each, and a little for the first.
    expect(parse.mock.calls.length).toBeLessThanOrEqual(head.length + 1);
    expect(scanned).toBeLessThanOrEqual(head.length + 2);
  });

  test("RFC 6585 5 100 field lines, and one more", async () => {
    await start();
    const head = (count: number): string =>
      `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(count - 1)}\r\n`;
    expect(await statusesOf([head(100)])).toEqual([200]);
    expect(await statusesOf([head(101)])).toEqual([431]);
    expect(wire.handler.rejections).toMatchObject([{ status: 431, error: "too-many-fields" }]);
  });

  test("RFC 9110 15.5.15 a target of 8 KiB, and one of a byte more", async () => {
    await start();
    const head = (bytes: number): string =>
      `GET /${"x".repeat(bytes - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    expect(await statusesOf([head(8192)])).toEqual([200]);
    expect(await statusesOf([head(8193)])).toEqual([414]);
    expect(await statusesOf(cut(head(8193), 1000))).toEqual([414]);
  });

  test("RFC 9110 15.5.14 content that declares too much is refused unread", async () => {
    await start({ answer: echo, limits: { contentBytesMax: 10 } });
    expect(await statusesOf([`${POST}Content-Length: 10\r\n\r\n0123456789`])).toEqual([200]);
    wire.handler.exchanges.length = 0;
    wire.handler.ends.clear();
    expect(await statusesOf([`${POST}Content-Length: 11\r\n\r\n0123456789A${GET}`])).toEqual([413]);
    expect(await statusesOf([`${POST}Content-Length: 9007199254740991\r\n\r\n`])).toEqual([413]);
    expect(wire.handler.exchanges).toEqual([]);
    expect(wire.handler.rejections).toMatchObject([
      { status: 413, error: "content_too_large" },
      { status: 413, error: "content_too_large" },
    ]);
  });

  test("RFC 9110 15.5.14 chunked content is refused when it is too much", async () => {
    let aborts = 0;
    await start({
      answer(exchange) {
        exchange.onAbort = () => aborts++;
        echo(exchange);
      },
      limits: { contentBytesMax: 10 },
    });
    const head = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
    expect(await statusesOf([`${head}a\r\n0123456789\r\n0\r\n\r\n`])).toEqual([200]);
    expect(await statusesOf([`${head}b\r\n0123456789A\r\n0\r\n\r\n`])).toEqual([413]);
    expect(await statusesOf([head, "a\r\n0123456789\r\n", `1\r\nA\r\n0\r\n\r\n${GET}`])).toEqual([
      413,
    ]);
    expect(aborts).toBe(1);
  });

  test("a connection beyond the limit is told so, and has its place when one is free", async () => {
    await start({ limits: { connectionsMax: 2 } });
    const first = await wire.sent(GET);
    const second = await wire.sent(GET);
    await Promise.all([first.complete(1), second.complete(1)]);
    // One that is still sending when it is turned away, and reads only then.
    const third = await wire.client();
    third.socket.pause();
    await third.send(GET.repeat(100));
    const refused = await wire.socketOf(third);
    await until(() => refused.writableFinished, "the answer");
    await third.send(GET.repeat(100));
    third.socket.resume();
    const responses = await third.all();
    expect(responses.map((response) => response.status)).toEqual([503]);
    expect(responses[0] && fieldOf(responses[0], "proxy-status")).toMatch(/connection_limit/);
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
    expect(third.ending).toBe("closed");
    expect(wire.handler).toMatchObject({ refused: 1, open: 2 });
    first.finish();
    await until(() => wire.listener.connections === 1, "a free place");
    const fourth = await wire.sent(GET);
    expect((await fourth.complete(1))[0]?.status).toBe(200);
  });

  /** Clients that keep their side open whatever the gateway does. */
  function stubborn(count: number): Socket[] {
    return Array.from({ length: count }, () =>
      connect({ port: wire.port, host: "127.0.0.1", allowHalfOpen: true })
        .on("error", () => {})
        .resume(),
    );
  }

  test("connections beyond the limit are told so up to a bound", async () => {
    await start({ limits: { connectionsMax: 0, lingerMs: 60_000 } });
    const sockets = stubborn(300);
    let answered = 0;
    for (const socket of sockets) socket.once("data", () => answered++);
    await until(() => sockets.every((socket) => socket.readableEnded || socket.destroyed), "FINs");
    expect(answered).toBe(256);
    expect(wire.handler).toMatchObject({ refused: 300, open: 0 });
    for (const socket of sockets) socket.destroy();
  });

  test("connections beyond the limit do not stay", async () => {
    await start({ limits: { connectionsMax: 0, lingerMs: 50 } });
    const sockets = stubborn(10);
    await until(() => sockets.every((socket) => socket.readableEnded), "FINs");
    // A write is answered with a reset once the gateway's side is gone.
    await until(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write("x");
      return sockets.every((socket) => socket.destroyed);
    }, "the end of all");
  });

  test("heads in pieces wait for a slab", async () => {
    await start({ slabs: 2 });
    const first = await wire.sent("GET /1 HTTP/1.1\r\nHo");
    const second = await wire.sent("GET /2 HTTP/1.1\r\nHo");
    await until(() => wire.core.slabsInUse() === 2, "the slabs");
    const third = await wire.sent("GET /3 HTTP/1.1\r\nHo");
    await until(() => wire.stage.slabs.exhausted === 1, "the third");
    // Heads that arrive whole need none.
    const whole = await wire.sent(GET);
    await whole.complete(1);
    await third.send("st: a\r\n\r\n");
    await first.send("st: a\r\n\r\n");
    expect((await third.complete(1))[0]?.content.toString()).toBe("GET /3 0");
    await first.complete(1);
    await second.send("st: a\r\n\r\n");
    await second.complete(1);
  });

  test("a client that leaves the queue for a slab does not hold it up", async () => {
    await start({ slabs: 1 });
    const first = await wire.sent("GET /1 HTTP/1.1\r\nHo");
    await until(() => wire.core.slabsInUse() === 1, "the slab");
    const second = await wire.sent("GET /2 HTTP/1.1\r\nHo");
    await until(() => wire.stage.slabs.exhausted === 1, "the second");
    const third = await wire.sent("GET /3 HTTP/1.1\r\nHost: a\r\n");
    await until(() => wire.stage.slabs.exhausted === 2, "the third");
    second.reset();
    first.reset();
    await third.send("\r\n");
    await third.complete(1);
  });

  test("chunked content waits for a decoder", async () => {
    await start({ answer: echo, chunkedStates: 1 });
    const head = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
    const first = await wire.sent(`${head}3\r\nabc\r\n`);
    await until(() => wire.core.chunkedInUse() === 1, "the decoder");
    const second = await wire.sent(`${head}3\r\ndef\r\n`);
    await until(() => wire.stage.decoders.exhausted === 1, "the second");
    await second.send("0\r\n\r\n");
    await first.send("0\r\n\r\n");
    expect((await first.complete(1))[0]?.content.toString()).toBe("abc");
    expect((await second.complete(1))[0]?.content.toString()).toBe("def");
  });

  test("content that nobody wants does not wait for a decoder", async () => {
    await start({ chunkedStates: 1, answer: leaveOpen });
    const head = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
    const first = await wire.sent(`${head}3\r\nabc\r\n`);
    await until(() => wire.core.chunkedInUse() === 1, "the decoder");
    const second = await wire.sent(head);
    await until(() => wire.handler.exchanges.length === 2, "both exchanges");
    const [, exchange] = wire.handler.exchanges;
    if (exchange !== undefined) respond(exchange, "no");
    await second.complete(1);
    await second.send(`3\r\ndef\r\n0\r\n\r\n${GET}`);
    expect(await second.all()).toHaveLength(1);
    expect(second.ending).toBe("closed");
    first.reset();
  });
});
