// Where Node does not let an accepted socket read into our buffer, bytes come as "data" events: the
// same connections, slower (src/wire/socket-input.ts). The method that says so is taken away here.

import { createServer, connect, type AddressInfo } from "node:net";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type Answer, answerPath, echo, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

const GET = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST /2 HTTP/1.1\r\nHost: a\r\n";

type StreamHandle = { useUserBuffer?: unknown };

/** The object that all TCP handles have `useUserBuffer` from. */
async function handlePrototype(): Promise<StreamHandle> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  let object = (socket as unknown as { _handle: object })._handle;
  while (!Object.hasOwn(object, "useUserBuffer")) object = Object.getPrototypeOf(object) as object;
  socket.destroy();
  server.close();
  return object;
}

let wire: TestWire;

async function start(answer: Answer): Promise<void> {
  wire = await startWire({ engine: "wasm-simd", answer });
}

afterEach(() => wire.close());

async function dataListeners(): Promise<number> {
  const client = await wire.client();
  return (await wire.socketOf(client)).listenerCount("data");
}

test("with the method there are no events", async () => {
  await start(answerPath);
  expect(await dataListeners()).toBe(0);
});

describe("without it", () => {
  let prototype: StreamHandle;
  let method: PropertyDescriptor;
  beforeAll(async () => {
    prototype = await handlePrototype();
    method = Object.getOwnPropertyDescriptor(prototype, "useUserBuffer") ?? {};
    delete prototype.useUserBuffer;
  });
  afterAll(() => {
    Object.defineProperty(prototype, "useUserBuffer", method);
  });

  test("bytes come as events", async () => {
    await start(answerPath);
    expect(await dataListeners()).toBe(1);
  });

  test("requests are answered, split at every byte and in one piece", async () => {
    await start(echo);
    const request = `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n`;
    const client = await wire.client();
    for (let point = 1; point < request.length; point++) {
      await wire.sendPieces(client, [request.slice(0, point), request.slice(point)]);
    }
    await wire.sendPieces(client, [request.repeat(10)]);
    const responses = await client.complete(request.length + 9);
    expect(new Set(responses.map(({ content }) => content.toString()))).toEqual(new Set(["hello"]));
  });

  test("hits are written in one turn", async () => {
    await start(answerPath);
    wire.handler.stored = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    const client = await wire.sent(GET.repeat(100));
    expect(await client.complete(100)).toHaveLength(100);
    expect(wire.handler.exchanges).toEqual([]);
  });

  test("what is pipelined behind a slow answer keeps its bytes and its turn", async () => {
    const waiting: (() => void)[] = [];
    await start((exchange) => waiting.push(() => respond(exchange, exchange.request.path)));
    const paths = Array.from({ length: 50 }, (_, index) => `/${"x".repeat(index * 40)}`);
    const client = await wire.client();
    for (const path of paths) await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    for (const [index] of paths.entries()) {
      await until(() => waiting.length > index, "the next request");
      waiting[index]?.();
    }
    const responses = await client.complete(paths.length);
    expect(responses.map(({ content }) => content.toString())).toEqual(paths);
  });

  test("a reader that is behind stops the client, and gets every byte in order", async () => {
    const bytes = Buffer.allocUnsafe(8_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
    const parts: Buffer[] = [];
    await start((exchange) => {
      exchange.body?.on("data", (part: Buffer) => {
        parts.push(part);
        exchange.body?.pause();
        setImmediate(() => exchange.body?.resume());
      });
      exchange.body?.on("end", () => respond(exchange, "ok"));
    });
    const client = await wire.client();
    void client.send(`${POST}Content-Length: ${bytes.length}\r\n\r\n`);
    void client.send(bytes);
    await client.complete(1);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  test("a bad request is refused, and its connection closed", async () => {
    await start(answerPath);
    const client = await wire.sent(`GET / HTTP/1.1\r\nHost : a\r\n\r\n${GET}`);
    expect((await client.all()).map(({ status }) => status)).toEqual([400]);
    expect(client.ending).toBe("closed");
  });

  test("the answer to a client that has ended its side still arrives", async () => {
    await start(answerPath);
    const client = await wire.client({ allowHalfOpen: true });
    await client.send(GET);
    client.finish();
    expect((await client.all()).map(({ status }) => status)).toEqual([200]);
  });
});
