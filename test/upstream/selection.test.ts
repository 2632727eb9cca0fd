// Which target is chosen: the shares and the order that each algorithm promises, backups, passive
// ejection and retries on another target. The algorithms run without sockets, the rest on real
// origins.

import { afterEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../src/upstream/cluster.ts";
import { Outlook } from "../../src/upstream/outlook.ts";
import {
  type Candidate,
  createPolicy,
  hashText,
  PeakLatency,
} from "../../src/upstream/selection.ts";
import { FakeClock } from "../support/clock.ts";
import { answering, type OriginScript, startOrigin, type TestOrigin } from "../support/origin.ts";
import { clusterOf, exchange, requestOf, settled } from "./recorder.ts";

interface Named extends Candidate {
  name: string;
  load: number;
}

function candidates(weights: Record<string, number>): Named[] {
  return Object.entries(weights).map(([name, weight]) => ({
    name,
    weight,
    load: 0,
    latencyMs: 0,
    outlook: new Outlook(),
    nameHash: hashText(name),
  }));
}

/** A linear congruential generator (Numerical Recipes): the same draw each run. */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("algorithms", () => {
  test("smooth weighted round robin spreads 5:1:1 over seven turns", () => {
    const policy = createPolicy<Named>("round-robin", drawn(1));
    const all = candidates({ a: 5, b: 1, c: 1 });
    const turns = Array.from({ length: 14 }, () => policy.choose(all, 0, 0).name).join("");
    // The sequence that nginx documents for these weights.
    expect(turns).toBe("aabacaaaabacaa");
  });

  test("round robin forgets who is gone and shares evenly after", () => {
    const policy = createPolicy<Named>("round-robin", drawn(1));
    const all = candidates({ a: 1, b: 1, c: 1 });
    policy.choose(all, 0, 0);
    const two = all.slice(1);
    const turns = Array.from({ length: 6 }, () => policy.choose(two, 0, 0).name);
    expect(turns.filter((name) => name === "b")).toHaveLength(3);
  });

  test("least connections follows load for weight and takes turns among equals", () => {
    const policy = createPolicy<Named>("least-conn", drawn(1));
    const all = candidates({ a: 1, b: 2, c: 1 });
    for (let count = 0; count < 40; count += 1) policy.choose(all, 0, 0).load += 1;
    expect(all.map((candidate) => candidate.load)).toEqual([10, 20, 10]);
    const equal = candidates({ a: 1, b: 1, c: 1 });
    const turns = new Set(Array.from({ length: 3 }, () => policy.choose(equal, 0, 0).name));
    expect(turns.size).toBe(3);
  });

  test("power of two prefers the faster, the less loaded and the heavier", () => {
    const policy = createPolicy<Named>("p2c-ewma", drawn(7));
    const all = candidates({ slow: 1, fast: 1, heavy: 2 });
    const [slow, fast, heavy] = all as [Named, Named, Named];
    Object.assign(slow, { latencyMs: 100 });
    Object.assign(fast, { latencyMs: 1 });
    Object.assign(heavy, { latencyMs: 1 });
    const counts: Record<string, number> = { slow: 0, fast: 0, heavy: 0 };
    for (let count = 0; count < 3000; count += 1) {
      const name = policy.choose(all, 0, 0).name;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts["slow"]).toBe(0);
    // Drawn in two of three pairs; it wins both, the fast one only against the slow one.
    expect(counts["heavy"]).toBeGreaterThan(1800);
    expect(counts["fast"]).toBeGreaterThan(800);
    heavy.load = 1000;
    fast.load = 1000;
    expect(policy.choose([slow, fast], 0, 0).name).toBe("slow");
  });

  test("hash: one of ten leaves and at most 12 % of the keys move; load stays bounded", () => {
    const policy = createPolicy<Named>("hash", drawn(1));
    const all = candidates(
      Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`10.0.0.${i}:80`, 1])),
    );
    const keys = Array.from({ length: 20_000 }, (_, index) => hashText(`client ${index}`));
    // Load is even here, so that only the keys decide.
    for (const candidate of all) candidate.load = 10;
    const before = keys.map((key) => policy.choose(all, key, 0));
    for (const gone of all) {
      const left = all.filter((candidate) => candidate !== gone);
      const after = keys.map((key) => policy.choose(left, key, 0));
      const moved = after.filter((candidate, index) => candidate !== before[index]).length;
      expect(moved / keys.length).toBeLessThanOrEqual(0.12);
    }
    for (const candidate of all) candidate.load = 0;
    for (let count = 0; count < 100; count += 1) policy.choose(all, 7, 0).load += 1;
    expect(Math.max(...all.map((candidate) => candidate.load))).toBeLessThanOrEqual(13);
  });

  test("peak latency jumps up, comes down with time and with samples", () => {
    const latency = new PeakLatency();
    latency.observe(10, 0);
    latency.observe(500, 100);
    expect(latency.at(100)).toBe(500);
    latency.observe(10, 200);
    expect(latency.at(200)).toBeGreaterThan(400);
    expect(latency.at(10_200)).toBeLessThan(200);
  });
});

describe("clusters", () => {
  let origins: TestOrigin[] = [];
  let cluster: Cluster;

  afterEach(async () => {
    await cluster.close();
    await settled(cluster);
    for (const origin of origins) await origin.close();
    origins = [];
  });

  const named = (name: string): OriginScript =>
    answering(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`);

  async function started(...scripts: OriginScript[]): Promise<string[]> {
    for (const script of scripts) origins.push(await startOrigin(script));
    return origins.map((origin) => origin.url);
  }

  async function answers(count: number, method = "GET"): Promise<string> {
    let got = "";
    for (let turn = 0; turn < count; turn += 1) {
      const { content, error, head } = await exchange(cluster, requestOf(method, "/"));
      got += error === null ? (head?.status === 200 ? content : "-") : "!";
    }
    return got;
  }

  const target = (url: string, backup = false, weight = 1) => ({
    url,
    priority: backup ? 1 : 0,
    isLocal: true,
    weight,
  });

  test("requests go round by weight", async () => {
    const [a = "", b = ""] = await started(named("a"), named("b"));
    cluster = clusterOf([], { balance: "round-robin", targets: [target(a, false, 2), target(b)] });
    expect(await answers(6)).toBe("abaaba");
  });

  test("a target that refuses connections costs no request, and is ejected", async () => {
    const [a = "", b = ""] = await started(named("a"), named("b"));
    await origins[0]?.close();
    origins.shift();
    cluster = clusterOf([a, b], { balance: "round-robin", eject: { after: 3 } });
    expect(await answers(20, "POST")).toBe("b".repeat(20));
    expect(cluster.targets()[0]).toMatchObject({ ejected: true, failures: { connect_refused: 3 } });
  });

  test("a target that resets costs no GET but a POST", async () => {
    const [a = "", b = ""] = await started(
      async (connection) => void (await connection.readHead(), connection.reset()),
      named("b"),
    );
    cluster = clusterOf([a, b], { balance: "round-robin", eject: { after: 0 } });
    expect(await answers(6)).toBe("bbbbbb");
    expect(await answers(4, "POST")).toBe("!b!b");
  });

  test("a status is retried only if the config says so", async () => {
    const busy = answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    const urls = await started(busy, named("b"));
    cluster = clusterOf(urls, { balance: "round-robin", eject: { after: 0 } });
    expect(await answers(4)).toBe("-b-b");
    await cluster.close();
    cluster = clusterOf(urls, {
      balance: "round-robin",
      eject: { after: 0 },
      retry: { when: [503] },
    });
    expect(await answers(4)).toBe("bbbb");
    expect(await answers(2, "POST")).toMatch(/-/);
  });

  test("with every target answering 503, the last answer is passed on, not an error", async () => {
    const busy = answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1\r\n\r\nx");
    const urls = await started(busy, busy);
    cluster = clusterOf(urls, { retry: { attempts: 3, when: [503] } });
    const got = await exchange(cluster, requestOf("GET", "/"));
    expect([got.error, got.head?.status, got.content]).toEqual([null, 503, "x"]);
    // The third try goes to the one that failed first.
    const heads = origins.map((origin) => origin.heads.length);
    expect([Math.min(...heads), Math.max(...heads)]).toEqual([1, 2]);
  });

  test("retries stay within the budget", async () => {
    const reset: OriginScript = async (connection) => {
      await connection.readHead();
      connection.reset();
    };
    const urls = await started(reset, reset, reset);
    cluster = clusterOf(urls, {
      eject: { after: 0 },
      retry: { attempts: 3, budgetMin: 3, budgetShare: 0.2 },
    });
    const exchanges = Array.from({ length: 50 }, () => exchange(cluster, requestOf("GET", "/")));
    await Promise.all(exchanges);
    const heads = origins.flatMap((origin) => origin.heads).length;
    // 50 first attempts; 20 % of them, at least three at a time, may hold a retry of up to two more
    // attempts.
    expect(heads).toBeGreaterThan(50);
    expect(heads).toBeLessThanOrEqual(50 + 2 * 10);
  });

  test("a backup is asked only when no primary may be, and no more when one is back", async () => {
    const clock = new FakeClock();
    let failing = true;
    const [a = "", b = ""] = await started(async (connection) => {
      for (;;) {
        await connection.readHead();
        if (failing) connection.reset();
        else await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
      }
    }, named("b"));
    cluster = clusterOf(
      [],
      { targets: [target(a), target(b, true)], eject: { after: 2, forMs: 30_000 } },
      clock,
    );
    expect(await answers(4)).toBe("bbbb");
    expect(cluster.targets().map((status) => status.ejected)).toEqual([true, false]);
    expect(origins[0]?.heads).toHaveLength(2);
    failing = false;
    clock.advance(30_001);
    // The coarse clock of the cluster follows at its next tick.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await answers(3)).toBe("aaa");
  });

  test("however many fail, the capped share is out and the rest is asked", async () => {
    const reset: OriginScript = async (connection) => {
      await connection.readHead();
      connection.reset();
    };
    const urls = await started(reset, reset, reset, reset, reset);
    cluster = clusterOf(urls, { eject: { after: 2, shareMax: 0.5 } });
    expect(await answers(60)).toBe("!".repeat(60));
    expect(cluster.targets().filter((status) => status.ejected)).toHaveLength(2);
  });

  test("a lone target is never ejected", async () => {
    const urls = await started(async (connection) => {
      const head = await connection.readHead();
      if (head.startsWith("GET /bad")) connection.reset();
      else await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    });
    cluster = clusterOf(urls);
    for (let turn = 0; turn < 8; turn += 1) await exchange(cluster, requestOf("GET", "/bad"));
    expect(cluster.targets()[0]?.ejected).toBe(false);
    expect(await answers(1)).toBe("a");
  });
});
