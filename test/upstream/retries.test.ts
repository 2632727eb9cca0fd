// What is tried again, where, after how long, and what is not: on real origins, and the arithmetic
// of waits and Retry-After as a table.

import { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { backoffMs, retryAfterMs, type RetryReason } from "../../src/upstream/retry-rules.ts";
import { FakeClock } from "../support/clock.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { clusterOf, exchange, Recorder, requestOf, settled } from "./recorder.ts";

let origins: TestOrigin[] = [];
let cluster: Cluster;

afterEach(async () => {
  await cluster.close();
  await settled(cluster);
  for (const origin of origins) await origin.close();
  origins = [];
});

async function started(...scripts: OriginScript[]): Promise<string[]> {
  for (const script of scripts) origins.push(await startOrigin(script));
  return origins.map(({ url }) => url);
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const busy = (fields = "", status = 503): OriginScript =>
  answering(`HTTP/1.1 ${status} X\r\n${fields}Content-Length: 1\r\n\r\nx`);
const good = answering(OK);
const silent: OriginScript = async (connection) => {
  const head = await connection.readHead();
  await connection.readContent(head);
};
const resetting: OriginScript = async (connection) => {
  const head = await connection.readHead();
  await connection.readContent(head);
  connection.reset();
};
const headsOf = (index: number): number => origins[index]?.heads.length ?? 0;

describe("what is tried again", () => {
  const rows: [string, OriginScript, RetryReason[], string][] = [
    ["a reset", resetting, ["reset"], "upstream_reset"],
    ["a reset, if not wanted", resetting, ["connect"], ""],
    ["silence", silent, ["timeout"], "headers_timeout"],
    ["silence, if not wanted", silent, ["connect", "reset"], ""],
    ["a 500", busy("", 500), [500], "500"],
    ["a 502", busy("", 502), [502], "502"],
    ["a 599", busy("", 599), [599], "599"],
    ["another status than those wanted", busy("", 500), [502, 503], ""],
  ];
  test.each(rows)("%s", async (_name, script, when, outcome) => {
    const urls = await started(script, good);
    cluster = clusterOf(urls, {
      balance: "round-robin",
      timeouts: { headersMs: 100 },
      retry: { when },
    });
    const got = new Recorder();
    const call = cluster.forward(requestOf("GET", "/"), got);
    await got.ended;
    if (outcome === "") {
      expect([headsOf(0), headsOf(1), call.history]).toEqual([1, 0, []]);
      return;
    }
    expect([got.error, got.content, headsOf(0), headsOf(1)]).toEqual([null, "hi", 1, 1]);
    expect(call.history).toEqual([{ target: origins[0]?.host, outcome }]);
    expect(cluster.status().retried).toEqual({ [outcome]: 1 });
  });

  test("RFC 9110 9.2.2 no POST after a byte of it was sent", async () => {
    const urls = await started(busy(), resetting, good);
    const when: RetryReason[] = ["connect", "reset", "timeout", 503];
    cluster = clusterOf(urls, { balance: "round-robin", retry: { attempts: 3, when } });
    const body = (): Readable => Readable.from([Buffer.from("x")]);
    const post = () => exchange(cluster, requestOf("POST", "/", { body: body(), bodyLength: 1 }));
    expect([(await post()).head?.status, (await post()).error?.code]).toEqual([
      503,
      "upstream_reset",
    ]);
    expect([headsOf(0), headsOf(1), headsOf(2)]).toEqual([1, 1, 0]);
  });
});

describe("content", () => {
  const rows: [string, OriginScript, number, number, string | null][] = [
    ["of known length goes again after a reset", resetting, 6, 65_536, null],
    ["of known length goes again after a 503", busy(), 6, 65_536, null],
    ["of unknown length goes again", resetting, -1, 65_536, null],
    ["goes again up to the bound", resetting, -1, 6, null],
    ["past the bound does not", resetting, -1, 5, "upstream_reset"],
    ["declared longer than the bound does not", resetting, 6, 5, "upstream_reset"],
  ];
  test.each(rows)("%s", async (_name, script, bodyLength, bufferBytesMax, code) => {
    const seen: string[] = [];
    const urls = await started(script, async (connection) => {
      const head = await connection.readHead();
      seen.push((await connection.readContent(head)).toString("latin1"));
      await connection.send(OK);
    });
    cluster = clusterOf(urls, {
      balance: "round-robin",
      retry: { when: ["reset", 503], bufferBytesMax },
    });
    const body = Readable.from([Buffer.from("ab"), Buffer.from("cd"), Buffer.from("ef")]);
    const got = await exchange(cluster, requestOf("PUT", "/", { body, bodyLength }));
    expect(got.error?.code ?? null).toBe(code);
    if (code === null) expect([got.content, ...seen].join()).toMatch(/^hi,.*ab.*cd.*ef/s);
    else expect(headsOf(1)).toBe(0);
  });

  test("that is still on its way when the first try fails: all of it arrives", async () => {
    const whole = Buffer.from(Array.from({ length: 50_000 }, (_item, index) => index % 251));
    const arrived = Promise.withResolvers<Uint8Array>();
    const urls = await started(
      async (connection) => {
        await connection.readHead();
        await connection.readExactly(1000);
        connection.reset();
      },
      async (connection) => {
        await connection.readHead();
        arrived.resolve(await connection.readExactly(50_000));
        await connection.send(OK);
      },
    );
    cluster = clusterOf(urls, { balance: "round-robin", retry: { when: ["reset"] } });
    const body = new Readable({ read: () => {} });
    body.push(whole.subarray(0, 1000));
    const got = new Recorder();
    cluster.forward(requestOf("PUT", "/", { body, bodyLength: 50_000 }), got);
    await origins[1]?.headsAtLeast(1);
    body.push(whole.subarray(1000, 30_000));
    body.push(whole.subarray(30_000));
    body.push(null);
    expect(Buffer.compare(await arrived.promise, whole)).toBe(0);
    await got.ended;
    expect([got.error, got.content]).toEqual([null, "hi"]);
  });

  test("that the client breaks off during the second try is the client's failure", async () => {
    const urls = await started(resetting, async (connection) => void (await connection.readHead()));
    cluster = clusterOf(urls, { balance: "round-robin", retry: { when: ["reset"] } });
    const body = new Readable({ read: () => {} });
    body.push("ab");
    void origins[0]?.headsAtLeast(1).then(() => origins[0]?.connections[0]?.reset());
    const got = new Recorder();
    cluster.forward(requestOf("PUT", "/", { body, bodyLength: 4 }), got);
    await origins[1]?.headsAtLeast(1);
    body.destroy();
    await got.ended;
    expect(got.error?.code).toBe("client_closed");
  });
});

describe("RFC 9110 10.2.3 Retry-After", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const rows: [string, string, number][] = [
    ["seconds", "120", 120_000],
    ["none", "0", 0],
    ["a date", "Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["a date that is over", "Wed, 31 Dec 2025 23:59:59 GMT", 0],
    ["a fraction is not valid", "1.5", 0],
    ["a sign is not valid", "-1", 0],
    ["a word is not valid", "soon", 0],
    ["two of them say nothing", "1, 2", 0],
  ];
  test.each(rows)("%s", (_name, value, ms) => {
    expect(retryAfterMs(["Retry-After", value], nowMs)).toBe(ms);
  });

  const lone: [string, string, { waitMsMax?: number; totalMs?: number }, number][] = [
    ["within the bound is waited for", "1", { waitMsMax: 2000 }, 2],
    ["beyond the bound is not", "2", { waitMsMax: 1000 }, 1],
    ["beyond the total time is not", "1", { waitMsMax: 2000, totalMs: 900 }, 1],
  ];
  test.each(lone)("of a lone target: %s", async (_name, seconds, bounds, heads) => {
    const first = `HTTP/1.1 503 X\r\nRetry-After: ${seconds}\r\nConnection: close\r\n\r\n`;
    const [url = ""] = await started(async (connection) => {
      await connection.readHead();
      await connection.send(headsOf(0) === 1 ? first : OK);
      connection.end();
    });
    const { waitMsMax = 1000, totalMs = 0 } = bounds;
    cluster = clusterOf(url, { retry: { when: [503], waitMsMax }, timeouts: { totalMs } });
    const startedMs = performance.now();
    const got = await exchange(cluster, requestOf("GET", "/"));
    const tookMs = performance.now() - startedMs;
    expect([got.head?.status, headsOf(0)]).toEqual([heads === 2 ? 200 : 503, heads]);
    if (heads === 2) expect(tookMs).toBeGreaterThanOrEqual(1000);
    else expect(tookMs).toBeLessThan(1000);
  });

  test("the target is left alone for as long, if not too many are", async () => {
    const clock = new FakeClock();
    const urls = await started(busy("Retry-After: 30\r\n"), busy("Retry-After: 30\r\n"), good);
    const retry = { attempts: 3, when: [503], budgetMin: 100 };
    cluster = clusterOf(urls, { balance: "round-robin", eject: { after: 0 }, retry }, clock);
    for (let turn = 0; turn < 9; turn += 1) {
      expect((await exchange(cluster, requestOf("GET", "/"))).head?.status).toBe(200);
    }
    const conditions = (): string[] => cluster.targets().map(({ condition }) => condition);
    // One of three may be out; the other one that asked gets first tries, but no retries.
    expect(conditions().filter((condition) => condition === "resting")).toHaveLength(1);
    expect(Math.min(headsOf(0), headsOf(1))).toBe(1);
    clock.advance(30_001);
    await exchange(cluster, requestOf("GET", "/"));
    await exchange(cluster, requestOf("GET", "/"));
    await exchange(cluster, requestOf("GET", "/"));
    expect(Math.min(headsOf(0), headsOf(1))).toBeGreaterThan(1);
  });

  test("a 429 is for one client: the target stays in", async () => {
    const urls = await started(busy("Retry-After: 30\r\n", 429), good);
    cluster = clusterOf(urls, { balance: "round-robin" });
    for (let turn = 0; turn < 4; turn += 1) await exchange(cluster, requestOf("GET", "/"));
    expect([headsOf(0), headsOf(1)]).toEqual([2, 2]);
  });
});

test("waits double from half to all of the base, up to the bound", () => {
  const rules = { attempts: 5, when: [], backoffMs: 25, waitMsMax: 150, bufferBytesMax: 0 };
  const waits = [1, 2, 3, 4].map((nth) => [backoffMs(nth, rules, 0), backoffMs(nth, rules, 1)]);
  expect(waits).toEqual([
    [12.5, 25],
    [25, 50],
    [50, 100],
    [75, 150],
  ]);
});

test("a lone target that refuses connections is asked again after a while", async () => {
  const [url = ""] = await started(good);
  const port = origins[0]?.port ?? 0;
  await origins[0]?.close();
  origins = [];
  cluster = clusterOf(url, { retry: { attempts: 5, backoffMs: 200 } });
  const got = new Recorder();
  cluster.forward(requestOf("POST", "/"), got);
  setTimeout(() => {
    void startOrigin(good, { port }).then((origin) => origins.push(origin));
  }, 50);
  await got.ended;
  expect([got.error, got.content]).toEqual([null, "hi"]);
});

test("who leaves during a wait frees the budget, and nothing is sent", async () => {
  const urls = await started(busy("Retry-After: 1\r\n"));
  cluster = clusterOf(urls, { retry: { when: [503], waitMsMax: 2000 } });
  const got = new Recorder();
  const call = cluster.forward(requestOf("GET", "/"), got);
  while (cluster.status().retriesRunning === 0) await new Promise(setImmediate);
  call.abort();
  expect([cluster.status().retriesRunning, cluster.status().active]).toEqual([0, 0]);
  expect([got.endings, headsOf(0)]).toEqual([0, 1]);
});
