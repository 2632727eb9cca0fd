// Owns the shape of a stored result and the verdicts on the goals. Everything here is computed from
// the raw samples that the result keeps, so that a reader can compute it again.

import type { LatencySample } from "./latency.ts";
import type { Machine } from "./machine.ts";
import type { BulkSample, IdleSample } from "./memory.ts";
import type { BenchOptions } from "./options.ts";
import type { StartSample } from "./startup.ts";
import { median, pairedRatio, type Summary } from "./statistics.ts";
import type { ThroughputSample } from "./throughput.ts";

export interface BenchResult {
  readonly format: 1;
  readonly date: string;
  readonly machine: Machine;
  readonly options: Pick<BenchOptions, "extent" | "only" | "rounds" | "seconds">;
  /** Name and version of each peer that took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Peers and sections that are missing, each with its reason. */
  readonly missing: readonly string[];
  readonly origin: string;
  readonly throughput: readonly ThroughputSample[];
  readonly latency: readonly LatencySample[];
  readonly idle: readonly IdleSample[];
  readonly bulk: readonly BulkSample[];
  readonly startup: readonly StartSample[];
  readonly goals: readonly Goal[];
}

export interface Goal {
  readonly name: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

export type Samples = Pick<BenchResult, "throughput" | "latency" | "idle" | "bulk" | "startup">;

const ours = "edgelane";
const nodeProxies = ["fastify", "http-proxy-3"];
const mebibyte = 1_048_576;

/** The goals that the samples can decide; one row for each scenario. */
export function judgeGoals(samples: Samples): Goal[] {
  const goals: Goal[] = [];
  for (const scenario of scenarioNames(samples.throughput)) {
    const hits = scenario.startsWith("hits");
    const least = hits ? 0.9 : 0.5;
    const baseline = hits ? "nginx proxy_cache" : "nginx proxy_pass";
    const share = ratio(samples.throughput, scenario, ours, "nginx");
    if (share !== null) goals.push(atLeast(`${scenario} against ${baseline}`, share, least));
    const best = bestNodeProxy(samples.throughput, scenario);
    const factor = best === null ? null : ratio(samples.throughput, scenario, ours, best);
    if (factor !== null) goals.push(atLeast(`${scenario} against ${best ?? ""}`, factor, 3));
  }
  const idle = own(samples.idle).map((sample) => sample.bytesPerConnection / 1_024);
  if (idle.length > 0) goals.push(atMost("idle connection", median(idle), 5, "KiB"));
  for (const direction of ["down", "up"] as const) {
    const growth = own(samples.bulk)
      .filter((sample) => sample.direction === direction)
      .map((sample) => sample.growthBytes / mebibyte);
    const name = `memory growth while a large body streams ${direction}`;
    if (growth.length > 0) goals.push(atMost(name, median(growth), 32, "MiB"));
  }
  const ready = own(samples.startup).map((sample) => sample.readyMs);
  if (ready.length > 0) goals.push(atMost("ready", median(ready), 500, "ms"));
  return goals;
}

/**
 * Requests a second of `subject` over those of `baseline`, round by round; null when either is
 * missing.
 */
export function ratio(
  samples: readonly ThroughputSample[],
  scenario: string,
  subject: string,
  baseline: string,
): Summary | null {
  const summary = pairedRatio(
    perRound(samples, scenario, subject),
    perRound(samples, scenario, baseline),
  );
  return summary.count === 0 ? null : summary;
}

/** The Node proxy with the highest median, which ours is held against. */
export function bestNodeProxy(
  samples: readonly ThroughputSample[],
  scenario: string,
): string | null {
  let best: string | null = null;
  let bestRate = 0;
  for (const name of nodeProxies) {
    const rate = median([...perRound(samples, scenario, name).values()]);
    if (rate > bestRate) [best, bestRate] = [name, rate];
  }
  return best;
}

/** In the order of measurement. */
export function scenarioNames(samples: readonly { readonly scenario: string }[]): string[] {
  return [...new Set(samples.map((sample) => sample.scenario))];
}

function perRound(
  samples: readonly ThroughputSample[],
  scenario: string,
  subject: string,
): Map<number, number> {
  const matching = samples.filter((one) => one.scenario === scenario && one.subject === subject);
  return new Map(matching.map((sample) => [sample.round, sample.requestsPerSecond]));
}

function own<T extends { readonly subject: string }>(samples: readonly T[]): T[] {
  return samples.filter((sample) => sample.subject === ours);
}

function atLeast(name: string, measured: Summary, least: number): Goal {
  const spread = `${measured.min.toFixed(2)}-${measured.max.toFixed(2)}`;
  return {
    name,
    wanted: `>= ${least.toFixed(1)} x`,
    measured: `${measured.median.toFixed(2)} x (${spread})`,
    met: measured.median >= least,
  };
}

function atMost(name: string, measured: number, most: number, unit: string): Goal {
  return {
    name,
    wanted: `<= ${most} ${unit}`,
    measured: `${measured.toFixed(1)} ${unit}`,
    met: measured <= most,
  };
}
