// Measures the two tiers of the cache: how long a hit in memory, a hit in Redis and a miss take;
// what a Redis that dies, freezes, gets slow or is full in the middle of a run costs misses,
// against a gateway without one; that no request fails by any of it; and which requests the tiers
// save the origin. Rounds are interleaved. npm run bench:tiers -- [--rounds N] [--json FILE]

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { type Summary, summarise } from "../end-to-end/statistics.ts";
import { type Gateway, type RedisProcess, TiersBench, until } from "./bench.ts";

const RATE_PER_SECOND = 1000;
const SECONDS = 3;
/** Into the run: what was asked of Redis then is in the figures. */
const FAULT_AFTER_MS = 1500;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    json: {
      type: "string",
      default: join(import.meta.dirname, "..", "results", "tiers.json"),
    },
  },
});
const rounds = Number(values.rounds);

interface Sample {
  readonly round: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly failed: number;
  readonly due: number;
}

const samples = new Map<string, Sample[]>();
/** By fault, for each round: requests that waited for Redis until the origin was asked too. */
const waited = new Map<string, number[]>();
const bench = new TiersBench();
try {
  await bench.startOrigin();
  const redis = await bench.startRedis();
  const gateways = {
    without: await bench.startGateway(null),
    filler: await bench.startGateway(redis.port),
    with: await bench.startGateway(redis.port),
  };
  for (let round = 0; round < rounds; round++) await measureRound(round, redis, gateways);
  const survived = await surviveAll(redis, gateways.with);
  const savings = await measureSavings(redis.port);
  report(survived, savings);
} finally {
  await bench.close();
}

interface Gateways {
  readonly without: Gateway;
  /** Puts into Redis what `with` finds there. */
  readonly filler: Gateway;
  readonly with: Gateway;
}

async function measureRound(round: number, redis: RedisProcess, own: Gateways): Promise<void> {
  progress(`round ${round + 1} of ${rounds}: latency`);
  await measure("miss, no Redis", own.without, round, `/miss/${round}/{n}`);
  await measure("hit in memory, no Redis", own.without, round, `/miss/${round}/{n}`);
  await measure("miss, Redis asked first", own.with, round, `/miss/${round}/{n}`);
  await measure("hit in memory", own.with, round, `/miss/${round}/{n}`);
  await measure("", own.filler, round, `/l2/${round}/{n}`);
  const isWritten = async (): Promise<boolean> =>
    (await own.filler.metric("gateway_cache_queue_bytes")) === 0;
  await until(isWritten, "what is stored to be written to Redis");
  await measure("hit in Redis", own.with, round, `/l2/${round}/{n}`);
  for (const fault of faultsOf(redis)) {
    progress(`round ${round + 1} of ${rounds}: Redis ${fault.name}`);
    const path = `/${fault.name}/${round}/{n}`;
    const hedges = await own.with.metric("gateway_cache_hedges_total");
    await measure(`beside: ${fault.name}`, own.without, round, path);
    const measuring = measure(`Redis ${fault.name}`, own.with, round, path);
    await delay(FAULT_AFTER_MS);
    await fault.begin();
    await measuring;
    await fault.end();
    await own.with.isFollowing();
    await own.filler.isFollowing();
    const hedged = (await own.with.metric("gateway_cache_hedges_total")) - hedges;
    waited.set(fault.name, [...(waited.get(fault.name) ?? []), hedged]);
  }
}

interface Fault {
  readonly name: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

function faultsOf(redis: RedisProcess): readonly Fault[] {
  return [
    { name: "down", begin: () => redis.kill(), end: () => redis.start() },
    { name: "frozen", begin: () => redis.freeze(), end: () => redis.thaw() },
    { name: "slow", begin: () => void redis.slowDown(), end: () => redis.speedUp() },
    { name: "full", begin: () => redis.fill(), end: () => redis.empty() },
  ];
}

async function measure(
  name: string,
  gateway: Gateway,
  round: number,
  path: string,
): Promise<Sample> {
  const load = { path, ratePerSecond: RATE_PER_SECOND, seconds: SECONDS, seed: round + 1 };
  const { latencyMs, failed, due } = await bench.load(gateway, load);
  const { p50, p99, max } = latencyMs;
  const sample = { round, p50Ms: p50, p99Ms: p99, maxMs: max, failed, due };
  if (name !== "") samples.set(name, [...(samples.get(name) ?? []), sample]);
  return sample;
}

/**
 * Killed, started, frozen, thawed, restarted under load; how many requests there were and failed.
 */
async function surviveAll(
  redis: RedisProcess,
  gateway: Gateway,
): Promise<{ readonly due: number; readonly failed: number }> {
  progress("kill, freeze and restart under load");
  const load = { path: "/survive/{n}", ratePerSecond: RATE_PER_SECOND, seconds: 12, seed: 1 };
  const loading = bench.load(gateway, load);
  for (let count = 0; count < 3; count++) {
    await delay(1000);
    await redis.kill();
    await delay(700);
    await redis.start();
    await delay(1000);
    redis.freeze();
    await delay(700);
    redis.thaw();
  }
  const { due, failed } = await loading;
  await gateway.isFollowing();
  return { due, failed };
}

interface Saving {
  readonly tiers: string;
  readonly requests: number;
  readonly originRequests: number;
}

/**
 * Two instances that take turns, half of the requests each, and are then replaced by new ones that
 * get the same requests again: 2,000 objects, each asked for twice by each instance.
 */
async function measureSavings(redisPort: number): Promise<readonly Saving[]> {
  const savings: Saving[] = [];
  const set = { ratePerSecond: 2000, seconds: 0.5, seed: 1 };
  for (const [tiers, redis, memory] of [
    ["none", null, "off"],
    ["memory", null, "512MB"],
    ["memory and Redis", redisPort, "512MB"],
  ] as const) {
    progress(`origin requests, tiers: ${tiers}`);
    const before = await bench.originRequests();
    let requests = 0;
    for (let generation = 0; generation < 2; generation++) {
      const instances = [
        await bench.startGateway(redis, memory),
        await bench.startGateway(redis, memory),
      ];
      for (const instance of [...instances, ...instances]) {
        const path = `/saved/${savings.length}/{n}`;
        const { due, failed } = await bench.load(instance, { ...set, path });
        if (failed > 0) throw new Error("a request failed");
        // Those of the warm-up are not in `due`, and ask for other objects.
        requests += due;
        await delay(300);
      }
      for (const instance of instances) await instance.stop();
    }
    savings.push({ tiers, requests, originRequests: (await bench.originRequests()) - before });
  }
  return savings;
}

function report(
  survived: { readonly due: number; readonly failed: number },
  savings: readonly Saving[],
): void {
  const latencies = [...samples].map(([name, taken]) => ({
    name,
    p50Ms: summarise(taken.map((sample) => sample.p50Ms)),
    p99Ms: summarise(taken.map((sample) => sample.p99Ms)),
    maxMs: summarise(taken.map((sample) => sample.maxMs)),
    failed: taken.reduce((sum, sample) => sum + sample.failed, 0),
    due: taken.reduce((sum, sample) => sum + sample.due, 0),
  }));
  const differences = ["down", "frozen", "slow", "full"].map((fault) => ({
    fault,
    p50MsMore: summarise(differencesOf(`Redis ${fault}`, `beside: ${fault}`, "p50Ms")),
    p99MsMore: summarise(differencesOf(`Redis ${fault}`, `beside: ${fault}`, "p99Ms")),
    requestsThatWaited: waited.get(fault) ?? [],
  }));
  const result = {
    date: todayUtc(),
    machine: describeMachine(),
    rounds,
    ratePerSecond: RATE_PER_SECOND,
    secondsEach: SECONDS,
    latencies,
    differences,
    survived,
    savings,
  };
  writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  for (const { name, p50Ms, p99Ms, maxMs, failed } of latencies) {
    const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map(text);
    console.log(`${name.padEnd(26)} p50 ${p50}  p99 ${p99}  max ${max}  failed ${failed}`);
  }
  for (const { fault, p50MsMore, p99MsMore, requestsThatWaited } of differences) {
    const more = `p50 ${text(p50MsMore)}, p99 ${text(p99MsMore)} more than without`;
    console.log(`Redis ${fault}: ${more}; waited for it: ${requestsThatWaited.join(", ")}`);
  }
  console.log(`killed, frozen, restarted: ${survived.failed} of ${survived.due} requests failed`);
  for (const { tiers, requests, originRequests } of savings) {
    console.log(`tiers: ${tiers}: ${originRequests} origin requests for ${requests} requests`);
  }
}

/** Round by round, so that a machine that gets slower counts for neither. */
function differencesOf(name: string, baseline: string, of: "p50Ms" | "p99Ms"): number[] {
  const base = samples.get(baseline) ?? [];
  return (samples.get(name) ?? []).flatMap((sample) => {
    const beside = base.find(({ round }) => round === sample.round);
    return beside === undefined ? [] : [sample[of] - beside[of]];
  });
}

function text({ median, min, max }: Summary): string {
  return `${median.toFixed(2)} ms (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
