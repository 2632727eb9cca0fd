// Clients that end their side and wait for the response, and clients that are gone: the same FIN
// says both (RFC 9112 section 9.6). Time is the test's: the wire asks when its timer is told to.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Exchange } from "../../src/http/exchange.ts";
import { until } from "../support/until.ts";
import { type Answer, answerPath, leaveOpen, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire } from "../support/wire-listener.ts";
import type { WireClient } from "../support/wire-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_1_0 = "GET / HTTP/1.0\r\n\r\n";

let wire: TestWire;
let aborts: Exchange[] = [];

beforeEach(() => {
  aborts = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(async () => {
  vi.useRealTimers();
  await wire.close();
});

/** A client that has ended its side, as the gateway knows, with its exchange. */
async function halfClosed(
  request: string,
  answer: Answer,
): Promise<{ client: WireClient; exchange: Exchange }> {
  wire = await startWire({
    engine: "wasm-simd",
    answer(exchange) {
      exchange.onAbort = () => aborts.push(exchange);
      answer(exchange);
    },
  });
  const client = await wire.sent(request, { allowHalfOpen: true });
  await until(() => wire.handler.exchanges.length > 0, "the exchange");
  client.finish();
  await ended(client);
  const [exchange] = wire.handler.exchanges;
  if (exchange === undefined) throw new Error("no exchange");
  return { client, exchange };
}

/** Resolves when the gateway has seen the client's FIN. */
async function ended(client: WireClient): Promise<void> {
  const socket = await wire.socketOf(client);
  await until(() => socket.readableEnded || socket.destroyed, "the FIN at the gateway");
}

describe("RFC 9112 9.6 a client that ended its side gets", () => {
  test("the response that was under way, then the end", async () => {
    const { client } = await halfClosed(GET, answerPath);
    expect(await client.all()).toHaveLength(1);
    expect(client.ending).toBe("closed");
  });

  test("all responses to what it pipelined", async () => {
    const { client } = await halfClosed(GET.repeat(10), (exchange) =>
      setImmediate(() => answerPath(exchange)),
    );
    expect(await client.all()).toHaveLength(10);
    expect(client.ending).toBe("closed");
  });

  test.each([GET, GET_1_0])("a response that takes long: %j", async (request) => {
    const { client, exchange } = await halfClosed(request, leaveOpen);
    await vi.advanceTimersByTimeAsync(60_000);
    respond(exchange, "late");
    const responses = await client.all();
    expect(responses.at(-1)?.content.toString()).toBe("late");
    expect(responses.slice(0, -1).every((response) => response.status === 100)).toBe(true);
    expect(responses.length > 1).toBe(request === GET);
    expect(aborts).toEqual([]);
  });

  test("a chunked response that pauses", async () => {
    const { client, exchange } = await halfClosed(GET, (begun) => {
      begun.respond({ status: 200, reason: "", fields: [] }, -1);
      begun.write(Buffer.from("one"));
    });
    await client.receivedSuch((text) => text.includes("one"), "the first chunk");
    await vi.advanceTimersByTimeAsync(120_000);
    exchange.write(Buffer.from("two"));
    await vi.advanceTimersByTimeAsync(120_000);
    exchange.end();
    const [response] = await client.all();
    expect(response?.complete).toBe(true);
    expect(response?.content.toString()).toBe("onetwo");
    expect(aborts).toEqual([]);
  });
});

describe("a client that is gone", () => {
  test.each([
    ["before the response", GET, leaveOpen],
    ["with requests behind the current one", GET + GET, leaveOpen],
    [
      "in a chunked response",
      GET,
      (exchange: Exchange): void => {
        exchange.respond({ status: 200, reason: "", fields: [] }, -1);
      },
    ],
    [
      "in a response of declared length",
      GET,
      (exchange: Exchange): void => {
        exchange.respond({ status: 200, reason: "", fields: [] }, 9);
        exchange.write(Buffer.from("x"));
      },
    ],
    [
      "in a response that ends with the connection",
      GET_1_0,
      (exchange: Exchange): void => {
        exchange.respond({ status: 200, reason: "", fields: [] }, -1);
        exchange.write(Buffer.from("x"));
      },
    ],
  ] as const)("%s is noticed within 100 ms", async (_title, request, answer) => {
    const { client } = await halfClosed(request, answer);
    await client.receivedSuch(
      (text) => answer === leaveOpen || text.includes("\r\n\r\n"),
      "the response head",
    );
    client.destroy();
    await vi.advanceTimersByTimeAsync(99);
    await until(() => aborts.length === 1, "the abort");
    await wire.idle();
    expect(aborts[0]?.outcome).toMatchObject({ reason: "client_closed" });
    expect(wire.handler.exchanges).toHaveLength(1);
  });

  test("while it is waited for is noticed when it is asked again", async () => {
    const { client } = await halfClosed(GET, leaveOpen);
    await vi.advanceTimersByTimeAsync(5000);
    await client.complete(1);
    expect(aborts).toEqual([]);
    client.destroy();
    await vi.advanceTimersByTimeAsync(10_000);
    await until(() => aborts.length === 1, "the abort");
  });
});
