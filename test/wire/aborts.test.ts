// Clients that leave: with FIN and with RST, in every phase of an exchange. What was under way
// ends once and at once, and nothing of it stays.

import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Exchange } from "../../src/http/exchange.ts";
import { ENGINES } from "../core/engines.ts";
import { until } from "../support/until.ts";
import type { WireClient } from "../support/wire-client.ts";
import { type Answer, answerPath, fill, leaveOpen } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LENGTH = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Ten times what it takes, and a small part of what pass in a millisecond or two. */
const TURNS_MAX = 100;

const DEPARTURES: readonly (readonly [string, (client: WireClient) => void])[] = [
  ["FIN", (client) => client.finish()],
  ["both sides closed", (client) => client.destroy()],
  ["RST", (client) => client.reset()],
];

describe.each(ENGINES)("RFC 9112 8 a client that leaves, %s,", (engine) => {
  let wire: TestWire;
  let aborts = 0;
  let errors: unknown[] = [];
  afterEach(() => wire.close());

  async function start(answer: Answer): Promise<void> {
    aborts = 0;
    errors = [];
    wire = await startWire({
      engine,
      answer(exchange) {
        exchange.onAbort = () => aborts++;
        exchange.body?.on("error", (error) => errors.push(error));
        answer(exchange);
      },
    });
  }

  /** A client that has sent `bytes`, in an exchange of its own. */
  async function exchanging(bytes: string): Promise<WireClient> {
    const client = await wire.sent(bytes, { allowHalfOpen: true });
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    await wire.delivered(client);
    return client;
  }

  describe.each(DEPARTURES)("%s", (_name, leave) => {
    test.each(["G", "GET / HTTP/1.1\r\nHost: a\r\n", "\r"])("in a head: %j", async (bytes) => {
      await start(answerPath);
      const client = await wire.sent(bytes, { allowHalfOpen: true });
      await wire.delivered(client);
      expect(wire.core.slabsInUse()).toBe(1);
      leave(client);
      await until(() => wire.core.slabsInUse() === 0, "the slab");
      client.destroy();
      await wire.idle();
      expect(wire.handler.exchanges).toEqual([]);
    });

    test("between requests", async () => {
      await start(answerPath);
      const client = await exchanging(GET);
      await client.complete(1);
      leave(client);
      await wire.idle();
      expect(aborts).toBe(0);
    });

    test.each([
      ["content of declared length", `${LENGTH}abc`],
      ["the size of a chunk", `${CHUNKED}3`],
      ["a chunk", `${CHUNKED}9\r\nabc`],
      ["the trailer section", `${CHUNKED}0\r\nX-A: b`],
      ["content it has not begun", LENGTH],
    ])("in %s", async (_title, bytes) => {
      await start((exchange) => exchange.body?.resume());
      const client = await exchanging(bytes);
      leave(client);
      await until(() => aborts === 1 && errors.length === 1, "the abort");
      await wire.idle();
      const [exchange] = wire.handler.exchanges;
      expect(exchange?.outcome).toMatchObject({ status: 0, reason: "client_closed" });
      expect(exchange?.body?.readableEnded).toBe(false);
    });

    test("in content that nobody reads", async () => {
      await start(leaveOpen);
      const client = await exchanging(`${LENGTH}abc`);
      leave(client);
      await until(() => aborts === 1 && errors.length === 1, "the abort");
      await wire.idle();
    });
  });

  test("FIN in a head: it is told that the head is not whole", async () => {
    await start(answerPath);
    const client = await wire.sent(`${GET}GET / HTTP/1.1\r\nHo`, { allowHalfOpen: true });
    await client.complete(1);
    client.finish();
    expect((await client.all()).map((response) => response.status)).toEqual([200, 400]);
    expect(wire.handler.rejections).toMatchObject([{ status: 400, error: "incomplete_head" }]);
  });

  test("RST while it waits for the response", async () => {
    await start(leaveOpen);
    const client = await exchanging(GET + GET);
    client.reset();
    // The kernel says so at once: that takes turns of the event loop, and no timer of ours.
    for (let turns = 0; aborts === 0 && turns < TURNS_MAX; turns++) await nextTurn();
    expect(aborts).toBe(1);
    await wire.idle();
    expect(wire.handler.exchanges).toHaveLength(1);
  });

  test.each([
    ["declared length", 1_000_000],
    ["unknown length", -1],
  ])("RST in a response of %s", async (_title, length) => {
    let late: Exchange | null = null;
    await start((exchange) => {
      late = exchange;
      exchange.respond({ status: 200, reason: "", fields: [] }, length);
      exchange.write(Buffer.alloc(1000));
    });
    const client = await exchanging(GET);
    await until(() => client.receivedBytes > 1000, "the first bytes");
    client.reset();
    await until(() => aborts === 1, "the abort");
    const exchange = late as Exchange | null;
    expect(exchange?.ended).toBe(true);
    expect(exchange?.write(Buffer.alloc(1000))).toBe(false);
    exchange?.end();
    await wire.idle();
    expect(exchange?.outcome).toMatchObject({ status: 200, bytes: 1000, reason: "client_closed" });
  });

  test("RST while its response cannot be sent", async () => {
    await start((exchange) => {
      exchange.respond({ status: 200, reason: "", fields: [] }, -1);
      fill(exchange);
    });
    const client = await wire.client();
    client.socket.pause();
    await client.send(GET);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    client.reset();
    await until(() => aborts === 1, "the abort");
    await wire.idle();
  });

  test("many that leave at once, in all phases, leave nothing behind", async () => {
    await start((exchange) => setImmediate(() => answerPath(exchange)));
    const bytes = GET.repeat(3) + LENGTH + "123456789" + CHUNKED + "3\r\nabc\r\n0\r\n\r\n";
    const leaving = Array.from({ length: bytes.length }, async (_, point) => {
      const client = await wire.sent(bytes.slice(0, point));
      if (point % 2 === 0) await wire.delivered(client);
      if (point % 3 === 0) client.reset();
      else client.destroy();
    });
    await Promise.all(leaving);
    await wire.idle();
    expect(wire.core.slabsInUse()).toBe(0);
    expect(wire.core.chunkedInUse()).toBe(0);
  });
});
