// A whole cluster under thousands of random histories, with retries, hedges, ejection, breaker and
// the learnt limit at once. Only sockets and time are not real: attempts answer, fail, stall and
// refuse as drawn. It must never eject beyond the cap, spend beyond the budget, run beyond the
// limit, or lose a call or a place.

import { beforeEach, expect, test, vi } from "vitest";
import { loadCore } from "../../src/core/core.ts";
import { CorePools } from "../../src/core/pool-queue.ts";
import { GatewayError } from "../../src/http/errors.ts";
import type { Attempt, AttemptListener, OriginRequest } from "../../src/upstream/attempt.ts";
import { Cluster } from "../../src/upstream/cluster.ts";
import { CLUSTER_DEFAULTS, type ClusterConfig } from "../../src/upstream/cluster-config.ts";
import { ejectedMax } from "../../src/upstream/health.ts";
import { OriginIo } from "../../src/upstream/origin-io.ts";
import type { Target } from "../../src/upstream/target.ts";
import { FakeClock } from "../support/clock.ts";
import { requestOf } from "./recorder.ts";

type Random = () => number;

function drawn(seed: number): Random {
  let state = Math.imul(seed, 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What the drawn attempts of the running simulation are told by. */
let world: World;

vi.mock("../../src/upstream/attempt-kinds.ts", () => ({
  createAttempt: (request: OriginRequest, listener: AttemptListener, target: Target) =>
    world.attempt(request, listener, target),
}));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  return () => {
    vi.useRealTimers();
  };
});

/** Ticks of the cluster's clock that an attempt may be silent. */
const TICKS_MAX = 6;
const HEAD = { reason: "", fields: [] };

class DrawnAttempt implements Attempt {
  readonly reused = false;
  sent = false;
  refused = false;
  responseBegun = false;
  readonly #target: Target;
  readonly #listener: AttemptListener;
  readonly #random: Random;
  #timer: NodeJS.Timeout | null = null;
  #over = false;
  #checks = 0;

  constructor(listener: AttemptListener, target: Target, random: Random) {
    this.#listener = listener;
    this.#target = target;
    this.#random = random;
  }

  start(): void {
    const afterMs = 1 + this.#random() * (this.#random() < 0.1 ? 400 : 20);
    const fate = this.#random() / (world.sickness.get(this.#target.name) ?? 1);
    this.sent = fate >= 0.05;
    if (fate >= 0.1 && fate < 0.15) return;
    this.#timer = setTimeout(() => this.#happen(fate), afterMs);
  }

  #happen(fate: number): void {
    if (fate < 0.05) this.#fail(new GatewayError("connect_refused", "", { beforeSend: true }));
    else if (fate < 0.1) this.#fail(new GatewayError("upstream_reset", ""));
    else if (fate < 0.2) this.#answer(503, fate < 0.17 ? ["Retry-After", "1"] : []);
    else this.#answer(fate < 0.22 ? 500 : 200, []);
  }

  #answer(status: number, fields: string[]): void {
    this.responseBegun = true;
    this.#listener.head({ ...HEAD, status, fields });
    if (this.#over) return;
    this.#end();
    this.#listener.end([]);
  }

  #fail(error: GatewayError): void {
    this.#end();
    this.#listener.failed(error);
  }

  #end(): void {
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#target.release();
  }

  resume(): void {}
  giveBack(): void {}

  abort(): void {
    if (!this.#over) this.#end();
  }

  /** Stalls end by `timeout.headers`. */
  checkDeadlines(): void {
    this.#checks += 1;
    if (this.#over || this.#checks < TICKS_MAX) return;
    this.#fail(new GatewayError("headers_timeout", ""));
  }
}

class World {
  readonly sickness = new Map<string, number>();
  readonly clock = new FakeClock();
  readonly config: ClusterConfig;
  readonly cluster: Cluster;
  readonly #random: Random;
  readonly #requestsMs: number[] = [];
  readonly #extrasMs: number[] = [];
  readonly #attempts = new Map<object, number>();
  begun = 0;
  ended = 0;
  extras = 0;

  constructor(seed: number, io: OriginIo) {
    this.#random = drawn(seed);
    const random = this.#random;
    const count = 1 + Math.floor(random() * 6);
    const targets = Array.from({ length: count }, (_item, index) => {
      return { url: `http://10.0.0.${index}:1`, weight: 1, priority: 0, isLocal: true };
    });
    this.config = {
      ...CLUSTER_DEFAULTS,
      name: "simulated",
      targets,
      pool: { ...CLUSTER_DEFAULTS.pool, connections: 5 + Math.floor(random() * 50), queue: 10 },
      retry: {
        ...CLUSTER_DEFAULTS.retry,
        attempts: 1 + Math.floor(random() * 5),
        when: ["connect", "reset", "timeout", 503],
      },
      hedge: random() < 0.7 ? { quantile: 0.9, afterMsMin: 5 } : null,
      limit: random() < 0.5 ? { limitMin: 5, limitMax: 5 + Math.floor(random() * 60) } : null,
      eject: { ...CLUSTER_DEFAULTS.eject, after: 3, forMs: 300, forMsMax: 900 },
      breaker: { ...CLUSTER_DEFAULTS.breaker, errorShare: random() < 0.5 ? 0.5 : 0, openMs: 200 },
    };
    this.cluster = new Cluster(this.config, this.clock, io, { random });
    this.#watchBudget();
    for (const { target } of this.cluster.targets()) {
      this.sickness.set(target, random() < 0.3 ? 1 / (0.1 + random()) : 0.2 + random());
    }
  }

  attempt(request: OriginRequest, listener: AttemptListener, target: Target): Attempt {
    const before = this.#attempts.get(request) ?? 0;
    this.#attempts.set(request, before + 1);
    if (before > 0) this.extras += 1;
    return new DrawnAttempt(listener, target, this.#random);
  }

  /** Looks at each token at the moment at which it is taken. */
  #watchBudget(): void {
    const { cluster } = this;
    const takeRetry = cluster.takeRetry.bind(cluster);
    const takeHedge = cluster.takeHedge.bind(cluster);
    cluster.takeRetry = (reason) => {
      const grant = takeRetry(reason);
      if (grant === "taken") this.#checkBudget();
      return grant;
    };
    cluster.takeHedge = (first, key) => {
      const target = takeHedge(first, key);
      if (target !== null) this.#checkBudget();
      return target;
    };
  }

  #checkBudget(): void {
    const { retriesRunning, active } = this.cluster.status();
    const { budgetMin, budgetShare } = this.config.retry;
    const nowMs = this.clock.monotonicMs();
    this.#extrasMs.push(nowMs);
    if (retriesRunning > Math.max(budgetMin, budgetShare * active)) {
      throw new Error(`${retriesRunning} retries and hedges beside ${active} requests`);
    }
    // Both windows are of ten seconds, in slots of one.
    const recent = this.#extrasMs.filter((ms) => nowMs - ms < 9000).length;
    const requests = this.#requestsMs.filter((ms) => nowMs - ms < 11_000).length;
    if (recent > Math.max(budgetMin, budgetShare * requests)) {
      throw new Error(`${recent} retries and hedges for ${requests} requests`);
    }
  }

  check(): void {
    const out = this.cluster
      .targets()
      .filter(({ condition }) => condition === "ejected" || condition === "resting").length;
    const cap = ejectedMax(this.config.targets.length, this.config.eject);
    if (out > cap) throw new Error(`${out} targets out, ${cap} may be`);
    const { active } = this.cluster.status();
    const { limit } = this.config;
    if (limit !== null && active > Math.ceil(limit.limitMax * 1.1)) {
      throw new Error(`${active} requests at a time, limit ${limit.limitMax}`);
    }
  }

  begin(): void {
    const idempotent = this.#random() < 0.8;
    const request = requestOf(idempotent ? "GET" : "POST", "/");
    let endings = 0;
    const end = (): void => {
      endings += 1;
      this.ended += 1;
      if (endings > 1) throw new Error("a call ended twice");
    };
    this.begun += 1;
    this.#requestsMs.push(this.clock.monotonicMs());
    const call = this.cluster.forward(request, {
      onInterim: () => {},
      onHead: () => {},
      onData: () => true,
      onEnd: end,
      onError: end,
    });
    if (this.#random() < 0.03) {
      setTimeout(() => {
        if (endings > 0) return;
        call.abort();
        end();
      }, this.#random() * 50);
    }
  }

  async run(forMs: number): Promise<void> {
    const burst = 1 + Math.floor(this.#random() * 8);
    for (let elapsedMs = 0; elapsedMs < forMs; ) {
      for (let count = Math.floor(this.#random() * (burst + 1)); count > 0; count -= 1)
        this.begin();
      const stepMs = 1 + Math.floor(this.#random() * 20);
      await this.#advance(stepMs);
      elapsedMs += stepMs;
    }
    // No more come: all that were begun end.
    for (let step = 0; step < 400 && this.ended < this.begun; step += 1) await this.#advance(20);
  }

  async #advance(stepMs: number): Promise<void> {
    for (let ms = 0; ms < stepMs; ms += 1) {
      this.clock.advance(1);
      vi.advanceTimersByTime(1);
    }
    // What a call says later, it says now.
    await new Promise<void>((resolve) => process.nextTick(() => resolve()));
    this.check();
  }
}

const SEEDS = 2000;

test(`${SEEDS} seeds`, { timeout: 120_000 }, async () => {
  const core = loadCore();
  const io = new OriginIo(core, new CorePools(core));
  let extras = 0;
  let hedges = 0;
  let refused = 0;
  let ejections = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    world = new World(seed, io);
    const { cluster } = world;
    try {
      await world.run(800);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
    const { active, retriesRunning, retried, overLimit } = cluster.status();
    const left = cluster
      .targets()
      .reduce((sum, { inFlight, queued }) => sum + inFlight + queued, 0);
    expect([seed, world.begun - world.ended, active, retriesRunning, left]).toEqual([
      seed,
      0,
      0,
      0,
      0,
    ]);
    extras += world.extras;
    hedges += retried["hedge"] ?? 0;
    refused += overLimit;
    ejections += cluster.targets().reduce((sum, target) => sum + target.ejections, 0);
    await cluster.close();
  }
  // It was put to the test.
  for (const count of [extras, hedges, refused, ejections])
    expect(count).toBeGreaterThan(SEEDS / 10);
});
