// The pools of the core are exhausted: responses wait until another exchange gives a place back,
// and none is lost or failed for it.

import { afterEach, beforeEach, expect, test } from "vitest";
import { type Core, loadCore } from "../../src/core/core.ts";
import { CorePools } from "../../src/core/pool-queue.ts";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { OriginIo } from "../../src/upstream/origin-io.ts";
import { FakeClock } from "../support/clock.ts";
import { type OriginConnection, startOrigin, type TestOrigin } from "../support/origin.ts";
import { until } from "../support/until.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

/** `OriginIo` keeps one slab for heads that arrive whole. */
const SLABS = 2;

let core: Core;
let pools: CorePools;
let clock: FakeClock;
let origin: TestOrigin;
let cluster: Cluster;
/** Connections whose request has been read, by its path. */
let asked: Map<string, OriginConnection>;

beforeEach(async () => {
  core = loadCore({ slabs: SLABS, chunkedStates: 1 });
  pools = new CorePools(core);
  clock = new FakeClock();
  asked = new Map();
  origin = await startOrigin(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      asked.set(head.split(" ")[1] ?? "", connection);
    }
  });
  const timeouts = { connectMs: 1000, headersMs: 2000, idleMs: 2000, totalMs: 0 };
  cluster = clusterOf(origin.url, { timeouts }, clock, new OriginIo(core, pools));
});

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  await origin.close();
  expect([core.slabsInUse(), core.chunkedInUse()]).toEqual([SLABS - 1, 0]);
});

async function forwarded(path: string): Promise<Recorder> {
  const recorder = new Recorder();
  cluster.forward(requestOf("GET", path), recorder);
  await until(() => asked.has(path), `the request for ${path}`);
  return recorder;
}

async function send(path: string, bytes: string): Promise<void> {
  await asked.get(path)?.send(bytes);
}

async function ended(recorder: Recorder): Promise<[content: string, error: string | undefined]> {
  await within(recorder.ended, 5000, "the end");
  return [recorder.content, recorder.error?.code];
}

const BEGINNING = "HTTP/1.1 200 OK\r\nContent-";
const REST = "Length: 2\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test("a response head in pieces waits for a slab; one that arrives whole needs none", async () => {
  const first = await forwarded("/1");
  const second = await forwarded("/2");
  const third = await forwarded("/3");
  await send("/1", BEGINNING);
  await until(() => core.slabsInUse() === SLABS, "the slab");
  await send("/2", BEGINNING);
  await until(() => pools.slabs.exhausted === 1, "the second");
  await send("/2", `${REST}22`);
  await send("/3", `${BEGINNING}${REST}33`);
  expect(await ended(third)).toEqual(["33", undefined]);
  expect([first.head, second.head, second.error]).toEqual([null, null, null]);
  await send("/1", `${REST}11`);
  expect(await ended(first)).toEqual(["11", undefined]);
  expect(await ended(second)).toEqual(["22", undefined]);
});

test("chunked content waits for a decoder, behind its head", async () => {
  const first = await forwarded("/1");
  const second = await forwarded("/2");
  await send("/1", `${CHUNKED}1\r\na\r\n`);
  await first.until(() => first.bytes === 1, "the first byte");
  await send("/2", `${CHUNKED}1\r\nb\r\n`);
  await until(() => pools.decoders.exhausted === 1, "the second");
  expect([second.head?.status, second.bytes]).toEqual([200, 0]);
  await send("/2", "0\r\nX-Sum: 2\r\n\r\n");
  await send("/1", "0\r\n\r\n");
  expect(await ended(first)).toEqual(["a", undefined]);
  expect(await ended(second)).toEqual(["b", undefined]);
  expect(second.trailers).toEqual(["X-Sum", "2"]);
  // Both connections can serve again.
  expect(cluster.targets()[0]?.connectionsOpened).toBe(2);
  const third = await forwarded("/3");
  await send("/3", `${BEGINNING}${REST}33`);
  expect(await ended(third)).toEqual(["33", undefined]);
  expect(cluster.targets()[0]?.connectionsOpened).toBe(2);
});

test("a slow reader whose content waited for a decoder gets all of it", async () => {
  const first = await forwarded("/1");
  await send("/1", `${CHUNKED}1\r\na\r\n`);
  await first.until(() => first.bytes === 1, "the decoder's use");
  const second = new Recorder();
  const call = cluster.forward(requestOf("GET", "/2"), second);
  await until(() => asked.has("/2"), "the second");
  await send("/2", `${CHUNKED}1\r\nb\r\n`);
  await until(() => pools.decoders.exhausted === 1, "the wait");
  second.pauseAfter = 1;
  await send("/1", "0\r\n\r\n");
  await second.until(() => second.bytes === 1, "the first byte");
  await send("/2", "1\r\nc\r\n0\r\n\r\n");
  second.pauseAfter = Number.POSITIVE_INFINITY;
  call.resume();
  expect(await ended(second)).toEqual(["bc", undefined]);
});

test("who leaves the queue does not hold up those behind", async () => {
  const first = await forwarded("/1");
  const second = new Recorder();
  const call = cluster.forward(requestOf("GET", "/2"), second);
  await until(() => asked.has("/2"), "the second");
  const third = await forwarded("/3");
  await send("/1", BEGINNING);
  await until(() => core.slabsInUse() === SLABS, "the slab");
  for (const path of ["/2", "/3"]) {
    const before = pools.slabs.exhausted;
    await send(path, BEGINNING);
    await until(() => pools.slabs.exhausted > before, path);
  }
  call.abort();
  await send("/3", `${REST}33`);
  await send("/1", `${REST}11`);
  expect(await ended(first)).toEqual(["11", undefined]);
  expect(await ended(third)).toEqual(["33", undefined]);
  expect(second.endings).toBe(0);
});

test("no place in time: 503, and the origin server is not to blame", async () => {
  const holder = core.acquireSlab();
  const late = await forwarded("/1");
  await send("/1", BEGINNING);
  await until(() => pools.slabs.exhausted === 1, "the wait");
  const faults = cluster.targets()[0]?.failures;
  clock.advance(2300);
  await within(late.ended, 2000, "the timeout");
  expect([late.error?.code, late.error?.status]).toEqual(["internal_error", 503]);
  expect(cluster.targets()[0]?.failures).toEqual(faults);
  core.releaseSlab(holder);
});

test("a malformed head that has waited is refused, and its slab is free again", async () => {
  const holder = core.acquireSlab();
  const refused = await forwarded("/1");
  await send("/1", "HTTP/1.1 200 OK\r\n");
  await until(() => pools.slabs.exhausted === 1, "the wait");
  pools.slabs.release(holder);
  await send("/1", "no colon\r\n\r\n");
  expect(await ended(refused)).toEqual(["", "upstream_invalid"]);
  expect((await exchangeWhole("/2")).content).toBe("22");
});

async function exchangeWhole(path: string): Promise<Recorder> {
  const done = exchange(cluster, requestOf("GET", path));
  await until(() => asked.has(path), path);
  await send(path, `${BEGINNING}${REST}22`);
  return done;
}
