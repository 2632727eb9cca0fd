// Owns the latency section: p50 and p99 at fixed rates that every gateway under comparison can
// bear, in interleaved rounds, with the origin alone beside them as the floor of what the generator
// can see.

import { join } from "node:path";
import type { BenchContext, Subject } from "./bench-context.ts";
import type { FixedRateOptions, FixedRateResult } from "./fixed-rate.ts";

export interface LatencyScenario {
  readonly name: string;
  readonly mode: "hits" | "proxied";
  readonly ratePerSecond: number;
}

export interface LatencySample {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failed: number;
  readonly due: number;
  /** Lateness of the generator itself at its p99. */
  readonly latenessP99Ms: number;
}

export const latencyScenarios: readonly LatencyScenario[] = [
  { name: "hits 1 KiB at 10,000/s", mode: "hits", ratePerSecond: 10_000 },
  { name: "proxied 1 KiB at 2,000/s", mode: "proxied", ratePerSecond: 2_000 },
  { name: "proxied 1 KiB at 8,000/s", mode: "proxied", ratePerSecond: 8_000 },
];

export const directName = "no gateway";

const connections = 64;

/** The order of subjects turns with the round. `null` is the origin itself, without a gateway. */
export async function measureLatency(
  context: BenchContext,
  subjects: readonly Subject[],
  scenario: LatencyScenario,
  round: number,
  seconds: number,
): Promise<LatencySample[]> {
  const taking: (Subject | null)[] = [
    null,
    ...subjects.filter((one) => !one.peer.accessLog && one.peer.modes.includes(scenario.mode)),
  ];
  const samples: LatencySample[] = [];
  for (let index = 0; index < taking.length; index++) {
    const subject = taking[(index + round) % taking.length] ?? null;
    const name = subject?.name ?? directName;
    await context.faults.guard(name, async () => {
      const result = await runGenerator(context, {
        port: subject?.port ?? context.origin.port,
        path: scenario.mode === "hits" ? "/fresh/1k" : "/pass/1k",
        ratePerSecond: scenario.ratePerSecond,
        connections,
        warmupSeconds: 0.5,
        seconds,
        seed: round + 1,
      });
      samples.push({
        scenario: scenario.name,
        subject: name,
        round,
        p50Ms: result.latencyMs.p50,
        p99Ms: result.latencyMs.p99,
        p999Ms: result.latencyMs.p999,
        failed: result.failed,
        due: result.due,
        latenessP99Ms: result.latenessMs.p99,
      });
    });
  }
  return samples;
}

async function runGenerator(
  context: BenchContext,
  options: FixedRateOptions,
): Promise<FixedRateResult> {
  const script = join(import.meta.dirname, "fixed-rate.ts");
  const output = await context.children.run({
    file: process.execPath,
    arguments: [script, JSON.stringify(options)],
    core: context.loadCore,
  });
  return JSON.parse(output) as FixedRateResult;
}
