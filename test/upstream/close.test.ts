// The end of a cluster and of its connections: drain, deadline, age, requests served, idle time.

import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { FakeClock } from "../support/clock.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.idle();
  await origin.close();
});

const hello = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");

/** Long enough for undici to take the connection back. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

test("close lets exchanges finish, refuses new ones, then closes connections", async () => {
  const gate = Promise.withResolvers<void>();
  const script: OriginScript = async (connection) => {
    await connection.readHead();
    await gate.promise;
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  };
  origin = await startOrigin(script);
  cluster = clusterOf(origin.url, { drainMs: 5000 });
  const running = new Recorder();
  cluster.forward(requestOf("GET", "/1"), running);
  await origin.headsAtLeast(1);
  const closed = cluster.close();
  expect(cluster.close()).toBe(closed);
  const late = new Recorder();
  cluster.forward(requestOf("GET", "/2"), late);
  expect(late.endings).toBe(0);
  await within(late.ended, 1000, "the refusal");
  expect([late.error?.code, late.error?.status, late.error?.beforeSend]).toEqual([
    "draining",
    503,
    true,
  ]);
  gate.resolve();
  await within(running.ended, 1000, "the answer");
  expect([running.error, running.content]).toEqual([null, "hi"]);
  await within(closed, 1000, "the close");
  await origin.idle(1000);
});

test("what has not finished in time is broken off", async () => {
  origin = await startOrigin(async (connection) => {
    const head = await connection.readHead();
    if (head.startsWith("GET /content")) {
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    }
  });
  cluster = clusterOf(origin.url, { drainMs: 100 });
  const waiting = new Recorder();
  const reading = new Recorder();
  cluster.forward(requestOf("GET", "/"), waiting);
  cluster.forward(requestOf("GET", "/content"), reading);
  await reading.until(() => reading.bytes === 5, "the content");
  await within(cluster.close(), 1000, "the close");
  expect([waiting.error?.code, waiting.error?.beforeSend]).toEqual(["draining", false]);
  expect([reading.error?.code, reading.endings]).toEqual(["draining", 1]);
  await origin.idle(100);
});

test("a connection is used again, and not beyond its number of requests", async () => {
  origin = await startOrigin(hello);
  cluster = clusterOf(origin.url, { pool: { requestsMax: 3 } });
  for (let round = 0; round < 7; round += 1) {
    await exchange(cluster, requestOf("GET", "/"));
    await turn();
  }
  await origin.acceptedAtLeast(3);
  expect(cluster.targets()[0]).toMatchObject({ connectionsOpened: 3, reused: 4, requests: 7 });
});

test("a connection that is too old is closed after its exchange", async () => {
  const clock = new FakeClock();
  origin = await startOrigin(hello);
  cluster = clusterOf(origin.url, { pool: { ageMaxMs: 60_000, keepAliveMs: 300_000 } }, clock);
  await exchange(cluster, requestOf("GET", "/1"));
  await turn();
  await exchange(cluster, requestOf("GET", "/2"));
  expect([origin.accepted, origin.open]).toEqual([1, 1]);
  clock.advance(60_001);
  await new Promise((resolve) => setTimeout(resolve, 250));
  await exchange(cluster, requestOf("GET", "/3"));
  await origin.idle(1000);
  expect((await exchange(cluster, requestOf("GET", "/4"))).content).toBe("hi");
  expect(origin.accepted).toBe(2);
});

test.each([0, 50])("an idle connection is closed after %i ms", async (keepAliveMs) => {
  origin = await startOrigin(hello);
  cluster = clusterOf(origin.url, { pool: { keepAliveMs } });
  await exchange(cluster, requestOf("GET", "/"));
  await origin.idle(1000);
  await settled(cluster, 1000);
  expect((await exchange(cluster, requestOf("GET", "/"))).content).toBe("hi");
  expect(cluster.targets()[0]).toMatchObject({ connectionsOpened: 2, retries: 0 });
});

test("a request that cannot be written is our fault and loses no connection", async () => {
  origin = await startOrigin(hello);
  cluster = clusterOf(origin.url, { pool: { keepAliveMs: 60_000 } });
  await exchange(cluster, requestOf("GET", "/"));
  await turn();
  const got = await exchange(cluster, requestOf("GET", "/a b"));
  expect([got.error?.code, got.error?.beforeSend]).toEqual(["internal_error", true]);
  await cluster.close();
  await origin.idle(1000);
});

test("RFC 9112 9.3 HEAD, Connection: close and excess content end a connection", async () => {
  origin = await startOrigin(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      const name = /^\w+ \/(\w*)/.exec(head)?.[1];
      const close = name === "close" ? "Connection: close\r\n" : "";
      const content =
        name === "excess" ? "hiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" : "hi";
      const isHead = head.startsWith("HEAD");
      await connection.send(
        `HTTP/1.1 200 OK\r\n${close}Content-Length: 2\r\n\r\n${isHead ? "" : content}`,
      );
    }
  });
  cluster = clusterOf(origin.url);
  for (const [method, path] of [
    ["HEAD", "/"],
    ["GET", "/close"],
    ["GET", "/excess"],
    ["GET", "/"],
  ] as const) {
    const got = await exchange(cluster, requestOf(method, path));
    expect([got.error, got.content]).toEqual([null, method === "HEAD" ? "" : "hi"]);
    await turn();
  }
  expect(origin.accepted).toBe(4);
  expect(cluster.targets()[0]).toMatchObject({ retries: 0, failures: {} });
});

test("10,000 exchanges, some failing: no connection and no slot is lost", async () => {
  origin = await startOrigin(async (connection) => {
    for (let served = 0; ; served += 1) {
      const head = await connection.readHead();
      await connection.readContent(head);
      if (served % 50 === 49) connection.reset();
      else await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }
  });
  cluster = clusterOf(origin.url, { pool: { connections: 16, queue: 100 } });
  let left = 10_000;
  const worker = async (): Promise<void> => {
    for (; left > 0; left -= 1) {
      const got = await exchange(cluster, requestOf("GET", "/"));
      expect(got.content).toBe("hi");
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  const [status] = cluster.targets();
  expect(status).toMatchObject({ inFlight: 0, queued: 0 });
  expect(status?.connectionsOpen).toBeLessThanOrEqual(16);
  expect(origin.open).toBeLessThanOrEqual(17);
});

test.each<[string, string, boolean, number]>([
  ["GET with content", "GET", true, 2],
  ["OPTIONS with content", "OPTIONS", true, 2],
  ["HEAD", "HEAD", false, 2],
  ["GET", "GET", false, 1],
  ["POST with content", "POST", true, 1],
  ["DELETE with content", "DELETE", true, 1],
])(
  "behind %s an origin that does not read it, or answers twice, meets no other request",
  async (_title, method, hasContent, connections) => {
    origin = await startOrigin(async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        await connection.readContent(head);
        const content = head.startsWith("HEAD") ? "" : "hi";
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${content}`);
      }
    });
    cluster = clusterOf(origin.url);
    const content = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    const body = hasContent ? Readable.from([Buffer.from(content)]) : null;
    const bodyLength = hasContent ? content.length : 0;
    await exchange(cluster, requestOf(method, "/", { body, bodyLength }));
    await turn();
    await exchange(cluster, requestOf("GET", "/next"));
    expect(origin.accepted).toBe(connections);
  },
);
