// Thousands of exchanges with origins that answer, stall, break off and lie at random, and clients
// that pause and leave at random: each call ends exactly once or was aborted, and no slot, queue
// place or connection is lost.

import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { type OriginConnection, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, Recorder, requestOf, settled } from "./recorder.ts";

type Random = () => number;

function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const BIG = "x".repeat(300_000);

/** What an origin does with a request: each is a way to answer or to fail. */
const BEHAVIOURS: ((connection: OriginConnection) => unknown)[] = [
  (c) => c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
  (c) => c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
  (c) =>
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n"),
  (c) => c.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n${BIG}`),
  (c) => c.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
  (c) => c.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
  (c) => c.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi").then(() => c.end()),
  (c) => c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").then(() => c.end()),
  (c) => c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").then(() => c.reset()),
  (c) => c.send("HTTP/1.1 200 OK\r\n\r\nhi").then(() => c.reset()),
  (c) => c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
  (c) => c.send("nonsense\r\n\r\n"),
  (c) => c.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
  (c) => c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more than was announced"),
  (c) => c.reset(),
  (c) => c.end(),
];

function chaoticOrigin(random: Random): Promise<TestOrigin> {
  return startOrigin(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      if (random() < 0.9) await connection.readContent(head);
      await BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)]?.(connection);
    }
  });
}

function contentOf(random: Random): Readable {
  const pieces = Array.from({ length: Math.floor(random() * 4) }, () => Buffer.alloc(20_000, "y"));
  const body = Readable.from(pieces, { objectMode: false });
  if (random() < 0.1) setImmediate(() => body.destroy());
  return body;
}

test.each([1, 2, 3])("chaos with seed %i", async (seed) => {
  const random = seeded(seed);
  const origins = await Promise.all([1, 2, 3].map(() => chaoticOrigin(random)));
  const cluster = clusterOf(
    origins.map((origin) => origin.url),
    {
      pool: { connections: 8, queue: 30 },
      timeouts: { connectMs: 1000, headersMs: 300, idleMs: 300, continueMs: 50, totalMs: 0 },
      retry: { attempts: 3, when: ["connect", "reset", 503] },
      eject: { after: 5, forMs: 20, forMsMax: 50 },
    },
  );

  const client = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) {
      const got = new Recorder();
      got.keep = false;
      let left = false;
      const done = Promise.withResolvers<void>();
      const leave = (): void => {
        left = true;
        call.abort();
        done.resolve();
      };
      const body = random() < 0.3 ? contentOf(random) : null;
      const method =
        body === null ? (random() < 0.1 ? "HEAD" : "GET") : random() < 0.5 ? "POST" : "PUT";
      const leaving = random();
      const onHead = got.onHead.bind(got);
      got.onHead = (head) => {
        expect(left).toBe(false);
        onHead(head);
        if (leaving < 0.05) leave();
      };
      got.onData = () => {
        expect(left).toBe(false);
        if (leaving > 0.95) leave();
        if (random() < 0.7) return true;
        setImmediate(() => call.resume());
        return false;
      };
      const request = { body, bodyLength: body === null ? 0 : -1, expectsContinue: random() < 0.1 };
      const call = cluster.forward(requestOf(method, "/", request), got);
      if (leaving > 0.45 && leaving < 0.5) leave();
      if (leaving > 0.5 && leaving < 0.55) setImmediate(leave);
      await within(
        Promise.race([got.ended, done.promise]),
        5000,
        `the end of a ${method} (seed ${seed})`,
      );
      expect(got.endings).toBe(left && got.endings === 0 ? 0 : 1);
    }
  };
  await Promise.all(Array.from({ length: 40 }, client));

  for (const status of cluster.targets()) {
    expect(status.queued).toBe(0);
    expect(status.failures.internal_error).toBeUndefined();
  }
  await cluster.close();
  await settled(cluster);
  for (const origin of origins) await origin.close();
});
