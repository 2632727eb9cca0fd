// The deadlines of a connection, by a clock that the tests own: heads, idle connections, content
// that stalls or trickles, clients that take nothing.

import { afterEach, describe, expect, test } from "vitest";
import { fieldOf } from "../support/response-reader.ts";
import { until } from "../support/until.ts";
import type { WireClient } from "../support/wire-client.ts";
import { answerPath, fill, leaveOpen } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

let wire: TestWire;
afterEach(() => wire.close());

async function start(options: Partial<WireOptions> = {}): Promise<void> {
  wire = await startWire({ engine: "wasm-simd", answer: answerPath, ...options });
}

/** A client of whose bytes the gateway has seen all. */
async function seen(bytes: string): Promise<WireClient> {
  const client = await wire.sent(bytes);
  await wire.delivered(client);
  return client;
}

/** The gateway has not ended its side: known at once, where the client would learn it later. */
async function isOpen(client: WireClient): Promise<boolean> {
  return (await wire.socketOf(client)).writable;
}

describe("RFC 9110 15.5.9 heads", () => {
  test("a head that is not there in time is answered 408", async () => {
    await start({ limits: { headTimeoutMs: 1000 } });
    const client = await seen("GET / HTTP/1.1\r\n");
    wire.sweepAfter(999);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(1);
    const responses = await client.all();
    expect(responses.map((response) => response.status)).toEqual([408]);
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
    expect(responses[0] && fieldOf(responses[0], "proxy-status")).toMatch(
      /error=http_request_error; details="request_stalled: /,
    );
    expect(wire.handler.rejections).toMatchObject([{ status: 408, error: "head_timeout" }]);
  });

  test("bytes that trickle in do not move the deadline", async () => {
    await start({ limits: { headTimeoutMs: 1000 } });
    const client = await wire.client();
    for (const piece of "GET / HTTP") {
      await wire.sendPieces(client, [piece]);
      wire.sweepAfter(100);
    }
    expect((await client.all()).map((response) => response.status)).toEqual([408]);
  });

  test("the time begins with the first byte of each head", async () => {
    await start({ limits: { headTimeoutMs: 1000 } });
    const client = await seen(GET);
    await client.complete(1);
    wire.sweepAfter(5000);
    await wire.sendPieces(client, ["GET "]);
    wire.sweepAfter(999);
    await wire.sendPieces(client, ["/ HTTP/1.1\r\nHost: a\r\n\r\n"]);
    expect((await client.complete(2))[1]?.status).toBe(200);
  });

  test("a head that waits for a slab is answered 408 too", async () => {
    await start({ limits: { headTimeoutMs: 1000 }, slabs: 1 });
    const first = await seen("GET / HT");
    const second = await wire.sent("GET / HT");
    await until(() => wire.stage.slabs.exhausted === 1, "the second");
    wire.sweepAfter(1000);
    for (const client of [first, second]) {
      expect((await client.all()).map((response) => response.status)).toEqual([408]);
    }
  });

  test("a head that has waited for a slab has all of its time", async () => {
    await start({ limits: { headTimeoutMs: 1000 }, slabs: 1 });
    const first = await seen("GET / HT");
    const second = await wire.sent("GET / HT");
    await until(() => wire.stage.slabs.exhausted === 1, "the second");
    wire.sweepAfter(900);
    first.reset();
    const socket = await wire.socketOf(second);
    await until(() => !socket.isPaused(), "the slab");
    wire.sweepAfter(999);
    await second.send("TP/1.1\r\nHost: a\r\n\r\n");
    expect((await second.complete(1))[0]?.status).toBe(200);
  });
});

describe("RFC 9112 9.5 idle connections", () => {
  test("one that never sent a request is closed without a word", async () => {
    await start({ limits: { idleTimeoutMs: 1000 } });
    const client = await wire.client();
    await wire.socketOf(client);
    await until(() => wire.listener.connections === 1, "the connection");
    wire.sweepAfter(999);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(1);
    expect(await client.all()).toEqual([]);
    expect(client.ending).toBe("closed");
  });

  test("one between requests is closed", async () => {
    await start({ limits: { idleTimeoutMs: 1000 } });
    const client = await seen(GET);
    await client.complete(1);
    wire.sweepAfter(999);
    await wire.sendPieces(client, [GET]);
    await client.complete(2);
    wire.sweepAfter(999);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(1);
    expect(await client.all()).toHaveLength(2);
  });

  test("one between hits is closed", async () => {
    await start({ limits: { idleTimeoutMs: 1000 } });
    wire.handler.stored = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const client = await seen(GET);
    await client.complete(1);
    wire.sweepAfter(999);
    await wire.sendPieces(client, [GET]);
    wire.sweepAfter(999);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(1);
    expect(await client.all()).toHaveLength(2);
  });

  test("one that waits for its response is not idle", async () => {
    await start({ limits: { idleTimeoutMs: 1000, contentStallMs: 1000 }, answer: leaveOpen });
    const client = await seen(GET);
    wire.sweepAfter(100_000);
    expect(wire.handler.exchanges[0]?.ended).toBe(false);
    for (const exchange of wire.handler.exchanges) answerPath(exchange);
    await client.complete(1);
  });
});

describe("RFC 9110 15.5.9 content", () => {
  test("that stalls is answered 408", async () => {
    await start({ limits: { contentStallMs: 1000 } });
    const client = await seen(`${POST}abc`);
    wire.sweepAfter(999);
    await wire.sendPieces(client, ["def"]);
    wire.sweepAfter(999);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(1);
    const responses = await client.all();
    expect(responses.map((response) => response.status)).toEqual([408]);
    expect(wire.handler.exchanges[0]?.outcome).toMatchObject({
      status: 408,
      reason: "request_stalled",
    });
  });

  test("that stalls behind the head of the response breaks it", async () => {
    let aborts = 0;
    await start({
      limits: { contentStallMs: 1000 },
      answer(exchange) {
        exchange.onAbort = () => aborts++;
        exchange.respond({ status: 200, reason: "", fields: [] }, 10);
        exchange.write(Buffer.from("x"));
      },
    });
    const client = await seen(`${POST}abc`);
    await client.receivedSuch((text) => text.endsWith("x"), "the response");
    wire.sweepAfter(1000);
    expect(await client.all()).toMatchObject([{ status: 200, complete: false }]);
    expect(aborts).toBe(1);
  });

  test("that trickles below the minimum rate is answered 408", async () => {
    await start({ limits: { contentBytesPerSecondMin: 100, contentRateGraceMs: 5000 } });
    const client = await seen(POST);
    for (let second = 0; second < 8; second++) {
      await wire.sendPieces(client, ["x".repeat(100)]);
      wire.sweepAfter(1000);
    }
    expect(await isOpen(client)).toBe(true);
    for (let second = 0; second < 2; second++) {
      await wire.sendPieces(client, ["x".repeat(10)]);
      wire.sweepAfter(1000);
    }
    expect((await client.all()).map((response) => response.status)).toEqual([408]);
  });

  test("that waits for a decoder has a deadline of its own", async () => {
    await start({ limits: { headTimeoutMs: 1000, idleTimeoutMs: 1000 }, chunkedStates: 1 });
    const request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n";
    await seen(request);
    const client = await seen(GET);
    await client.complete(1);
    wire.sweepAfter(900);
    await client.send(request);
    await until(() => wire.stage.decoders.exhausted === 1, "the second");
    wire.sweepAfter(900);
    expect(await isOpen(client)).toBe(true);
    wire.sweepAfter(100);
    expect((await client.all()).map((response) => response.status)).toEqual([200, 408]);
  });

  test("that the gateway does not take has no deadline", async () => {
    await start({
      limits: { contentStallMs: 1000, contentBytesPerSecondMin: 1000 },
      answer: leaveOpen,
    });
    const client = await wire.sent(POST);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    void client.send("x".repeat(100_000));
    const socket = await wire.socketOf(client);
    await until(() => socket.isPaused(), "the pause");
    for (let minute = 0; minute < 10; minute++) wire.sweepAfter(60_000);
    const [exchange] = wire.handler.exchanges;
    expect(exchange?.ended).toBe(false);
    if (exchange !== undefined) answerPath(exchange);
    expect((await client.complete(1))[0]?.content.toString()).toBe("POST / 100000");
  });
});

test("a client that takes nothing of its response is reset", async () => {
  let aborts = 0;
  await start({
    limits: { sendStallMs: 150 },
    answer(exchange) {
      exchange.onAbort = () => aborts++;
      exchange.respond({ status: 200, reason: "", fields: [] }, -1);
      exchange.onDrain = () => fill(exchange);
      fill(exchange);
    },
  });
  const client = await wire.client();
  client.socket.pause();
  await client.send(GET);
  const socket = await wire.socketOf(client);
  await until(() => socket.writableNeedDrain, "the full socket");
  await until(() => aborts === 1, "the abort");
  expect(wire.handler.exchanges[0]?.outcome.reason).toBe("client_closed");
  client.countOnly();
  client.socket.resume();
  expect(await client.end()).toBe("reset");
});

test("a client that takes nothing of a hit is reset", async () => {
  await start({ limits: { sendStallMs: 150 } });
  wire.handler.stored = Buffer.alloc(16 * 1_048_576);
  const client = await wire.client();
  client.socket.pause();
  await client.send(GET);
  const socket = await wire.socketOf(client);
  await until(() => socket.writableNeedDrain, "the full socket");
  await wire.idle();
  client.countOnly();
  client.socket.resume();
  expect(await client.end()).toBe("reset");
});
