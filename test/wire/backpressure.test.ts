// Backpressure both ways: a client that reads slowly stops the response, a gateway that reads
// slowly stops the request, requests behind the current one stop at a bound; memory stays bounded
// and no byte is lost.

import { afterEach, describe, expect, test } from "vitest";
import type { Exchange } from "../../src/http/exchange.ts";
import { until } from "../support/until.ts";
import { type Answer, answerPath, leaveOpen, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const MIB = 1_048_576;
/** Far more than the kernel's buffers of both sides hold. */
const LARGE = 64 * MIB;
/** What the kernel's buffers of both sides may hold. */
const KERNEL_BYTES_MAX = 24 * MIB;

let wire: TestWire;
afterEach(() => wire.close());

async function start(answer: Answer): Promise<void> {
  wire = await startWire({ engine: "wasm-simd", answer });
}

/** Writes `bytes` in pieces as the client takes them. */
function pour(exchange: Exchange, bytes: number, piece: Buffer): { written: number } {
  const state = { written: 0 };
  const more = (): void => {
    while (state.written < bytes) {
      state.written += piece.length;
      if (!exchange.write(piece)) return;
    }
    exchange.onDrain = null;
    exchange.end();
  };
  exchange.onDrain = more;
  more();
  return state;
}

describe("backpressure", () => {
  test.each([
    ["declared length", LARGE],
    ["unknown length", -1],
  ])("RFC 9112 a response of %s waits for a slow reader", async (_title, length) => {
    let state = { written: 0 };
    await start((exchange) => {
      exchange.respond({ status: 200, reason: "", fields: [] }, length);
      state = pour(exchange, LARGE, Buffer.alloc(65_536, "x"));
    });
    const client = await wire.client();
    client.countOnly();
    client.socket.pause();
    await client.send(GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    const socket = await wire.socketOf(client);
    await until(() => socket.writableNeedDrain, "the full socket");
    expect(state.written).toBeLessThan(KERNEL_BYTES_MAX);
    expect(socket.writableLength).toBeLessThan(MIB);
    client.socket.resume();
    await until(() => wire.handler.ends.size === 1, "the end", 15_000);
    await until(() => client.receivedBytes >= LARGE, "the content", 15_000);
    expect(state.written).toBe(LARGE);
    expect(wire.handler.exchanges[0]?.outcome).toMatchObject({ bytes: LARGE, reason: "" });
  });

  test.each([
    ["declared length", (bytes: Buffer): Buffer[] => [bytes]],
    [
      "unknown length",
      (bytes: Buffer): Buffer[] => [
        Buffer.from(`${bytes.length.toString(16)}\r\n`),
        bytes,
        Buffer.from("\r\n"),
      ],
    ],
  ])("a request's content of %s waits for a slow gateway", async (title, frame) => {
    await start(leaveOpen);
    const pieces = LARGE / MIB;
    const piece = frame(Buffer.alloc(MIB, "x"));
    const framing =
      title === "declared length" ? `Content-Length: ${LARGE}` : "Transfer-Encoding: chunked";
    const client = await wire.sent(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    for (let sent = 0; sent < pieces; sent++) for (const part of piece) client.socket.write(part);
    if (title !== "declared length") client.socket.write("0\r\n\r\n");
    const socket = await wire.socketOf(client);
    await until(() => socket.isPaused(), "the pause");
    expect(socket.bytesRead).toBeLessThan(MIB);
    const [exchange] = wire.handler.exchanges;
    let received = 0;
    exchange?.body?.on("data", (part: Buffer) => {
      received += part.length;
    });
    exchange?.body?.on("end", () => respond(exchange, "done"));
    await client.complete(1);
    expect(received).toBe(LARGE);
  });

  test("both ways at once", async () => {
    await start((exchange) => {
      const { body } = exchange;
      exchange.respond({ status: 200, reason: "", fields: [] }, LARGE / 4);
      exchange.onDrain = () => body?.resume();
      body?.on("data", (part: Buffer) => {
        if (!exchange.write(part)) body.pause();
      });
      body?.on("end", () => exchange.end());
    });
    const client = await wire.sent(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE / 4}\r\n\r\n`,
    );
    client.countOnly();
    for (let sent = 0; sent < LARGE / 4; sent += MIB) client.socket.write(Buffer.alloc(MIB));
    await until(() => client.receivedBytes > LARGE / 4, "the echo", 15_000);
    expect(wire.handler.exchanges[0]?.outcome).toMatchObject({ bytes: LARGE / 4, reason: "" });
  });

  test("RFC 9112 9.3.2 requests behind the current one stop at a bound", async () => {
    await start(leaveOpen);
    const count = 100_000;
    const client = await wire.sent(GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    client.countOnly();
    client.socket.write(GET.repeat(count));
    const socket = await wire.socketOf(client);
    await until(() => socket.isPaused(), "the pause");
    expect(socket.bytesRead).toBeLessThan(MIB / 4);
    wire.handler.answer = answerPath;
    for (const exchange of wire.handler.exchanges) answerPath(exchange);
    await until(() => wire.handler.ends.size === count + 1, "all responses", 15_000);
  });

  test("RFC 9112 9.3.2 responses to pipelined requests wait for a slow reader", async () => {
    await start((exchange) => respond(exchange, Buffer.alloc(MIB)));
    const client = await wire.client();
    client.countOnly();
    client.socket.pause();
    await client.send(GET.repeat(64));
    const socket = await wire.socketOf(client);
    await until(() => socket.writableNeedDrain, "the full socket");
    await wire.delivered(client);
    expect(wire.handler.exchanges.length).toBeLessThan(KERNEL_BYTES_MAX / MIB);
    expect(socket.writableLength).toBeLessThan(2 * MIB);
    client.socket.resume();
    await until(() => client.receivedBytes >= 64 * MIB, "all responses", 15_000);
    expect(wire.handler.exchanges).toHaveLength(64);
  });

  test("small pieces behind the current request arrive whole", async () => {
    await start(leaveOpen);
    const client = await wire.sent(GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    await wire.sendPieces(client, [...GET.repeat(3)]);
    wire.handler.answer = answerPath;
    for (const exchange of wire.handler.exchanges) answerPath(exchange);
    await client.complete(4);
  });

  test("hits wait for a slow reader", async () => {
    await start(answerPath);
    const content = "x".repeat(MIB);
    wire.handler.stored = Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Length: ${MIB + 4}\r\n\r\n${content}`,
      "latin1",
    );
    wire.handler.tail = Buffer.from("tail");
    const client = await wire.client();
    client.countOnly();
    client.socket.pause();
    await client.send(GET.repeat(64));
    const socket = await wire.socketOf(client);
    await until(() => socket.writableNeedDrain, "the full socket");
    await wire.delivered(client);
    expect(wire.handler.hits.length).toBeLessThan(KERNEL_BYTES_MAX / MIB);
    expect(wire.handler.hits.at(-1)).toEqual({ pending: true });
    expect(socket.writableLength).toBeLessThan(2 * MIB);
    client.socket.resume();
    await until(() => client.receivedBytes >= 64 * MIB, "all hits", 15_000);
    expect(wire.handler.hits).toHaveLength(64);
    expect(wire.handler.exchanges).toEqual([]);
  });
});
