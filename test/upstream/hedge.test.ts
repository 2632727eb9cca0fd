// The second attempt beside a slow first one: who wins, what becomes of the loser and its
// connection, and what is never hedged; then the percentile that decides when.

import { Readable } from "node:stream";
import { constants } from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { LatencyWindow } from "../../src/upstream/latency-window.ts";
import { startH2Origin } from "../support/h2-origin.ts";
import { type OriginConnection, startOrigin, type TestOrigin } from "../support/origin.ts";
import { until } from "../support/until.ts";
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

type Special = (connection: OriginConnection) => Promise<unknown>;

/** Answers with its name; asked for /slow it does what `special` says. */
function named(name: string, special: Special | null = null) {
  return async (connection: OriginConnection): Promise<void> => {
    for (;;) {
      const head = await connection.readHead();
      if (special !== null && head.includes(" /slow ")) await special(connection);
      else await connection.send(`HTTP/1.1 200 X\r\nContent-Length: 1\r\n\r\n${name}`);
    }
  };
}

/** A cluster that knows how fast its targets are; the next request goes to the first of them. */
async function warm(scripts: ReturnType<typeof named>[], overrides = {}): Promise<void> {
  for (const script of scripts) origins.push(await startOrigin(script));
  cluster = clusterOf(
    origins.map(({ url }) => url),
    { balance: "round-robin", hedge: { quantile: 0.95, afterMsMin: 20 }, ...overrides },
  );
  for (let turn = 0; turn < 120; turn += 1) await exchange(cluster, requestOf("GET", "/"));
}

const status = (code: number) => `HTTP/1.1 ${code} X\r\nContent-Length: 1\r\n\r\n?`;
const silent: Special = (connection) => connection.closed;
/** What of its connection the first origin saw. */
const firstClosed = (): Promise<void> => within(origins[0]?.idle() as Promise<void>, 2000, "FIN");

async function slow(method = "GET", parts = {}): Promise<{ got: Recorder; tries: string }> {
  const got = new Recorder();
  const call = cluster.forward(requestOf(method, "/slow", parts), got);
  await within(got.ended, 5000, "the end");
  const names = new Map(origins.map(({ host }, index) => [host, "abc"[index]]));
  const tries = call.history.map(({ target, outcome }) => `${names.get(target)} ${outcome}`);
  return { got, tries: [...tries, names.get(call.target)].join(", ") };
}

describe("who wins", () => {
  test("the second: the first is aborted, its connection closed, its slot free", async () => {
    await warm([named("a", silent), named("b")]);
    const { got, tries } = await slow();
    expect([got.content, got.endings, tries]).toEqual(["b", 1, "a overtaken, b"]);
    await firstClosed();
    expect(cluster.targets().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
    expect(cluster.status()).toMatchObject({
      retried: { hedge: 1 },
      hedgesWon: 1,
      retriesRunning: 0,
    });
  });

  test("the first, late: the second is aborted and nothing of it is heard", async () => {
    const second = Promise.withResolvers<void>();
    await warm([
      named("a", async (connection) => {
        await second.promise;
        await connection.send(status(200));
      }),
      named("b", async (connection) => {
        second.resolve();
        await connection.closed;
      }),
    ]);
    const { got, tries } = await slow();
    expect([got.content, got.endings, tries]).toEqual(["?", 1, "b overtaken, a"]);
    await within(origins[1]?.idle() as Promise<void>, 2000, "the second to be aborted");
    expect(cluster.status()).toMatchObject({ hedgesWon: 0, retriesRunning: 0 });
  });

  test("the first, if the second says 503", async () => {
    const refused = Promise.withResolvers<void>();
    await warm([
      named("a", async (connection) => {
        await refused.promise;
        await connection.send(status(200));
      }),
      named("b", async (connection) => {
        await connection.send(status(503));
        refused.resolve();
      }),
    ]);
    const { got, tries } = await slow();
    expect([got.head?.status, got.endings, tries]).toEqual([200, 1, "b 503, a"]);
  });

  const failures: [string, Special, string][] = [
    ["says 503", (connection) => connection.send(status(503)), "a 503, b"],
    ["breaks off", async (connection) => connection.reset(), "a upstream_reset, b"],
  ];
  test.each(failures)("the second, if the first %s meanwhile", async (_name, fail, expected) => {
    const asked = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    await warm([
      named("a", async (connection) => {
        await asked.promise;
        await fail(connection);
        failed.resolve();
      }),
      named("b", async (connection) => {
        asked.resolve();
        await failed.promise;
        await new Promise((resolve) => setTimeout(resolve, 20));
        await connection.send(status(200));
      }),
    ]);
    const { got, tries } = await slow();
    expect([got.head?.status, got.endings, tries]).toEqual([200, 1, expected]);
  });

  test("nobody, if both break off: one error", async () => {
    await warm([
      named("a", async (connection) => {
        await origins[1]?.headsAtLeast(61);
        connection.reset();
      }),
      named("b", async (connection) => connection.reset()),
    ]);
    const { got } = await slow();
    expect([got.error?.code, got.endings]).toEqual(["upstream_reset", 1]);
    expect(cluster.status()).toMatchObject({ retriesRunning: 0, active: 0 });
  });

  test("nobody, if the client leaves: both are aborted", async () => {
    await warm([named("a", silent), named("b", silent)]);
    const before = origins[1]?.heads.length ?? 0;
    const got = new Recorder();
    const call = cluster.forward(requestOf("GET", "/slow"), got);
    await origins[1]?.headsAtLeast(before + 1);
    call.abort();
    await Promise.all(origins.map((origin) => within(origin.idle(), 2000, "both to close")));
    expect([got.endings, cluster.status().retriesRunning]).toEqual([0, 0]);
  });
});

describe("what is not hedged", () => {
  const late: Special = async (connection) => {
    await new Promise((resolve) => setTimeout(resolve, 80));
    await connection.send(status(200));
  };
  const body = (): Readable => Readable.from([Buffer.from("x")]);
  const rows: [string, string, object, object][] = [
    ["a POST", "POST", {}, {}],
    ["content", "PUT", { body: body(), bodyLength: 1 }, {}],
    ["without the config", "GET", {}, { hedge: null }],
    ["where the other has no free connection", "GET", {}, { pool: { connections: 1 } }],
  ];
  test.each(rows)("%s", async (name, method, parts, overrides) => {
    await warm([named("a", late), named("b", silent)], overrides);
    const blocked = name.startsWith("where");
    const blocker = new Recorder();
    if (blocked) {
      await exchange(cluster, requestOf("GET", "/"));
      cluster.forward(requestOf("GET", "/slow"), blocker);
      await origins[1]?.headsAtLeast(61);
    }
    const { tries } = await slow(method, parts);
    expect(tries).toBe("a");
  });

  test("before enough is known", async () => {
    origins.push(await startOrigin(named("a", late)), await startOrigin(named("b")));
    cluster = clusterOf(
      origins.map(({ url }) => url),
      { balance: "round-robin", hedge: { quantile: 0.95, afterMsMin: 1 } },
    );
    expect((await slow()).tries).toBe("a");
  });
});

test("a lone target is asked again on another connection", async () => {
  let turn = 0;
  await warm([
    named("a", async (connection) => {
      turn += 1;
      if (turn === 1) await connection.closed;
      else await connection.send(status(200));
    }),
  ]);
  const { got, tries } = await slow();
  expect([got.head?.status, tries]).toEqual([200, "a overtaken, a"]);
});

test("when every target stalls, second tries stay within the retry budget", async () => {
  await warm([named("a", silent), named("b", silent)]);
  const calls = Array.from({ length: 50 }, () => {
    return cluster.forward(requestOf("GET", "/slow"), new Recorder());
  });
  await until(() => cluster.status().retriesRunning === 10, "20 % of 50");
  await new Promise((resolve) => setTimeout(resolve, 50));
  const slows = origins.flatMap(({ heads }) => heads).filter((head) => head.includes(" /slow "));
  expect([slows.length, cluster.status().retriesRunning]).toEqual([60, 10]);
  for (const call of calls) call.abort();
});

test("HTTP/2: the loser's stream is cancelled, its session goes on", async () => {
  const cancelled = Promise.withResolvers<number>();
  let slows = 0;
  const origin = await startH2Origin((stream, fields) => {
    if (!fields.includes("/slow") || (slows += 1) > 1) {
      stream.respond({ ":status": 200 });
      stream.end("hi");
      return;
    }
    stream.once("close", () => cancelled.resolve(stream.rstCode ?? -1));
  });
  cluster = clusterOf(origin.url, {
    protocol: "h2",
    hedge: { quantile: 0.95, afterMsMin: 20 },
  });
  for (let turn = 0; turn < 120; turn += 1) await exchange(cluster, requestOf("GET", "/"));
  const got = await exchange(cluster, requestOf("GET", "/slow"));
  expect([got.content, origin.accepted()]).toEqual(["hi", 1]);
  const code = await within(cancelled.promise, 2000, "RST_STREAM");
  expect(code).toBe(constants.NGHTTP2_CANCEL);
  await cluster.close();
  await origin.close();
});

describe("the percentile", () => {
  test("is right to a sixteenth, and unknown before 100 answers", () => {
    const window = new LatencyWindow(0.95);
    for (let ms = 1; ms <= 99; ms += 1) window.observe(ms, 0);
    expect(window.valueMs(0)).toBe(null);
    window.observe(100, 0);
    const value = window.valueMs(1) ?? 0;
    expect(value).toBeGreaterThanOrEqual(95);
    expect(value).toBeLessThanOrEqual(95 * (1 + 1 / 16));
  });

  test("follows within half a minute, and forgets a minute's silence", () => {
    const window = new LatencyWindow(0.95);
    for (let turn = 0; turn < 100; turn += 1) window.observe(10, 0);
    for (let turn = 0; turn < 100; turn += 1) window.observe(100, 16_000);
    expect(window.valueMs(16_000)).toBeGreaterThan(90);
    for (let turn = 0; turn < 100; turn += 1) window.observe(10, 46_000);
    expect(window.valueMs(46_000)).toBeLessThan(11);
    expect(window.valueMs(120_000)).toBe(null);
  });
});
