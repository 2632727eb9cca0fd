// A call that is aborted, at whatever stage, frees its connection at once, says nothing more and
// leaks nothing; a paused one blocks nobody else.

import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { fullBacklog } from "../support/full-backlog.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;

async function start(
  script: OriginScript,
  overrides: Parameters<typeof clusterOf>[1] = {},
): Promise<void> {
  origin = await startOrigin(script);
  cluster = clusterOf(origin.url, overrides);
}

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.idle();
  await origin.close();
});

const MOST_MS = 100;

test("before the head: the origin's socket is gone within 100 ms", async () => {
  await start(async (connection) => void (await connection.readHead()));
  const got = new Recorder();
  const call = cluster.forward(requestOf("GET", "/"), got);
  await origin.headsAtLeast(1);
  call.abort();
  call.abort();
  await origin.idle(MOST_MS);
  await settled(cluster, MOST_MS);
  expect(got.endings).toBe(0);
});

test.each(["GET", "HEAD"])("in the content, paused, with %s", async (method) => {
  const bytes = 1 << 20;
  await start(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    if (method === "GET") await connection.send(Buffer.alloc(bytes));
  });
  const got = new Recorder();
  got.pauseAfter = 1;
  const call = cluster.forward(requestOf(method, "/"), got);
  await got.until(() => got.head !== null && (method === "HEAD" || got.bytes > 0), "the head");
  const seen = got.bytes;
  call.abort();
  call.resume();
  await origin.idle(MOST_MS);
  expect([got.bytes, got.error]).toEqual([seen, null]);
});

test("from within onHead and onData", async () => {
  await start(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  for (const stage of ["onHead", "onData"] as const) {
    const got = new Recorder();
    let calls = 0;
    got[stage] = () => {
      calls += 1;
      call.abort();
      return true;
    };
    const call = cluster.forward(requestOf("GET", "/"), got);
    await origin.headsAtLeast(1);
    await settled(cluster, 1000);
    expect([calls, got.endings]).toEqual([1, 0]);
    origin.heads.length = 0;
  }
});

test("while the request's content is being sent: the content is destroyed", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.discard();
  });
  const body = new Readable({
    read() {
      this.push(Buffer.alloc(16_384));
    },
  });
  const got = new Recorder();
  const call = cluster.forward(requestOf("POST", "/", { body, bodyLength: -1 }), got);
  await origin.headsAtLeast(1);
  call.abort();
  await origin.idle(MOST_MS);
  expect([got.endings, body.destroyed]).toEqual([0, true]);
});

test("content that the client breaks off: client_closed, never an end of it", async () => {
  await start(async (connection) => {
    await connection.readHead();
    await connection.discard();
  });
  const body = new Readable({ read() {} });
  body.push("abc");
  const got = new Recorder();
  cluster.forward(requestOf("POST", "/", { body, bodyLength: -1 }), got);
  await origin.headsAtLeast(1);
  body.destroy();
  await within(got.ended, 1000, "the end");
  expect([got.error?.code, got.endings]).toEqual(["client_closed", 1]);
  expect(cluster.targets()[0]?.failures).toEqual({});
  await origin.idle(MOST_MS);
});

test("at once: no connection and no slot is left over", async () => {
  await start(answering("HTTP/1.1 204 No Content\r\n\r\n"));
  cluster.forward(requestOf("GET", "/"), new Recorder()).abort();
  await turn();
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 0, connectionsOpen: 0 });
  await exchange(cluster, requestOf("GET", "/"));
  await turn();
  for (let round = 0; round < 10; round += 1) {
    cluster.forward(requestOf("GET", "/"), new Recorder()).abort();
    await turn();
  }
  await settled(cluster, 1000);
});

test("while waiting in the queue", async () => {
  const gate = Promise.withResolvers<void>();
  await start(
    async (connection) => {
      for (;;) {
        await connection.readHead();
        await gate.promise;
        await connection.send("HTTP/1.1 204 No Content\r\n\r\n");
      }
    },
    { pool: { connections: 1 } },
  );
  const first = new Recorder();
  cluster.forward(requestOf("GET", "/1"), first);
  const waiting = cluster.forward(requestOf("GET", "/2"), new Recorder());
  const last = new Recorder();
  await origin.headsAtLeast(1);
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 1, queued: 1 });
  waiting.abort();
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 1, queued: 0 });
  gate.resolve();
  await within(first.ended, 1000, "the first answer");
  cluster.forward(requestOf("GET", "/3"), last);
  await within(last.ended, 1000, "the last answer");
  expect(origin.heads.some((head) => head.startsWith("GET /2"))).toBe(false);
});

test("while connecting: the attempt ends at once and its slot is free", async () => {
  const full = await fullBacklog();
  origin = await startOrigin(() => {});
  cluster = clusterOf(full.url);
  const got = new Recorder();
  const call = cluster.forward(requestOf("GET", "/"), got);
  await turn();
  expect(cluster.targets()[0]?.inFlight).toBe(1);
  call.abort();
  await settled(cluster, MOST_MS);
  expect(got.endings).toBe(0);
  await full.close();
});

test("an origin that does not accept: connect_timeout, with nothing sent", async () => {
  const full = await fullBacklog();
  origin = await startOrigin(() => {});
  cluster = clusterOf(full.url, { timeouts: { connectMs: 100 } });
  const got = await exchange(cluster, requestOf("POST", "/"));
  expect([got.error?.code, got.error?.status, got.error?.beforeSend]).toEqual([
    "connect_timeout",
    504,
    true,
  ]);
  await full.close();
});

test("an aborted or paused call blocks nobody else", async () => {
  const bytes = 4 << 20;
  await start(
    async (connection) => {
      for (;;) {
        const head = await connection.readHead();
        if (head.startsWith("GET /large")) {
          await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
          await connection.send(Buffer.alloc(bytes));
        } else {
          await connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        }
      }
    },
    { pool: { connections: 4 } },
  );
  const paused = Array.from({ length: 3 }, () => new Recorder());
  const calls = paused.map((got) => {
    got.pauseAfter = 1;
    return cluster.forward(requestOf("GET", "/large"), got);
  });
  for (const got of paused) await got.until(() => got.bytes > 0, "the first bytes");
  for (let round = 0; round < 20; round += 1) {
    const got = await exchange(cluster, requestOf("GET", "/small"));
    expect(got.head?.status).toBe(204);
  }
  for (const call of calls) call.abort();
  while (origin.open > 1) await turn();
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 0, queued: 0 });
});
