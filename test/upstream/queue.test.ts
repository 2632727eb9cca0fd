// Slots and queues: never more requests on a target than its connections, never more waiting than
// its queue, first come first served, and queue_full for whoever finds no place or waits too long.

import { afterEach, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { type Waiter, WaitQueue } from "../../src/upstream/wait-queue.ts";
import { FakeClock } from "../support/clock.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { within } from "../support/within.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origins: TestOrigin[] = [];
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  for (const origin of origins) await origin.close();
  origins = [];
});

async function started(script: OriginScript): Promise<TestOrigin> {
  const origin = await startOrigin(script);
  origins.push(origin);
  return origin;
}

/** An origin that answers when told to, and knows how many requests it had at a time. */
class Gated {
  readonly pending: (() => void)[] = [];
  mostAtATime = 0;
  readonly script: OriginScript = async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      await connection.readContent(head);
      await new Promise<void>((resolve) => {
        this.pending.push(resolve);
        this.mostAtATime = Math.max(this.mostAtATime, this.pending.length);
      });
      await connection.send("HTTP/1.1 204 No Content\r\n\r\n");
    }
  };

  answerOne(): void {
    this.pending.shift()?.();
  }
}

test("no more requests at a time than connections; the rest waits in order", async () => {
  const gated = new Gated();
  const origin = await started(gated.script);
  cluster = clusterOf(origin.url, { pool: { connections: 3, queue: 20 } });
  const recorders = Array.from({ length: 20 }, () => new Recorder());
  for (const [index, got] of recorders.entries())
    cluster.forward(requestOf("GET", `/${index}`), got);
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 3, queued: 17 });
  for (let answered = 0; answered < 20; answered += 1) {
    await origin.headsAtLeast(Math.min(20, answered + 3));
    gated.answerOne();
  }
  for (const got of recorders) await within(got.ended, 2000, "an answer");
  expect(origin.heads.map((head) => Number(head.slice(5, head.indexOf(" ", 5))))).toEqual(
    recorders.map((_got, index) => index),
  );
  expect(gated.mostAtATime).toBe(3);
  expect(origin.accepted).toBe(3);
});

test("a full queue: 503 queue_full, nothing sent, told after forward has returned", async () => {
  const gated = new Gated();
  const origin = await started(gated.script);
  cluster = clusterOf(origin.url, { pool: { connections: 1, queue: 1 } });
  cluster.forward(requestOf("GET", "/1"), new Recorder());
  cluster.forward(requestOf("GET", "/2"), new Recorder());
  const refused = new Recorder();
  cluster.forward(requestOf("POST", "/3"), refused);
  expect(refused.endings).toBe(0);
  await within(refused.ended, 1000, "the refusal");
  expect([refused.error?.code, refused.error?.status, refused.error?.beforeSend]).toEqual([
    "queue_full",
    503,
    true,
  ]);
  expect(cluster.targets()[0]).toMatchObject({
    inFlight: 1,
    queued: 1,
    failures: { queue_full: 1 },
  });
});

test("waiting longer than the queue's timeout: queue_full", async () => {
  const clock = new FakeClock();
  const gated = new Gated();
  const origin = await started(gated.script);
  cluster = clusterOf(origin.url, { pool: { connections: 1, queueTimeoutMs: 5000 } }, clock);
  cluster.forward(requestOf("GET", "/1"), new Recorder());
  const waiting = new Recorder();
  cluster.forward(requestOf("GET", "/2"), waiting);
  await origin.headsAtLeast(1);
  clock.advance(5500);
  await within(waiting.ended, 1000, "the timeout");
  expect([waiting.error?.code, waiting.error?.beforeSend]).toEqual(["queue_full", true]);
  expect(cluster.targets()[0]).toMatchObject({ inFlight: 1, queued: 0 });
  expect(origin.heads).toHaveLength(1);
});

test("a target with a full queue spills to the next one", async () => {
  const gated = new Gated();
  const [left, right] = [await started(gated.script), await started(gated.script)];
  cluster = clusterOf([left.url, right.url], {
    balance: "round-robin",
    pool: { connections: 1, queue: 0 },
  });
  cluster.forward(requestOf("GET", "/1"), new Recorder());
  cluster.forward(requestOf("GET", "/2"), new Recorder());
  await Promise.all([left.headsAtLeast(1), right.headsAtLeast(1)]);
  const third = new Recorder();
  cluster.forward(requestOf("GET", "/3"), third);
  await within(third.ended, 1000, "the refusal");
  expect(third.error?.code).toBe("queue_full");
});

test("a slot comes back after every way to end: 200 exchanges on two slots", async () => {
  const origin = await started(async (connection) => {
    for (;;) {
      const head = await connection.readHead();
      if (head.startsWith("GET /reset")) connection.reset();
      else if (head.startsWith("GET /garbage")) await connection.send("garbage\r\n\r\n");
      else await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }
  });
  cluster = clusterOf(origin.url, { pool: { connections: 2 } });
  for (let round = 0; round < 50; round += 1) {
    await exchange(cluster, requestOf("GET", "/reset"));
    await exchange(cluster, requestOf("GET", "/garbage"));
    const call = cluster.forward(requestOf("GET", "/left"), new Recorder());
    call.abort();
    const good = await exchange(cluster, requestOf("GET", "/good"));
    expect(good.content).toBe("hi");
  }
});

class Item implements Waiter<Item> {
  waitQueue: WaitQueue<Item> | null = null;
  nextWaiter: Item | null = null;
  previousWaiter: Item | null = null;
  moves = 0;
  moved(): void {
    this.moves += 1;
  }
}

test("the queue keeps its order and its bound when members leave from anywhere", () => {
  const queue = new WaitQueue<Item>(4);
  const items = [new Item(), new Item(), new Item(), new Item()] as const;
  for (const item of items) expect(queue.push(item)).toBe(true);
  expect(queue.push(new Item())).toBe(false);
  queue.remove(items[1]);
  queue.remove(items[1]);
  queue.remove(items[3]);
  expect(queue.count).toBe(2);
  expect(queue.push(items[1])).toBe(true);
  expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
    items[0],
    items[2],
    items[1],
    null,
  ]);
  expect(queue.count).toBe(0);
  for (const item of items) queue.push(item);
  queue.moveAll();
  expect([queue.count, ...items.map((item) => item.moves)]).toEqual([0, 1, 1, 1, 1]);
});
