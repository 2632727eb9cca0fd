// The learnt limit without sockets: before a simulated server that works on a few requests at a
// time, under more load than it can take, it keeps the server busy and the queue short; then what
// else it promises: floor, ceiling, priorities, another latency than before.

import { describe, expect, test } from "vitest";
import { ConcurrencyLimit, type Priority } from "../../src/upstream/concurrency-limit.ts";

function drawn(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Server {
  /** Requests that it works on at a time, each for this long on average. */
  workers: number;
  workMs: number;
}

interface Outcome {
  /** Good answers in a second. */
  rate: number;
  p99Ms: number;
  limitMost: number;
}

/** An open-loop load of Poisson arrivals; time advances from event to event. */
class Simulation {
  nowMs = 0;
  readonly limit: ConcurrencyLimit;
  readonly #random: () => number;
  readonly #server: Server;
  readonly #queue: number[] = [];
  readonly #running: { startedMs: number; doneMs: number }[] = [];

  constructor(limit: ConcurrencyLimit, server: Server, random: () => number) {
    this.limit = limit;
    this.#server = server;
    this.#random = random;
  }

  run(forMs: number, perSecond: number): Outcome {
    const latencies: number[] = [];
    const endMs = this.nowMs + forMs;
    let arrivesMs = this.nowMs;
    let limitMost = 0;
    while (this.nowMs < endMs) {
      const next = this.#running[0];
      if (next !== undefined && next.doneMs <= arrivesMs) {
        this.nowMs = next.doneMs;
        this.#running.shift();
        const elapsedMs = this.nowMs - next.startedMs;
        latencies.push(elapsedMs);
        this.limit.answered(elapsedMs, this.nowMs);
        this.limit.release();
        this.#work();
        continue;
      }
      this.nowMs = arrivesMs;
      if (this.limit.admit("normal", this.nowMs)) this.#queue.push(this.nowMs);
      this.#work();
      arrivesMs += (-Math.log(1 - this.#random()) * 1000) / perSecond;
      limitMost = Math.max(limitMost, this.limit.limit);
    }
    latencies.sort((a, b) => a - b);
    const p99Ms = latencies[Math.floor(latencies.length * 0.99)] ?? 0;
    return { rate: latencies.length / (forMs / 1000), p99Ms, limitMost };
  }

  #work(): void {
    while (this.#running.length < this.#server.workers) {
      const startedMs = this.#queue.shift();
      if (startedMs === undefined) return;
      const workMs = this.#server.workMs * (0.8 + 0.4 * this.#random());
      const doneMs = this.nowMs + workMs;
      // In the order of their ends.
      let at = this.#running.length;
      while (at > 0 && (this.#running[at - 1]?.doneMs ?? 0) > doneMs) at -= 1;
      this.#running.splice(at, 0, { startedMs, doneMs });
    }
  }
}

function simulate(server: Server, seed: number, limitMin = 5): Simulation {
  const random = drawn(seed);
  return new Simulation(new ConcurrencyLimit({ limitMin, limitMax: 1000 }, random), server, random);
}

describe("three times the load that a server can take", () => {
  const servers: [string, Server][] = [
    ["8 at a time, 10 ms each", { workers: 8, workMs: 10 }],
    ["100 at a time, 10 ms each", { workers: 100, workMs: 10 }],
    ["20 at a time, 200 ms each", { workers: 20, workMs: 200 }],
    ["8 at a time, 2 ms each", { workers: 8, workMs: 2 }],
  ];
  test.each(servers)("%s: nine tenths of the capacity, and a short queue", (_name, server) => {
    const capacity = (server.workers / server.workMs) * 1000;
    for (let seed = 1; seed <= 3; seed += 1) {
      const simulation = simulate(server, seed);
      simulation.run(5000, 3 * capacity);
      const { rate, p99Ms } = simulation.run(35_000, 3 * capacity);
      expect(rate).toBeGreaterThan(0.9 * capacity);
      // Without a limit the queue would grow for as long as it lasts.
      expect(p99Ms).toBeLessThan(3.5 * server.workMs + 2);
    }
  });
});

test("a load within the capacity is never refused once the limit is learnt", () => {
  const simulation = simulate({ workers: 50, workMs: 10 }, 3);
  simulation.run(10_000, 2500);
  const before = simulation.limit.refused;
  const { rate } = simulation.run(60_000, 2500);
  expect(rate).toBeGreaterThan(2400);
  // Only while the least latency is measured, at half of the limit.
  expect(simulation.limit.refused - before).toBeLessThan(0.005 * 60 * 2500);
});

test("a limit that nobody needs does not grow", () => {
  const simulation = simulate({ workers: 100, workMs: 10 }, 3);
  const { limitMost } = simulation.run(60_000, 300);
  expect(limitMost).toBeLessThanOrEqual(30);
});

test("a server that is slower from now on is measured anew", () => {
  const server = { workers: 40, workMs: 10 };
  const simulation = simulate(server, 4);
  simulation.run(20_000, 12_000);
  server.workMs = 40;
  simulation.run(40_000, 3000);
  const { rate } = simulation.run(30_000, 3000);
  expect(rate).toBeGreaterThan(0.9 * 1000);
  expect(simulation.limit.leastMs).toBeGreaterThan(30);
});

test("over thousands of seeds: never beyond floor and ceiling, never a place lost", () => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const random = drawn(seed * 7919);
    const limitMin = 1 + Math.floor(random() * 20);
    const limitMax = limitMin + Math.floor(random() * 100);
    const limit = new ConcurrencyLimit({ limitMin, limitMax }, random);
    const priorities: Priority[] = ["low", "normal", "high"];
    let held = 0;
    let nowMs = 0;
    for (let step = 0; step < 400; step += 1) {
      nowMs += random() * 20;
      const priority = priorities[Math.floor(random() * 3)] ?? "normal";
      if (random() < 0.6) held += limit.admit(priority, nowMs) ? 1 : 0;
      else if (held > 0) {
        if (random() < 0.9) limit.answered(random() * random() * 500, nowMs);
        limit.release();
        held -= 1;
      }
      const isWithin = limit.limit >= limitMin && limit.limit <= limitMax;
      if (!isWithin || limit.inFlight !== held || held > Math.ceil(limitMax * 1.1)) {
        throw new Error(`seed ${seed}: limit ${limit.limit}, ${limit.inFlight} for ${held}`);
      }
    }
  }
});

test("low priority leaves a fifth to the others, high goes a tenth over", () => {
  const limit = new ConcurrencyLimit({ limitMin: 20, limitMax: 20 }, () => 0);
  const admitted = (priority: Priority): number => {
    let count = 0;
    while (limit.admit(priority, 0)) count += 1;
    return count;
  };
  expect([admitted("low"), admitted("normal"), admitted("high")]).toEqual([16, 4, 2]);
  expect(limit.refused).toBe(3);
});
