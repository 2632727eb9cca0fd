// Bodies in constant memory: content flows at the pace of the slower side in both directions, and
// its first byte is through before its last has been sent.

import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { type OriginConnection, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, Recorder, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.idle();
  await origin.close();
});

const MIB = 1 << 20;
/** What the kernel keeps for two loopback sockets, and the buffers of a stream. */
const BUFFERED_MAX = 12 * MIB;

/** Sends `count` MiB, a mebibyte at a time, as fast as the kernel takes them. */
async function sendMebibytes(
  connection: OriginConnection,
  count: number,
  sent: { bytes: number },
): Promise<void> {
  const mebibyte = Buffer.alloc(MIB, "x");
  await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${count * MIB}\r\n\r\n`);
  for (let index = 0; index < count; index += 1) {
    if (!(await connection.send(mebibyte))) return;
    sent.bytes += MIB;
  }
}

const ways: [way: string, parts: { expectsContinue: boolean }][] = [
  ["pooled", { expectsContinue: false }],
  ["connection of its own", { expectsContinue: true }],
];

test.each(ways)(
  "%s: a reader that stops stops the origin, and goes on where it was",
  async (_way, parts) => {
    const sent = { bytes: 0 };
    origin = await startOrigin(async (connection) => {
      await connection.readHead();
      await sendMebibytes(connection, 64, sent);
    });
    cluster = clusterOf(origin.url);
    const got = new Recorder();
    got.keep = false;
    got.pauseAfter = 1;
    const call = cluster.forward(requestOf("GET", "/", parts), got);
    await got.until(() => got.bytes > 0, "the first bytes");
    const seen = got.bytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(got.bytes).toBe(seen);
    expect(sent.bytes).toBeLessThan(BUFFERED_MAX);
    got.pauseAfter = Number.POSITIVE_INFINITY;
    call.resume();
    await within(got.ended, 10_000, "the rest");
    expect([got.error, got.bytes]).toEqual([null, 64 * MIB]);
  },
);

test.each(ways)(
  "%s: 512 MiB to a reader that stops at each piece, in constant memory",
  async (_way, parts) => {
    const count = 512;
    const sent = { bytes: 0 };
    origin = await startOrigin(async (connection) => {
      await connection.readHead();
      await sendMebibytes(connection, count, sent);
    });
    cluster = clusterOf(origin.url);
    const got = new Recorder();
    let ahead = 0;
    let most = 0;
    const startBytes = process.memoryUsage().rss;
    got.onData = (chunk) => {
      got.bytes += chunk.length;
      ahead = Math.max(ahead, sent.bytes - got.bytes);
      if (got.bytes % (16 * MIB) < chunk.length)
        most = Math.max(most, process.memoryUsage().rss - startBytes);
      setImmediate(() => call.resume());
      return false;
    };
    const call = cluster.forward(requestOf("GET", "/", parts), got);
    await within(got.ended, 20_000, "the content");
    expect([got.error, got.bytes]).toEqual([null, count * MIB]);
    expect(ahead).toBeLessThan(BUFFERED_MAX);
    // The process is the origin's too; what it may not hold is a share of the content.
    expect(most).toBeLessThan(96 * MIB);
  },
);

test("the first byte is through before the last is sent", async () => {
  const gate = Promise.withResolvers<void>();
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    await gate.promise;
    await connection.send("2\r\ncd\r\n0\r\n\r\n");
  });
  cluster = clusterOf(origin.url);
  const got = new Recorder();
  cluster.forward(requestOf("GET", "/"), got);
  await got.until(() => got.content === "ab", "the first chunk");
  gate.resolve();
  await within(got.ended, 1000, "the end");
  expect(got.content).toBe("abcd");
});

test("content to an origin that does not read is not taken from the client", async () => {
  const gate = Promise.withResolvers<void>();
  const bytes = 64 * MIB;
  let received = 0;
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    connection.pause();
    await gate.promise;
    connection.resume();
    for (; received < bytes; received += MIB) await connection.readExactly(MIB);
    await connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  cluster = clusterOf(origin.url);
  let produced = 0;
  const piece = Buffer.alloc(65_536);
  const body = new Readable({
    read() {
      this.push(produced === bytes ? null : piece);
      produced = Math.min(bytes, produced + piece.length);
    },
  });
  const got = new Recorder();
  cluster.forward(requestOf("POST", "/", { body, bodyLength: bytes }), got);
  await origin.headsAtLeast(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(produced).toBeLessThan(BUFFERED_MAX);
  gate.resolve();
  await within(got.ended, 10_000, "the answer");
  expect([got.head?.status, received]).toEqual([204, bytes]);
});

test("an early answer ends the upload, and the content with it", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    await connection.readExactly(1);
    await connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    await connection.discard();
  });
  cluster = clusterOf(origin.url);
  const body = new Readable({ read() {} });
  body.push("a");
  const got = new Recorder();
  cluster.forward(requestOf("POST", "/", { body, bodyLength: 10 }), got);
  await within(got.ended, 1000, "the answer");
  expect([got.error, got.head?.status, got.content]).toEqual([null, 413, "no"]);
  await origin.idle(1000);
  expect(body.destroyed).toBe(true);
});

test("calls may be made, resumed and aborted from within another call's callbacks", async () => {
  origin = await startOrigin(async (connection) => {
    for (;;) {
      await connection.readHead();
      await sendMebibytes(connection, 2, { bytes: 0 });
    }
  });
  cluster = clusterOf(origin.url);
  const [first, second, third] = [new Recorder(), new Recorder(), new Recorder()];
  const left = new Recorder();
  first.pauseAfter = 1;
  left.pauseAfter = 1;
  const paused = cluster.forward(requestOf("GET", "/1"), first);
  const leaving = cluster.forward(requestOf("GET", "/2"), left);
  await first.until(() => first.bytes > 0, "the first bytes");
  await left.until(() => left.bytes > 0, "the first bytes");
  first.pauseAfter = Number.POSITIVE_INFINITY;
  second.onData = (chunk) => {
    if (second.bytes === 0) {
      paused.resume();
      leaving.abort();
      cluster.forward(requestOf("GET", "/4"), third);
    }
    second.bytes += chunk.length;
    return true;
  };
  cluster.forward(requestOf("GET", "/3"), second);
  for (const got of [first, second, third]) {
    await within(got.ended, 5000, "the end");
    expect([got.error, got.bytes]).toEqual([null, 2 * MIB]);
  }
  expect(left.endings).toBe(0);
});
