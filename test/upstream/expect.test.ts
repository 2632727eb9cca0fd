// Expect: 100-continue end to end (RFC 9110 section 10.1.1): the origin alone says 100, content
// waits for it, and an origin that says nothing is neither believed for ever nor answered for. And
// OPTIONS *.

import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { FakeClock } from "../support/clock.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;
let clock: FakeClock;

async function start(script: OriginScript): Promise<void> {
  clock = new FakeClock();
  origin = await startOrigin(script);
  cluster = clusterOf(origin.url, { timeouts: { headersMs: 5000, continueMs: 1000 } }, clock);
}

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.idle();
  await origin.close();
});

const done = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

function post(body: Readable, bodyLength: number) {
  return requestOf("POST", "/", { body, bodyLength, expectsContinue: true });
}

test("the origin's 100 is passed on, then the content goes", async () => {
  let content = "";
  await start(async (connection) => {
    const head = await connection.readHead();
    await connection.send("HTTP/1.1 100 Go on\r\nX-A: b\r\n\r\n");
    content = (await connection.readContent(head)).toString("latin1");
    await connection.send(done);
  });
  const body = new Readable({ read() {} });
  const got = new Recorder();
  cluster.forward(post(body, 3), got);
  await got.until(() => got.interims.length === 1, "the 100");
  expect(got.interims[0]).toEqual({ status: 100, reason: "Go on", fields: ["X-A", "b"] });
  body.push("abc");
  body.push(null);
  await within(got.ended, 2000, "the end");
  expect([got.error, got.head?.status, content]).toEqual([null, 201, "abc"]);
  expect(origin.heads[0]).toMatch(/\r\nExpect: 100-continue\r\n/);
  expect(origin.heads[0]).toMatch(/\r\nContent-Length: 3\r\n/);
});

test("chunked content goes chunked, after a 103", async () => {
  let content = "";
  await start(async (connection) => {
    const head = await connection.readHead();
    await connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    content = (await connection.readContent(head)).toString("latin1");
    await connection.send(done);
  });
  const got = await exchange(
    cluster,
    post(Readable.from([Buffer.from("ab"), Buffer.from("c")]), -1),
  );
  expect(got.interims.map((head) => head.status)).toEqual([103, 100]);
  expect([got.head?.status, content]).toEqual([201, "abc"]);
  expect(origin.heads[0]).toMatch(/\r\nTransfer-Encoding: chunked\r\n/);
});

test("a final answer without 100: the content is neither read nor destroyed", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  });
  const body = Readable.from([Buffer.from("abc")]);
  const got = await exchange(cluster, post(body, 3));
  await origin.idle(1000);
  expect([got.head?.status, got.interims, body.destroyed, body.readableDidRead]).toEqual([
    413,
    [],
    false,
    false,
  ]);
  expect(origin.connections[0]?.receivedBytes).toBe(origin.heads[0]?.length);
});

test("an origin that ignores Expect gets the content after a second", async () => {
  let content = "";
  await start(async (connection) => {
    content = (await connection.readContent(await connection.readHead())).toString("latin1");
    await connection.send(done);
  });
  const got = new Recorder();
  cluster.forward(post(Readable.from([Buffer.from("abc")]), 3), got);
  await origin.headsAtLeast(1);
  expect(origin.connections[0]?.receivedBytes).toBe(origin.heads[0]?.length);
  clock.advance(1300);
  await within(got.ended, 2000, "the end");
  expect([got.interims, got.head?.status, content]).toEqual([[], 201, "abc"]);
});

test("origin and client both wait: headers_timeout", async () => {
  await start(async (connection) => void (await connection.readHead()));
  const got = new Recorder();
  cluster.forward(post(new Readable({ read() {} }), 3), got);
  await origin.headsAtLeast(1);
  clock.advance(1300);
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(got.endings).toBe(0);
  clock.advance(5000);
  await within(got.ended, 2000, "the timeout");
  expect([got.error?.code, got.error?.status]).toEqual(["headers_timeout", 504]);
});

test("an early answer in mid-content ends the exchange and the content", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    await connection.readExactly(1);
    await connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  const body = new Readable({ read() {} });
  body.push("a");
  const got = await exchange(cluster, post(body, 3));
  expect([got.head?.status, got.error, body.destroyed]).toEqual([400, null, true]);
});

test("a client that leaves while it waits frees the origin's socket", async () => {
  await start(async (connection) => void (await connection.readHead()));
  const body = new Readable({ read() {} });
  const got = new Recorder();
  const call = cluster.forward(post(body, 3), got);
  await origin.headsAtLeast(1);
  call.abort();
  await origin.idle(100);
  expect(got.endings).toBe(0);
});

test("content broken off while it waits: client_closed", async () => {
  await start(async (connection) => void (await connection.readHead()));
  const body = new Readable({ read() {} });
  const got = new Recorder();
  cluster.forward(post(body, 3), got);
  await origin.headsAtLeast(1);
  body.destroy();
  await within(got.ended, 1000, "the end");
  expect(got.error?.code).toBe("client_closed");
});

test("a large content goes at the origin's pace", async () => {
  const bytes = 8 << 20;
  let received = 0;
  await start(async (connection) => {
    await connection.readHead();
    connection.pause();
    await connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 200));
    connection.resume();
    received = (await connection.readExactly(bytes)).length;
    await connection.send(done);
  });
  let produced = 0;
  const body = new Readable({
    read() {
      produced += 65_536;
      this.push(produced > bytes ? null : Buffer.alloc(65_536));
    },
  });
  const got = new Recorder();
  cluster.forward(post(body, bytes), got);
  await got.until(() => got.interims.length === 1, "the 100");
  await new Promise((resolve) => setTimeout(resolve, 100));
  // What the kernel's buffers take on the loopback interface, and no more.
  expect(produced).toBeLessThan(bytes);
  await within(got.ended, 10_000, "the end");
  expect([got.head?.status, received]).toEqual([201, bytes]);
});

test("RFC 9112 3.2.4 OPTIONS * reaches the origin as it is", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.send("HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n");
  });
  const got = await exchange(cluster, requestOf("OPTIONS", "*"));
  expect([got.head?.status, got.head?.fields]).toEqual([204, ["Allow", "GET"]]);
  expect(origin.heads[0]).toBe("OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n");
});
