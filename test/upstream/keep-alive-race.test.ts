// The keep-alive race: an origin closes an idle connection just as the next request is on its way.
// Idempotent requests are answered all the same, others are never sent twice (RFC 9110 section
// 9.2.2, RFC 9112 section 9.3.1).

import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { startOrigin, type OriginConnection, type TestOrigin } from "../support/origin.ts";
import { clusterOf, exchange, requestOf, settled } from "./recorder.ts";

let origin: TestOrigin;
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.idle();
  await origin.close();
});

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/** Answers the first request of a connection and breaks it off when the second one has arrived. */
function closingAtSecond(breakOff: (connection: OriginConnection) => void) {
  return async (connection: OriginConnection): Promise<void> => {
    const head = await connection.readHead();
    await connection.readContent(head);
    await connection.send(answer);
    await connection.readHead();
    breakOff(connection);
  };
}

/**
 * undici takes a connection back one turn of the event loop after the response; before, it would
 * open another.
 */
async function free(): Promise<void> {
  await turn();
  await turn();
}

const ways: [name: string, breakOff: (connection: OriginConnection) => void][] = [
  ["FIN", (connection) => connection.end()],
  ["RST", (connection) => connection.reset()],
];

test.each(ways)("%s: 300 races, every GET is answered", async (_name, breakOff) => {
  origin = await startOrigin(closingAtSecond(breakOff));
  cluster = clusterOf(origin.url);
  let races = 0;
  for (let round = 0; round < 600; round += 1) {
    const before = origin.heads.length;
    const got = await exchange(cluster, requestOf("GET", `/${round}`));
    expect([got.error, got.head?.status, got.content, got.endings]).toEqual([null, 200, "hi", 1]);
    // Seen twice at the origin: on the connection that it broke off and on a fresh one.
    if (origin.heads.length - before === 2) races += 1;
  }
  expect(races).toBeGreaterThanOrEqual(200);
  expect(cluster.targets()[0]).toMatchObject({ retries: races, inFlight: 0, ejected: false });
});

test.each(ways)("%s: 64 at a time, every GET is answered", async (_name, breakOff) => {
  origin = await startOrigin(closingAtSecond(breakOff));
  cluster = clusterOf(origin.url, { pool: { connections: 16 } });
  let mostAtATime = 0;
  const paths = Array.from({ length: 1280 }, (_item, index) => `/${index}`);
  const worker = async (): Promise<void> => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      const got = await exchange(cluster, requestOf("GET", path));
      expect([got.error, got.content]).toEqual([null, "hi"]);
      mostAtATime = Math.max(mostAtATime, cluster.targets()[0]?.inFlight ?? 0);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  expect(cluster.targets()[0]?.retries).toBeGreaterThan(100);
  // A fresh connection takes over the slot of the one that it replaces.
  expect(mostAtATime).toBe(16);
  expect(cluster.targets()[0]?.inFlight).toBe(0);
});

test.each(ways)("%s: a POST reaches the origin once at most", async (_name, breakOff) => {
  origin = await startOrigin(closingAtSecond(breakOff));
  cluster = clusterOf(origin.url);
  let failed = 0;
  for (let round = 0; round < 200; round += 1) {
    const body = round % 4 < 2 ? Readable.from([Buffer.from("x")]) : null;
    const request = requestOf("POST", `/${round}`, { body, bodyLength: body === null ? 0 : 1 });
    const got = await exchange(cluster, request);
    if (got.error !== null) {
      failed += 1;
      expect([got.error.code, got.error.beforeSend]).toEqual(["upstream_reset", false]);
    }
    expect(origin.heads.filter((head) => head.startsWith(`POST /${round} `))).toHaveLength(1);
  }
  expect(failed).toBeGreaterThanOrEqual(50);
  expect(cluster.targets()[0]?.retries).toBe(0);
});

test.each([
  ["that was kept is repeated", 65_536, 2],
  ["that was not kept is not repeated", 0, 1],
])("an idempotent request with content %s", async (_name, bufferBytesMax, times) => {
  origin = await startOrigin(closingAtSecond((connection) => connection.reset()));
  cluster = clusterOf(origin.url, { retry: { bufferBytesMax } });
  await exchange(cluster, requestOf("GET", "/"));
  await free();
  const body = Readable.from([Buffer.from("x")]);
  const got = await exchange(cluster, requestOf("PUT", "/", { body, bodyLength: 1 }));
  expect(got.error?.code).toBe(times === 2 ? undefined : "upstream_reset");
  expect(origin.heads.filter((head) => head.startsWith("PUT"))).toHaveLength(times);
});

test("nothing is repeated once a byte of the response has arrived", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    await connection.send(answer);
    await connection.readHead();
    await connection.send("HTTP/1.1 2");
    connection.reset();
  });
  cluster = clusterOf(origin.url);
  await exchange(cluster, requestOf("GET", "/1"));
  await free();
  const got = await exchange(cluster, requestOf("GET", "/2"));
  expect(got.error?.code).toBe("upstream_reset");
  expect(origin.heads).toHaveLength(2);
});

test("a fresh connection that is reset is not repeated on a lone target", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    connection.reset();
  });
  cluster = clusterOf(origin.url);
  const got = await exchange(cluster, requestOf("GET", "/"));
  expect([got.error?.code, origin.heads.length]).toEqual(["upstream_reset", 1]);
});

test("RFC 9112 9.3 a Keep-Alive hint of one second is not waited out", async () => {
  origin = await startOrigin(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n`);
  });
  cluster = clusterOf(origin.url);
  await exchange(cluster, requestOf("GET", "/"));
  await origin.idle(900);
});
