// Hits: stored responses that go from received bytes to one write, for plain requests only, and
// what the wire reports of them.

import { afterEach, describe, expect, test } from "vitest";
import { ENGINES } from "../core/engines.ts";
import { until } from "../support/until.ts";
import { answerPath } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const STORED = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Cache: hit\r\n\r\nsto");
const TAIL = Buffer.from("red");

describe.each(ENGINES)("hits, %s", (engine) => {
  let wire: TestWire;
  afterEach(() => wire.close());

  async function start(limits: WireOptions["limits"] = {}): Promise<void> {
    wire = await startWire({ engine, answer: answerPath, limits });
    wire.handler.stored = STORED;
    wire.handler.tail = TAIL;
  }

  test("a plain request is answered with the stored bytes and what follows them", async () => {
    await start();
    const client = await wire.sent(GET);
    expect((await client.complete(1))[0]?.content.toString()).toBe("stored");
    expect(client.received).toEqual(Buffer.concat([STORED, TAIL]));
    expect(wire.handler.hits).toEqual([{ pending: false }]);
    expect(wire.handler.exchanges).toEqual([]);
  });

  test("pipelined hits and others are answered in order", async () => {
    await start();
    const other = "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    const client = await wire.sent((GET + GET + other).repeat(100));
    const responses = await client.complete(300);
    const contents = responses.map((response) => response.content.toString());
    expect(contents).toEqual(
      Array.from({ length: 100 }, () => ["stored", "stored", "GET /x 1"]).flat(),
    );
    expect(wire.handler.hits).toHaveLength(200);
  });

  test("a hit split at every byte is one", async () => {
    await start();
    const client = await wire.client();
    for (let point = 1; point < GET.length; point++) {
      await wire.sendPieces(client, [GET.slice(0, point), GET.slice(point)]);
    }
    await client.complete(GET.length - 1);
    expect(wire.handler.hits).toHaveLength(GET.length - 1);
  });

  test.each([
    ["HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"],
    ["Connection: close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    ["a nominated field", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\n\r\n"],
    ["an upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
    ["content", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"],
    [
      "chunked content",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
    [
      "an expectation",
      "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    ],
  ])("a request with %s is no plain one", async (_title, request) => {
    await start();
    const client = await wire.sent(request);
    const [response] = await client.complete(1);
    expect(response?.content.toString()).toMatch(/^GET \/ [01]$/);
    expect(wire.handler.hits).toEqual([]);
  });

  test("the last request of a connection is no hit, for it is answered with close", async () => {
    await start({ requestsPerConnectionMax: 2 });
    const client = await wire.sent(GET + GET + GET);
    const responses = await client.all();
    expect(responses.map((response) => response.content.toString())).toEqual(["stored", "GET / 0"]);
  });

  test("what was not stored becomes an exchange", async () => {
    await start();
    wire.handler.stored = null;
    const client = await wire.sent(GET);
    expect((await client.complete(1))[0]?.content.toString()).toBe("GET / 0");
  });
});

describe.each(ENGINES)("accounts, %s", (engine) => {
  test("bytes, connections, refusals and ids add up", async () => {
    const wire = await startWire({ engine, answer: answerPath });
    const client = await wire.sent(
      `${GET}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`,
    );
    await client.complete(2);
    expect(wire.handler.open).toBe(1);
    await client.send("GET / HTTP/1.1\r\n\r\n");
    const refusal = (await client.all())[2];
    await wire.idle();
    const { exchanges, rejections, ends } = wire.handler;
    expect(wire.handler).toMatchObject({ open: 0, receivedBytes: client.sentBytes });
    expect(ends.size).toBe(2);
    const sentBytes = exchanges.reduce((sum, exchange) => sum + exchange.outcome.sentBytes, 0);
    expect(sentBytes + (rejections[0]?.sentBytes ?? 0)).toBe(client.receivedBytes);
    expect(exchanges.map((exchange) => exchange.outcome)).toMatchObject([
      { status: 200, bytes: 7, reason: "" },
      { status: 200, bytes: 8, reason: "" },
    ]);
    expect(refusal?.fields).toContainEqual(["x-request-id", rejections[0]?.id]);
    expect(new Set(exchanges.map((exchange) => exchange.id)).size).toBe(2);
    await wire.close();
  });

  test("an error on the listening socket's side of a client ends nothing else", async () => {
    const wire = await startWire({ engine, answer: answerPath });
    const broken = await wire.sent(GET);
    const fine = await wire.sent(GET);
    await Promise.all([broken.complete(1), fine.complete(1)]);
    (await wire.socketOf(broken)).destroy(new Error("a failing network card"));
    await until(() => wire.listener.connections === 1, "the end of the broken one");
    await fine.send(GET);
    await fine.complete(2);
    await wire.close();
  });
});
