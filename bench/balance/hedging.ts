// Owns the hedging benchmark: three origin servers that stall in 2 % of their requests, with and
// without hedging, interleaved. Prints latency, what more the origins see, and processor time of
// the gateway. node hedging.ts [--rounds N] [--json FILE]

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { runFixedRate } from "../end-to-end/fixed-rate.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { requestsSeen, startRig } from "./rig.ts";

const RATE_PER_SECOND = 400;
const WARMUP_SECONDS = 3;
const SECONDS = 8;
const STALLING = { workMs: 5, stallEvery: 50, stallMs: 500 };
const HEDGES = ["off", "p99", "p97", "p95"] as const;

interface Run {
  readonly hedge: (typeof HEDGES)[number];
  readonly round: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failed: number;
  /** Requests that the origins saw for one of a client. */
  readonly perRequest: number;
  readonly gatewayMicros: number;
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "string" } },
});
const runs: Run[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const hedge of HEDGES) {
    const run = await measure(hedge, round);
    runs.push(run);
    process.stdout.write(`${JSON.stringify(run)}\n`);
  }
}
if (values.json !== undefined) {
  const about = { machine: describeMachine(), rate: RATE_PER_SECOND, origins: STALLING, runs };
  writeFileSync(values.json, `${JSON.stringify(about, null, 1)}\n`);
}

async function measure(hedge: Run["hedge"], round: number): Promise<Run> {
  const rig = await startRig([STALLING, STALLING, STALLING], (targets) => ({
    upstreams: { app: { targets, hedge } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
  }));
  try {
    const cpuMs = rig.gatewayMs();
    const before = await requestsSeen(rig);
    const result = await runFixedRate({
      port: rig.port,
      path: "/",
      ratePerSecond: RATE_PER_SECOND,
      connections: 200,
      warmupSeconds: WARMUP_SECONDS,
      seconds: SECONDS,
      seed: 1 + round,
    });
    const requests = (result.due * (WARMUP_SECONDS + SECONDS)) / SECONDS;
    return {
      hedge,
      round,
      p50Ms: result.latencyMs.p50,
      p99Ms: result.latencyMs.p99,
      p999Ms: result.latencyMs.p999,
      failed: result.failed,
      perRequest: ((await requestsSeen(rig)) - before) / requests,
      gatewayMicros: ((rig.gatewayMs() - cpuMs) * 1000) / requests,
    };
  } finally {
    await rig.close();
  }
}
