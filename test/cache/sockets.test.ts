// The cache behind a whole gateway, on real sockets: what shares memory, and who waits for whom.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import { get, RawClient, requestText } from "../support/raw-client.ts";

const FRESH = "Cache-Control: max-age=60";
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

/** Answers every request with the same bytes. */
function always(bytes: Uint8Array): OriginScript {
  return async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(bytes);
    }
  };
}

/** A promise that the test settles. */
function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe("a hit whose bytes are still on their way", () => {
  test.each([
    ["small, many on one connection", 8 * 1024, 600],
    ["large", 2 * 1024 * 1024, 3],
  ])("is not touched by the hits that follow: %s", async (_name, length, count) => {
    const content = pattern(length);
    const { port, origin } = await serve(always(answer(content, FRESH)));
    expect((await get(port, "/")).content.equals(content)).toBe(true);

    const slow = await RawClient.connect(port);
    slow.pause();
    for (let index = 0; index < count; index++) await slow.send(requestText("GET", "/"));
    const ids = new Set<string | undefined>();
    for (let index = 0; index < 20; index++) {
      const other = await get(port, "/");
      expect(other.content.equals(content)).toBe(true);
      ids.add(other.field("x-request-id"));
    }
    slow.resume();
    for (let index = 0; index < count; index++) {
      const response = await slow.response();
      expect(response.content.equals(content)).toBe(true);
      ids.add(response.field("x-request-id"));
    }
    await slow.close();
    expect(ids.size).toBe(20 + count);
    expect(origin.heads).toHaveLength(1);
  });
});

describe("one origin request for concurrent identical misses", () => {
  test("300 connections, with different cookies", async () => {
    const { opened, open } = gate();
    const content = pattern(100_000);
    const { port, origin } = await serve(async (connection) => {
      await connection.readHead();
      await opened;
      await connection.send(answer(content, FRESH));
    });
    const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(port)));
    for (const [index, client] of clients.entries()) {
      await client.send(requestText("GET", "/", [`Cookie: user=${index}`]));
    }
    await gateway?.metricIs("gateway_cache_coalesced_total", {}, 299);
    open();
    const responses = await Promise.all(clients.map((client) => client.response()));
    expect(responses.every((one) => one.content.equals(content))).toBe(true);
    expect(origin.heads).toHaveLength(1);
    await Promise.all(clients.map((client) => client.close()));
  });

  test("one that comes late gets what has arrived; a slow one delays nobody", async () => {
    const { opened, open } = gate();
    const content = pattern(3_000_000);
    const { port, origin } = await serve(async (connection) => {
      await connection.readHead();
      const bytes = answer(content, FRESH);
      await connection.send(bytes.subarray(0, 2_000_000));
      await opened;
      await connection.send(bytes.subarray(2_000_000));
    });
    const slow = await RawClient.connect(port);
    await slow.send(requestText("GET", "/"));
    await slow.head();
    slow.pause();
    const late = await RawClient.connect(port);
    await late.send(requestText("GET", "/"));
    expect(await late.head()).toContain("; collapsed");
    const first = await late.bytes(1_900_000);
    open();
    const rest = await late.bytes(content.length - first.length);
    expect(Buffer.concat([first, rest]).equals(content)).toBe(true);
    // Stored although the slow one has not read its share.
    expect((await get(port, "/")).field("cache-status")).toMatch(/^edgelane; hit/);
    slow.resume();
    expect((await slow.bytes(content.length)).equals(content)).toBe(true);
    expect(origin.heads).toHaveLength(1);
    await Promise.all([slow.close(), late.close()]);
  });
});

describe("never stored", () => {
  test("a response that the origin server broke off: all readers see it break", async () => {
    const { opened, open } = gate();
    let turn = 0;
    const { port } = await serve(async (connection) => {
      await connection.readHead();
      if (turn++ > 0) {
        await connection.send(answer("whole", FRESH));
        return;
      }
      await connection.send(answer("0123456789", FRESH).subarray(0, -5));
      await opened;
      connection.reset();
    });
    const readers = await Promise.all([RawClient.connect(port), RawClient.connect(port)]);
    for (const reader of readers) {
      await reader.send(requestText("GET", "/"));
      await reader.head();
      await reader.bytes(5);
    }
    open();
    for (const reader of readers) {
      expect((await reader.untilEnd()).bytes).toHaveLength(0);
      await reader.close();
    }
    const next = await get(port, "/");
    expect([next.text, next.field("cache-status")]).toEqual([
      "whole",
      "edgelane; fwd=uri-miss; fwd-status=200; ttl=60; stored",
    ]);
  });

  test("a response that nobody waited for to its end", async () => {
    const { opened, open } = gate();
    let turn = 0;
    const { port, origin } = await serve(async (connection) => {
      await connection.readHead();
      const isFirst = turn++ === 0;
      await connection.send(answer("0123456789", FRESH).subarray(0, isFirst ? -5 : undefined));
      if (!isFirst) return;
      await connection.closed;
      open();
    });
    const reader = await RawClient.connect(port);
    await reader.send(requestText("GET", "/"));
    await reader.head();
    reader.reset();
    await opened;
    expect((await get(port, "/")).text).toBe("0123456789");
    expect(origin.heads).toHaveLength(2);
  });
});
