// Owns the overload benchmark: the capacity of two origin servers is measured first, then three
// times as much is offered, whether or not it is answered, with and without a learnt limit. Prints
// good answers, their latency, and whether health checks stay green. node overload.ts [--rounds N]
// [--json FILE]

import { writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { nowMs } from "../end-to-end/clock.ts";
import { runFixedRate } from "../end-to-end/fixed-rate.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { type Rig, startRig } from "./rig.ts";

const ORIGIN = { workMs: 10, workers: 8 };
const CLIENTS_AT_CAPACITY = 24;
const CAPACITY_SECONDS = 4;
const WARMUP_SECONDS = 3;
const SECONDS = 8;
const OVERLOAD = 3;

interface Run {
  readonly concurrency: "off" | "adaptive";
  readonly round: number;
  /** Good answers a second of a closed loop. */
  readonly capacity: number;
  readonly offered: number;
  readonly good: number;
  readonly goodShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly healthChecks: number;
  readonly healthFailed: number;
  readonly healthMaxMs: number;
  readonly gatewayBusy: number;
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "string" } },
});
const runs: Run[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const concurrency of ["off", "adaptive"] as const) {
    const run = await measure(concurrency, round);
    runs.push(run);
    process.stdout.write(`${JSON.stringify(run)}\n`);
  }
}
if (values.json !== undefined) {
  const about = { machine: describeMachine(), origins: [ORIGIN, ORIGIN], overload: OVERLOAD, runs };
  writeFileSync(values.json, `${JSON.stringify(about, null, 1)}\n`);
}

async function measure(concurrency: Run["concurrency"], round: number): Promise<Run> {
  const rig = await startRig([ORIGIN, ORIGIN], (targets) => ({
    upstreams: { app: { targets, concurrency, breaker: "off" } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  }));
  try {
    const capacity = await capacityOf(rig);
    const health = watchHealth(rig);
    const cpuMs = rig.gatewayMs();
    const startedMs = nowMs();
    const result = await runFixedRate({
      port: rig.port,
      path: "/",
      ratePerSecond: OVERLOAD * capacity,
      connections: 2000,
      warmupSeconds: WARMUP_SECONDS,
      seconds: SECONDS,
      seed: 1 + round,
    });
    const gatewayBusy = (rig.gatewayMs() - cpuMs) / (nowMs() - startedMs);
    const good = result.answered / SECONDS;
    return {
      concurrency,
      round,
      capacity,
      offered: result.due / SECONDS,
      good,
      goodShare: good / capacity,
      p50Ms: result.latencyMs.p50,
      p99Ms: result.latencyMs.p99,
      ...(await health.end()),
      gatewayBusy,
    };
  } finally {
    await rig.close();
  }
}

async function capacityOf(rig: Rig): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const endMs = nowMs() + CAPACITY_SECONDS * 1000;
  let count = 0;
  const client = async (): Promise<void> => {
    while (nowMs() < endMs) if ((await statusOf(rig.port, "/", agent)) === 200) count += 1;
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_CAPACITY }, client));
  agent.destroy();
  return count / CAPACITY_SECONDS;
}

/** Asks every 100 ms, on a connection of its own as balancers do. */
function watchHealth(rig: Rig): {
  end(): Promise<Pick<Run, "healthChecks" | "healthFailed" | "healthMaxMs">>;
} {
  const counts = { healthChecks: 0, healthFailed: 0, healthMaxMs: 0 };
  let watching = true;
  const done = (async () => {
    while (watching) {
      const startedMs = nowMs();
      const status = await statusOf(rig.port, "/health").catch(() => 0);
      counts.healthChecks += 1;
      if (status !== 200) counts.healthFailed += 1;
      counts.healthMaxMs = Math.max(counts.healthMaxMs, nowMs() - startedMs);
      await delay(100);
    }
  })();
  return {
    end: async () => {
      watching = false;
      await done;
      return counts;
    },
  };
}

function statusOf(port: number, path: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", path, agent: agent ?? false };
    get(options, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    }).once("error", reject);
  });
}
