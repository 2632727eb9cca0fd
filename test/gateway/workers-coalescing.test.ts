// What coalescing promises, word by word, between two workers: who comes late gets what has arrived
// and follows at its own pace, who leaves hands over, who fails costs a bounded number of origin
// requests, and what nobody may share holds nobody up (RFC 9111 section 4).

import { afterEach, beforeEach, expect, test } from "vitest";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { answer, pattern } from "../support/origin-scripts.ts";
import { type RawClient, requestText } from "../support/raw-client.ts";
import { clientsOfWorkers, startWorkers, type WorkerGateway } from "../support/worker-gateway.ts";
import { within } from "../support/within.ts";

const FRESH = "Cache-Control: max-age=60";
const GET = requestText("GET", "/");
let origin: TestOrigin;
let open: () => void;
let opened: Promise<void>;

beforeEach(() => {
  ({ promise: opened, resolve: open } = Promise.withResolvers<void>());
});
afterEach(() => origin.close());

interface Setting extends AsyncDisposable {
  readonly gateway: WorkerGateway;
  /** Connections of the one worker, and of the other. */
  readonly a: readonly RawClient[];
  readonly b: readonly RawClient[];
}

/** Two workers in front of the script, and `count` clients of each. */
async function serve(script: OriginScript, count: number): Promise<Setting> {
  origin = await startOrigin(script);
  const upstreams = { app: { targets: [origin.url], retry: { attempts: 1 } } };
  const gateway = await startWorkers(2, { upstreams });
  const [a, b] = await clientsOfWorkers(gateway, count);
  return {
    gateway,
    a: a.slice(0, count),
    b: b.slice(0, count),
    async [Symbol.asyncDispose]() {
      for (const client of [...a, ...b]) await client.close();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

const active = (gateway: WorkerGateway, count: number): Promise<void> =>
  gateway.metricIs("gateway_connections", { state: "active" }, count);

/** Each in its turn, so that the first of them leads. */
async function ask(gateway: WorkerGateway, ...clients: readonly RawClient[]): Promise<void> {
  const before = await gateway.metric("gateway_connections", { state: "active" });
  for (const [index, client] of clients.entries()) {
    await client.send(GET);
    if (index === 0) await active(gateway, before + 1);
  }
  await active(gateway, before + clients.length);
}

test("who comes late to the other worker gets what has arrived, then follows", async () => {
  await using setting = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    await connection.send("5\r\nfirst\r\n");
    await opened;
    await connection.send("6\r\nsecond\r\n0\r\n\r\n");
  }, 1);
  const { a, b } = setting;
  const first = "5\r\nfirst\r\n";
  for (const client of [...a, ...b]) {
    await client.send(GET);
    await client.head();
    expect((await client.bytes(first.length)).toString()).toBe(first);
  }
  open();
  for (const client of [...a, ...b]) {
    expect((await client.bytes("6\r\nsecond\r\n0\r\n\r\n".length)).toString()).toContain("second");
  }
  expect(origin.heads).toHaveLength(1);
});

test("a slow one on either worker delays nobody, and gets all of it", async () => {
  const content = pattern(6_000_000);
  await using setting = await serve(async (connection) => {
    await connection.readHead();
    await opened;
    await connection.send(answer(content, FRESH));
  }, 3);
  const { gateway, a, b } = setting;
  const slow = [a[0], b[1]];
  for (const client of slow) client?.pause();
  await ask(gateway, ...a, ...b);
  open();
  for (const client of [...a, ...b]) {
    if (slow.includes(client)) continue;
    expect((await client.response()).content.equals(content)).toBe(true);
  }
  for (const client of slow) {
    client?.resume();
    expect((await client?.response())?.content.equals(content)).toBe(true);
  }
  expect(origin.heads).toHaveLength(1);
});

test.each([
  ["before the head", false],
  ["within the content", true],
])("a leader that leaves %s hands over to both workers", async (_name, hasBegun) => {
  const content = pattern(40_000);
  const script: OriginScript = async (connection) => {
    await connection.readHead();
    if (!hasBegun) await opened;
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 40000\r\n\r\n`);
    await connection.send(content.subarray(0, 20_000));
    if (hasBegun) await opened;
    await connection.send(content.subarray(20_000));
  };
  await using setting = await serve(script, 2);
  const { gateway, a, b } = setting;
  await ask(gateway, ...a, ...b);
  if (hasBegun) await a[0]?.head();
  a[0]?.reset();
  await active(gateway, 3);
  open();
  for (const client of [...a.slice(1), ...b]) {
    expect((await client.response()).content.equals(content)).toBe(true);
  }
  expect(origin.heads).toHaveLength(1);
  await gateway.metricIs("gateway_cache_entries", {}, 2);
});

test("when all have left both workers, the origin request ends", async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  await using setting = await serve(async (connection) => {
    await connection.readHead();
    await connection.closed;
    resolve();
  }, 2);
  const { gateway, a, b } = setting;
  await ask(gateway, ...a, ...b);
  for (const client of [...a, ...b]) client.reset();
  await within(aborted, 5000, "the origin request to end");
});

test("an origin that dies under all is asked a few times, not by everybody", async () => {
  await using setting = await serve(async (connection) => {
    await connection.readHead();
    await opened;
    connection.reset();
  }, 20);
  const { gateway, a, b } = setting;
  await ask(gateway, ...a, ...b);
  expect(origin.heads).toHaveLength(1);
  open();
  for (const client of [...a, ...b]) expect((await client.response()).status).toBe(502);
  // Three failures answer everybody; each worker may have led them all.
  expect(origin.heads.length).toBeLessThanOrEqual(6);
});

test("an origin that fails once is asked again by one of those who waited", async () => {
  await using setting = await serve(async (connection) => {
    for (;;) {
      await connection.readHead();
      if (origin.heads.length > 1) await connection.send(answer("fine", FRESH));
      else {
        await opened;
        connection.reset();
        return;
      }
    }
  }, 5);
  const { gateway, a, b } = setting;
  await ask(gateway, ...a, ...b);
  open();
  const statuses: number[] = [];
  for (const client of [...a, ...b]) statuses.push((await client.response()).status);
  expect(statuses.toSorted((x, y) => y - x)).toEqual([502, ...Array<number>(9).fill(200)]);
  expect(origin.heads.length).toBeLessThanOrEqual(3);
});

test("an origin that dies within the content breaks all off, and nothing is stored", async () => {
  await using setting = await serve(async (connection) => {
    await connection.readHead();
    await connection.send(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 10\r\n\r\nhalf!`);
    await opened;
    connection.end();
  }, 2);
  const { gateway, a, b } = setting;
  await ask(gateway, ...a, ...b);
  for (const client of [...a, ...b]) {
    await client.head();
    await client.bytes(5);
  }
  open();
  for (const client of [...a, ...b]) expect((await client.untilEnd()).bytes.length).toBe(0);
  expect(origin.heads).toHaveLength(1);
  expect(await gateway.metric("gateway_cache_entries")).toBe(0);
});

test("what nobody shares releases both workers at its head, and both remember it", async () => {
  let count = 0;
  await using setting = await serve(async (connection) => {
    for (;;) {
      await connection.readHead();
      const own = ++count;
      if (own === 1) await opened;
      // The first one's content never ends: nobody may wait for it.
      const length = own === 1 ? 100 : String(own).length;
      await connection.send(
        `HTTP/1.1 200 OK\r\nCache-Control: private\r\nX-Own: ${own}\r\n` +
          `Content-Length: ${length}\r\n\r\n${own}`,
      );
    }
  }, 6);
  const { gateway, a, b } = setting;
  const [first] = [...a, ...b];
  const others = [...a.slice(1), ...b];
  if (first === undefined) throw new Error("no clients");
  await ask(gateway, first, ...others);
  expect(origin.heads).toHaveLength(1);
  open();
  const owns = new Set<string>();
  await within(
    Promise.all(
      [first, ...others].map(async (client) => {
        owns.add(/x-own: (\d+)/i.exec(await client.head())?.[1] ?? "");
      }),
    ),
    5000,
    "12 heads",
  );
  expect(owns.size).toBe(12);
  // Each has waited once and in vain, and nobody a second time. The one that asked for the other
  // worker did not wait itself.
  expect(await gateway.metric("gateway_cache_released_total")).toBe(10);
  const before = await gateway.metric("gateway_cache_coalesced_total");
  for (const client of [a[1], b[1]]) {
    await client?.bytes(1);
    await client?.send(GET);
    await client?.head();
  }
  expect(await gateway.metric("gateway_cache_coalesced_total")).toBe(before);
  expect(await gateway.metric("gateway_cache_hit_for_miss_total")).toBeGreaterThanOrEqual(2);
});
