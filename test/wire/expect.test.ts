// Interim responses and the 100-continue expectation (RFC 9110 sections 10.1.1 and 15.2): the wire
// passes on what its handler says, and waits with a client that waits.

import { afterEach, describe, expect, test } from "vitest";
import type { Exchange } from "../../src/http/exchange.ts";
import { ENGINES } from "../core/engines.ts";
import { fieldOf } from "../support/response-reader.ts";
import { until } from "../support/until.ts";
import { type Answer, echo, leaveOpen, respond } from "../support/wire-handler.ts";
import { startWire, type TestWire, type WireOptions } from "../support/wire-listener.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n";
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function interim(status: number): { status: number; reason: string; fields: string[] } {
  return { status, reason: "", fields: ["Link", "</x>"] };
}

describe.each(ENGINES)("RFC 9110 10.1.1 %s", (engine) => {
  let wire: TestWire;
  afterEach(() => wire.close());

  async function start(answer: Answer, limits: WireOptions["limits"] = {}): Promise<void> {
    wire = await startWire({ engine, answer, limits });
  }

  test("100 is passed on, content and response follow, the connection persists", async () => {
    await start((exchange) => {
      exchange.inform(interim(100));
      echo(exchange);
    });
    const client = await wire.sent(HEAD);
    expect((await client.complete(1))[0]).toMatchObject({ status: 100 });
    await client.send("hello");
    const [, response] = await client.complete(2);
    expect(response?.content.toString()).toBe("hello");
    expect(response && fieldOf(response, "connection")).toBeUndefined();
    expect(wire.handler.exchanges[0]?.expectsContinue).toBe(true);
    await client.send(GET);
    await client.complete(3);
  });

  test("a final answer without 100 ends the connection", async () => {
    await start((exchange) => respond(exchange, "no"));
    const client = await wire.sent(HEAD);
    const responses = await client.all();
    expect(responses).toHaveLength(1);
    expect(responses[0] && fieldOf(responses[0], "connection")).toBe("close");
  });

  test("content that comes in spite of a final answer is not taken for a request", async () => {
    await start((exchange) => respond(exchange, "no"));
    const client = await wire.sent(HEAD, { allowHalfOpen: true });
    await client.complete(1);
    await client.send(GET);
    client.finish();
    expect(await client.all()).toHaveLength(1);
    expect(wire.handler.exchanges).toHaveLength(1);
    expect(client.ending).toBe("closed");
  });

  test("a client that does not wait keeps its connection", async () => {
    await start(echo);
    const client = await wire.sent(`${HEAD}hello${GET}`);
    const responses = await client.complete(2);
    expect(responses[0]?.content.toString()).toBe("hello");
    expect(client.ending).toBe("open");
  });

  test("a client that waits has no deadline before it is told to continue", async () => {
    await start(leaveOpen, { contentStallMs: 1000, contentBytesPerSecondMin: 100 });
    const client = await wire.sent(HEAD);
    await until(() => wire.handler.exchanges.length === 1, "the exchange");
    const [exchange] = wire.handler.exchanges;
    for (let turn = 0; turn < 10; turn++) wire.sweepAfter(2000);
    expect(exchange?.ended).toBe(false);
    exchange?.inform(interim(100));
    await client.complete(1);
    wire.sweepAfter(900);
    expect(exchange?.ended).toBe(false);
    wire.sweepAfter(200);
    expect((await client.all()).map((response) => response.status)).toEqual([100, 408]);
  });

  test.each(["foo", "100-continue, foo", "100-continue=x", '"100-continue"'])(
    "an expectation that is unknown is refused: %s",
    async (value) => {
      await start(echo);
      const client = await wire.sent(HEAD.replace("100-Continue", value) + GET);
      expect((await client.all()).map((response) => response.status)).toEqual([417]);
      expect(wire.handler.exchanges).toEqual([]);
      expect(wire.handler.rejections[0]).toMatchObject({ status: 417, error: "expectation" });
    },
  );

  test("HTTP/1.0 cannot expect, and gets no interim response", async () => {
    await start((exchange) => {
      exchange.inform(interim(100));
      exchange.inform(interim(103));
      echo(exchange);
    });
    const client = await wire.sent(`${HEAD.replace("HTTP/1.1", "HTTP/1.0")}hello`);
    expect((await client.all()).map((response) => response.status)).toEqual([200]);
    expect(wire.handler.exchanges[0]?.expectsContinue).toBe(false);
  });

  test("a request without content does not wait", async () => {
    await start(echo);
    const client = await wire.sent("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    await client.complete(1);
    expect(wire.handler.exchanges[0]?.expectsContinue).toBe(false);
    expect(client.ending).toBe("open");
  });

  test("15.2 interim responses come before the final one; 101 and late ones do not", async () => {
    const late: Exchange[] = [];
    await start((exchange) => {
      exchange.inform(interim(103));
      exchange.inform(interim(101));
      exchange.inform(interim(102));
      exchange.respond({ status: 200, reason: "", fields: [] }, 2);
      exchange.inform(interim(103));
      exchange.write(Buffer.from("ok"));
      late.push(exchange);
      exchange.end();
    });
    const client = await wire.sent(GET);
    const responses = await client.complete(3);
    expect(responses.map((response) => response.status)).toEqual([103, 102, 200]);
    expect(responses[0]?.fields).toEqual([["link", "</x>"]]);
  });
});
