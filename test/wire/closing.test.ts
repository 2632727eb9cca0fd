// How connections end (RFC 9112 section 9.6): unwanted content is drained within a bound, clients
// see the last response although they are still sending, and a listener that stops lets exchanges
// finish.

import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { fieldOf } from "../support/response-reader.ts";
import { until } from "../support/until.ts";
import { type Answer, answerPath, leaveOpen, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const GET = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const MIB = 1_048_576;

let wire: TestWire;
afterEach(() => wire.close());

async function start(answer: Answer, limits: WireOptions["limits"] = {}): Promise<void> {
  wire = await startWire({ engine: "wasm-simd", answer, limits });
}

const refuseContent: Answer = (exchange) => respond(exchange, "no");

describe("RFC 9112 9.3 content that nobody wants", () => {
  test.each([
    ["of declared length", `${POST}Content-Length: 1000\r\n\r\n`, "x".repeat(1000)],
    ["of unknown length", CHUNKED, `3e8\r\n${"x".repeat(1000)}\r\n0\r\nX-A: b\r\n\r\n`],
  ])("%s is drained, and the connection persists", async (_title, head, content) => {
    await start(refuseContent, { drainBytesMax: 2000 });
    const client = await wire.sent(head);
    const [first] = await client.complete(1);
    expect(first && fieldOf(first, "connection")).toBeUndefined();
    await client.send(content.slice(0, 500));
    await client.send(content.slice(500) + GET);
    await client.complete(2);
    expect(wire.handler.exchanges[1]?.request.path).toBe("/next");
    expect(client.ending).toBe("open");
  });

  test("is not drained where its declared length is beyond the bound", async () => {
    await start(refuseContent, { drainBytesMax: 2000 });
    const client = await wire.sent(`${POST}Content-Length: 2001\r\n\r\n`);
    const [first] = await client.all();
    expect(first && fieldOf(first, "connection")).toBe("close");
    expect(client.ending).toBe("closed");
  });

  test("is drained up to the bound where its length is unknown", async () => {
    await start(refuseContent, { drainBytesMax: 2000 });
    const client = await wire.sent(CHUNKED, { allowHalfOpen: true });
    await client.complete(1);
    await client.send(`bb8\r\n${"x".repeat(3000)}\r\n0\r\n\r\n${GET}`);
    expect(await client.all()).toHaveLength(1);
    expect(client.ending).toBe("closed");
    expect(wire.handler.exchanges).toHaveLength(1);
  });

  test.each([
    ["a bad chunk", "x\r\n"],
    ["a bad trailer", "0\r\nHost: b\r\n\r\n"],
  ])("is not answered a second time for %s", async (_title, bytes) => {
    await start(refuseContent);
    const client = await wire.sent(CHUNKED);
    await client.complete(1);
    await client.send(`${bytes}${GET}`);
    expect(await client.all()).toHaveLength(1);
    expect(wire.handler.exchanges).toHaveLength(1);
  });

  test("is drained for a while only", async () => {
    await start(refuseContent, { lingerMs: 100 });
    const client = await wire.sent(CHUNKED);
    await client.complete(1);
    wire.sweepAfter(100);
    expect(await client.all()).toHaveLength(1);
    expect(client.ending).toBe("closed");
  });

  test("ends for its reader when the response has", async () => {
    let isClosed = false;
    await start((exchange) => {
      exchange.body?.on("close", () => {
        isClosed = true;
      });
      respond(exchange, "no");
    });
    const client = await wire.sent(
      `${POST}Connection: close\r\nContent-Length: 1000\r\n\r\n${"x".repeat(10)}`,
    );
    await client.all();
    await until(() => isClosed, "the end of the content");
  });
});

describe("RFC 9112 9.6 lingering", () => {
  test("a client that is still sending sees why it was refused", async () => {
    await start(answerPath, { contentBytesMax: 1000 });
    const client = await wire.client();
    client.socket.pause();
    await client.send(`${POST}Content-Length: ${MIB}\r\n\r\n${"x".repeat(MIB / 2)}`);
    await wire.delivered(client);
    await client.send("x".repeat(MIB / 4));
    client.socket.resume();
    expect((await client.all()).map((response) => response.status)).toEqual([413]);
    expect(client.ending).toBe("closed");
  });

  test("a client that sends without end is cut off", async () => {
    await start(answerPath, { contentBytesMax: 1000 });
    const client = await wire.client({ allowHalfOpen: true });
    client.socket.write(`${POST}Content-Length: ${64 * MIB}\r\n\r\n`);
    const piece = Buffer.alloc(MIB);
    for (let sent = 0; sent < 64; sent++) client.socket.write(piece);
    await wire.idle();
    await until(() => client.socket.destroyed, "the reset");
    expect(wire.handler.receivedBytes).toBeLessThan(4 * MIB);
  });

  test("a client that stays is left", async () => {
    await start(answerPath, { lingerMs: 100 });
    const client = await wire.sent("GET / HTTP/1.0\r\n\r\n", { allowHalfOpen: true });
    await client.all();
    expect(wire.listener.connections).toBe(1);
    wire.sweepAfter(100);
    await wire.idle();
  });

  test("a client that reads slowly gets all of its last response", async () => {
    const content = Buffer.alloc(32 * MIB, "x");
    await start((exchange) => respond(exchange, content), { lingerMs: 100 });
    const client = await wire.client();
    client.countOnly();
    client.socket.pause();
    await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const socket = await wire.socketOf(client);
    await until(() => socket.writableLength > 0, "the full socket");
    for (let sweeps = 0; sweeps < 10; sweeps++) wire.sweepAfter(1000);
    client.socket.resume();
    expect(await client.end(15_000)).toBe("closed");
    expect(client.receivedBytes).toBeGreaterThan(content.length);
  });

  test("a client that reads slowly and whose content is not wanted gets it too", async () => {
    const content = Buffer.alloc(32 * MIB, "x");
    await start((exchange) => respond(exchange, content), { lingerMs: 100 });
    const client = await wire.client();
    client.countOnly();
    client.socket.pause();
    await client.send(CHUNKED);
    const socket = await wire.socketOf(client);
    await until(() => socket.writableNeedDrain, "the full socket");
    for (let sweeps = 0; sweeps < 10; sweeps++) wire.sweepAfter(1000);
    client.socket.resume();
    expect(await client.end(15_000)).toBe("closed");
    expect(client.receivedBytes).toBeGreaterThan(content.length);
  });
});

describe("a listener that stops", () => {
  test("closes idle connections and takes no new ones", async () => {
    await start(answerPath);
    const fresh = await wire.client();
    const used = await wire.sent(GET);
    await used.complete(1);
    await until(() => wire.listener.connections === 2, "both connections");
    const sockets = [await wire.socketOf(fresh), await wire.socketOf(used)];
    const closed = wire.listener.close(5000);
    expect(sockets.map((socket) => socket.writableEnded)).toEqual([true, true]);
    expect(await fresh.all()).toEqual([]);
    expect(await used.all()).toHaveLength(1);
    await closed;
    const late = connect(wire.port, "127.0.0.1");
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  test("lets exchanges finish, with Connection: close", async () => {
    await start(leaveOpen);
    const client = await wire.sent(GET + GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    let isClosed = false;
    const closed = wire.listener.close(5000).then(() => {
      isClosed = true;
    });
    wire.sweepAfter(60_000);
    expect(isClosed).toBe(false);
    for (const exchange of wire.handler.exchanges) respond(exchange, "done");
    const responses = await client.all();
    expect(responses).toHaveLength(1);
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
    await closed;
    expect(wire.listener.connections).toBe(0);
  });

  test("lets a response finish whose head is out", async () => {
    await start((exchange) => exchange.respond({ status: 200, reason: "", fields: [] }, 4));
    const client = await wire.sent(GET);
    await client.receivedSuch((text) => text.includes("\r\n\r\n"), "the head");
    const closed = wire.listener.close(5000);
    const [exchange] = wire.handler.exchanges;
    exchange?.write(Buffer.from("done"));
    exchange?.end();
    expect((await client.all())[0]?.content.toString()).toBe("done");
    await closed;
  });

  test("answers the head that is under way", async () => {
    await start(answerPath);
    const client = await wire.client();
    await wire.sendPieces(client, ["GET / HTTP/1.1\r\n"]);
    const closed = wire.listener.close(5000);
    await client.send("Host: a\r\n\r\n");
    const [response] = await client.all();
    expect(response && fieldOf(response, "connection")).toBe("close");
    await closed;
  });

  test("closes a connection that becomes idle behind a hit", async () => {
    await start(answerPath);
    wire.handler.stored = Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${16 * MIB}\r\n\r\n`),
      Buffer.alloc(16 * MIB),
    ]);
    const client = await wire.client();
    client.socket.pause();
    await client.send(GET);
    const socket = await wire.socketOf(client);
    await until(() => socket.writableNeedDrain, "the full socket");
    const closed = wire.listener.close(5000);
    client.socket.resume();
    const responses = await client.complete(1);
    expect(responses[0]?.content.length).toBe(16 * MIB);
    await closed;
    expect(await client.end()).toBe("closed");
  });

  test("resets what has not finished in time", async () => {
    let aborts = 0;
    await start((exchange) => {
      exchange.onAbort = () => aborts++;
    });
    const client = await wire.sent(GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    await wire.listener.close(50);
    expect(aborts).toBe(1);
    expect(await client.end()).toBe("reset");
  });
});
