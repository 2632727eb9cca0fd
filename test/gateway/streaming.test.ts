// Content that is larger than any buffer: it passes as it comes, at the pace of the slower side,
// and the gateway's memory does not grow with it.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, byPath } from "../support/origin-scripts.ts";
import { RawClient, requestText } from "../support/raw-client.ts";
import { within } from "../support/within.ts";

let origin: TestOrigin | undefined;
let gateway: TestGateway | undefined;

async function serve(script: OriginScript): Promise<{ port: number; origin: TestOrigin }> {
  origin = await startOrigin(script);
  gateway = await startGateway({ upstreams: { app: origin.url } });
  return { port: gateway.port, origin };
}

beforeEach(() => {
  origin = undefined;
  gateway = undefined;
});
afterEach(async () => {
  await origin?.close();
  await gateway?.close();
});

const PIECE = Buffer.alloc(65_536, "streamed ");
const PIECES = 1024;
const TOTAL = PIECE.length * PIECES;
/** Origin, client and gateway share this process; each has buffers of its own. */
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;
/** What the buffers of four sockets and the gateway's own hold of content that nobody takes. */
const HELD_BYTES_MAX = 24 * 1024 * 1024;

/** The value of a count that has begun and stopped growing. */
async function plateauOf(count: () => number): Promise<number> {
  let before = -1;
  while (count() === 0 || count() !== before) {
    before = count();
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return before;
}

/** Reads `count` bytes without keeping them, as slowly as `pace` says. */
async function consume(
  client: RawClient,
  count: number,
  pace: (read: number) => Promise<void>,
): Promise<void> {
  const { socket } = client;
  let read = client.rest().length;
  const done = Promise.withResolvers<void>();
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    read += chunk.length;
    socket.pause();
    void pace(read).then(() => socket.resume());
    if (read >= count) done.resolve();
  });
  if (read >= count) done.resolve();
  await within(done.promise, 15_000, `${count} bytes`);
  expect(read).toBe(count);
}

/** Turns of the event loop for every 256 KiB: slower than the sender, which waits for nothing. */
function slowly(memory: MemoryWatch): (read: number) => Promise<void> {
  let marked = 0;
  return async (read) => {
    if (read - marked < 262_144) return;
    marked = read;
    memory.progress(read);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
}

/** Growth of resident memory once the first half has filled whatever is filled once. */
class MemoryWatch {
  #base = 0;
  #most = 0;

  progress(bytes: number): void {
    if (bytes < TOTAL / 2) return;
    const now = process.memoryUsage.rss();
    if (this.#base === 0) this.#base = now;
    this.#most = Math.max(this.#most, now);
  }

  get growth(): number {
    if (this.#base === 0) throw new Error("nothing was measured");
    return this.#most - this.#base;
  }
}

describe.each(["length", "chunked"])("64 MiB, delimited by %s", (framing) => {
  test("to a slow client", async () => {
    let sent = 0;
    const { port } = await serve(async (connection) => {
      await connection.readHead();
      const line = framing === "length" ? `Content-Length: ${TOTAL}` : "Transfer-Encoding: chunked";
      await connection.send(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`);
      for (let index = 0; index < PIECES; index++) {
        if (framing === "chunked") await connection.send(`${PIECE.length.toString(16)}\r\n`);
        await connection.send(PIECE);
        if (framing === "chunked") await connection.send("\r\n");
        sent += PIECE.length;
      }
      if (framing === "chunked") await connection.send("0\r\n\r\n");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    await client.head();
    // The first byte is out long before the last one is in.
    await client.bytes(1);
    const memory = new MemoryWatch();
    client.pause();
    expect(await plateauOf(() => sent)).toBeLessThan(HELD_BYTES_MAX);
    client.resume();
    if (framing === "length") await consume(client, TOTAL - 1, slowly(memory));
    else await drainChunks(client, slowly(memory));
    expect(memory.growth).toBeLessThan(GROWTH_BYTES_MAX);
    await client.close();
  });

  test("to a slow origin", async () => {
    let received = 0;
    const open = Promise.withResolvers<void>();
    const { port } = await serve(async (connection) => {
      const head = await connection.readHead();
      connection.pause();
      await open.promise;
      connection.resume();
      const { socket } = connection;
      received = connection.receivedBytes - head.length;
      const all = Promise.withResolvers<void>();
      const pace = slowly(memory);
      let tail = Buffer.alloc(0);
      socket.removeAllListeners("data");
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length;
        socket.pause();
        void pace(received).then(() => socket.resume());
        if (framing === "length" && received >= TOTAL) all.resolve();
        tail = Buffer.concat([tail, chunk.subarray(-5)]).subarray(-5);
        if (framing === "chunked" && tail.equals(LAST_CHUNK)) all.resolve();
      });
      await all.promise;
      await connection.send(answer("all of it"));
    });
    const client = await RawClient.connect(port);
    const line = framing === "length" ? `Content-Length: ${TOTAL}` : "Transfer-Encoding: chunked";
    void client.send(requestText("POST", "/", [line]));
    const memory = new MemoryWatch();
    let sent = 0;
    const sending = (async () => {
      for (let index = 0; index < PIECES; index++) {
        if (framing === "chunked") void client.send(`${PIECE.length.toString(16)}\r\n`);
        // One awaited write at a time: what is not taken stays here, not in this client's queue.
        await client.send(PIECE);
        sent += PIECE.length;
        if (framing === "chunked") void client.send("\r\n");
      }
      if (framing === "chunked") void client.send(LAST_CHUNK);
    })();
    expect(await plateauOf(() => sent)).toBeLessThan(HELD_BYTES_MAX);
    open.resolve();
    await sending;
    expect((await client.response()).text).toBe("all of it");
    expect(memory.growth).toBeLessThan(GROWTH_BYTES_MAX);
    expect(received).toBeGreaterThanOrEqual(TOTAL);
    await client.close();
  });
});

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Reads chunks to the last one and counts their content. */
async function drainChunks(
  client: RawClient,
  pace: (read: number) => Promise<void>,
): Promise<void> {
  const { socket } = client;
  const done = Promise.withResolvers<void>();
  let read = client.rest().length;
  let tail = Buffer.alloc(0);
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    read += chunk.length;
    tail = Buffer.concat([tail, chunk.subarray(-5)]).subarray(-5);
    socket.pause();
    void pace(read).then(() => socket.resume());
    if (tail.equals(LAST_CHUNK)) done.resolve();
  });
  await within(done.promise, 15_000, "the last chunk");
  expect(read).toBeGreaterThan(TOTAL);
}

describe("an event stream", () => {
  const HEAD =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
    "Transfer-Encoding: chunked\r\n\r\n";

  test("passes head and each event at once, and ends clean", async () => {
    let next = Promise.withResolvers<void>();
    const { port } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send(HEAD);
      for (let event = 0; event < 3; event++) {
        await next.promise;
        next = Promise.withResolvers<void>();
        await connection.send(`9\r\ndata: ${event}\n\n\r\n`);
      }
      await connection.send("0\r\n\r\n");
    });
    const client = await RawClient.connect(port);
    void client.send(requestText("GET", "/"));
    // The head comes without any event.
    expect(await client.head()).toContain("text/event-stream");
    for (let event = 0; event < 3; event++) {
      next.resolve();
      const bytes = await client.bytes(14);
      expect(bytes.toString()).toBe(`9\r\ndata: ${event}\n\n\r\n`);
    }
    expect((await client.bytes(5)).equals(LAST_CHUNK)).toBe(true);
    expect(client.open).toBe(true);
    await client.close();
  });

  test("has readers who do not share it: each has its own", async () => {
    const { port, origin } = await serve(async (connection) => {
      await connection.readHead();
      await connection.send(`${HEAD}4\r\n${String(connection.index).padStart(4, "0")}\r\n`);
    });
    const clients: RawClient[] = [];
    const events = new Set<string>();
    for (let index = 0; index < 3; index++) {
      const client = await RawClient.connect(port);
      void client.send(requestText("GET", "/"));
      await client.head();
      events.add((await client.bytes(9)).toString());
      clients.push(client);
    }
    expect(events.size).toBe(3);
    expect(origin.open).toBe(3);
    for (const client of clients) await client.close();
    await origin.idle();
  });
});

test("request and response stream at the same time", async () => {
  const { port } = await serve(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let turn = 0; turn < 5; turn++) {
      const size = await connection.readExactly(3);
      const piece = await connection.readExactly(1);
      await connection.readExactly(2);
      await connection.send(`${size.toString()}${piece.toString()}\r\n`);
    }
    await connection.readExactly(5);
    await connection.send("0\r\n\r\n");
  });
  const client = await RawClient.connect(port);
  void client.send(requestText("POST", "/", ["Transfer-Encoding: chunked"]));
  await client.head();
  for (const letter of "abcde") {
    void client.send(`1\r\n${letter}\r\n`);
    expect((await client.bytes(6)).toString()).toBe(`1\r\n${letter}\r\n`);
  }
  void client.send("0\r\n\r\n");
  expect((await client.bytes(5)).equals(LAST_CHUNK)).toBe(true);
  await client.close();
});

test("an early answer to a long upload reaches a client that is still sending", async () => {
  const { port } = await serve(
    byPath({
      "/": (connection) => connection.send(answer("enough")),
    }),
  );
  const client = await RawClient.connect(port);
  void client.send(requestText("POST", "/", ["Content-Length: 50000000"]));
  for (let index = 0; index < 20; index++) void client.send(PIECE);
  expect((await client.response()).text).toBe("enough");
  await client.close();
});
