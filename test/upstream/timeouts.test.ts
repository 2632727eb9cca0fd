// Each timeout of an exchange ends it with its own reason code and frees the connection; none ends
// one that moves.

import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { FakeClock } from "../support/clock.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, Recorder, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;
let clock: FakeClock;

const timeouts = { connectMs: 1000, headersMs: 2000, idleMs: 4000, totalMs: 0, continueMs: 1000 };

async function start(script: OriginScript, part: Partial<typeof timeouts> = {}): Promise<void> {
  clock = new FakeClock();
  origin = await startOrigin(script);
  cluster = clusterOf(origin.url, { timeouts: { ...timeouts, ...part } }, clock);
}

afterEach(async () => {
  await origin.idle();
  await settled(cluster);
  await cluster.close();
  await origin.close();
});

/** Lets several ticks of the deadlines pass, so that what has not ended by then would not have. */
async function ticks(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 250));
}

test("a silent origin: headers_timeout, not earlier", async () => {
  await start(async (connection) => void (await connection.readHead()));
  const got = new Recorder();
  cluster.forward(requestOf("GET", "/"), got);
  await origin.headsAtLeast(1);
  clock.advance(2000);
  await ticks();
  expect(got.endings).toBe(0);
  clock.advance(300);
  await within(got.ended, 2000, "the timeout");
  expect([got.error?.code, got.error?.status, got.error?.beforeSend]).toEqual([
    "headers_timeout",
    504,
    false,
  ]);
});

test("an interim response starts the time to the head again", async () => {
  const gate = Promise.withResolvers<void>();
  await start(async (connection) => {
    await connection.readHead();
    await gate.promise;
    await connection.send("HTTP/1.1 102 Processing\r\n\r\n");
  });
  const got = new Recorder();
  cluster.forward(requestOf("GET", "/"), got);
  await origin.headsAtLeast(1);
  clock.advance(1500);
  await ticks();
  gate.resolve();
  await got.until(() => got.interims.length === 1, "the 102");
  clock.advance(1500);
  await ticks();
  expect(got.endings).toBe(0);
  clock.advance(1000);
  await within(got.ended, 2000, "the timeout");
  expect(got.error?.code).toBe("headers_timeout");
});

test("a stall in the content: body_stalled", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
  });
  const got = new Recorder();
  cluster.forward(requestOf("GET", "/"), got);
  await got.until(() => got.bytes === 5, "the first bytes");
  clock.advance(4500);
  await within(got.ended, 2000, "the timeout");
  expect([got.error?.code, got.content]).toEqual(["body_stalled", "hello"]);
});

test("a stalled origin is found out behind a client that does not read", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
  });
  const got = new Recorder();
  got.pauseAfter = 1;
  cluster.forward(requestOf("GET", "/"), got);
  await got.until(() => got.bytes === 5, "the first bytes");
  await ticks();
  clock.advance(4500);
  await within(got.ended, 2000, "the timeout");
  expect(got.error?.code).toBe("body_stalled");
});

test("an origin that would send more is not stalled while the client does not read", async () => {
  const bytes = 4 << 20;
  await start(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    await connection.send(Buffer.alloc(bytes));
  });
  const got = new Recorder();
  got.keep = false;
  got.pauseAfter = 1;
  const call = cluster.forward(requestOf("GET", "/"), got);
  await got.until(() => got.bytes > 0, "the first bytes");
  await ticks();
  for (let turns = 0; turns < 3; turns += 1) {
    clock.advance(4500);
    await ticks();
  }
  expect(got.endings).toBe(0);
  got.pauseAfter = Number.POSITIVE_INFINITY;
  call.resume();
  await within(got.ended, 5000, "the rest");
  expect([got.error, got.bytes]).toEqual([null, bytes]);
  await cluster.close();
});

test("an origin that stops taking the content: headers_timeout", async () => {
  await start(async (connection) => {
    await connection.readHead();
    connection.pause();
  });
  const got = new Recorder();
  const body = new Readable({
    read() {
      this.push(Buffer.alloc(65_536));
    },
  });
  cluster.forward(requestOf("POST", "/", { body, bodyLength: -1 }), got);
  await origin.acceptedAtLeast(1);
  await ticks();
  clock.advance(4500);
  await within(got.ended, 2000, "the timeout");
  expect(got.error?.code).toBe("headers_timeout");
  expect(body.destroyed).toBe(true);
  origin.connections[0]?.resume();
});

test("a client that sends its content slowly is not the origin's fault", async () => {
  await start(async (connection) => {
    const head = await connection.readHead();
    await connection.readContent(head);
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const got = new Recorder();
  const body = new Readable({ read() {} });
  cluster.forward(requestOf("POST", "/", { body, bodyLength: 2 }), got);
  await origin.acceptedAtLeast(1);
  for (const part of ["a", "b"]) {
    await ticks();
    clock.advance(60_000);
    await ticks();
    expect(got.endings).toBe(0);
    body.push(part);
  }
  body.push(null);
  await within(got.ended, 2000, "the answer");
  expect(got.head?.status).toBe(200);
});

test("total time ends an exchange that moves", async () => {
  await start(
    async (connection) => {
      await connection.readHead();
      await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    },
    { totalMs: 3000 },
  );
  const got = new Recorder();
  cluster.forward(requestOf("GET", "/"), got);
  await got.until(() => got.bytes === 1, "the first bytes");
  clock.advance(3500);
  await within(got.ended, 2000, "the timeout");
  expect(got.error?.code).toBe("body_stalled");
});
