// Owns the run of the whole benchmark: which sections, in which order, and what becomes of the
// result. `runBenchmark` is the function behind `npm run bench` and `edgelane bench`.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkAnswers } from "./answer-check.ts";
import {
  type BenchContext,
  closeContext,
  openContext,
  type Subject,
  startSubject,
} from "./bench-context.ts";
import { todayUtc } from "./clock.ts";
import { latencyScenarios, measureLatency } from "./latency.ts";
import { describeMachine } from "./machine.ts";
import { measureBulk, measureIdle } from "./memory.ts";
import { type BenchOptions, parseOptions, sections, usage } from "./options.ts";
import type { Peer } from "./peer.ts";
import { caddy } from "./peer-caddy.ts";
import { edgelane, edgelaneWithLog } from "./peer-edgelane.ts";
import { haproxy } from "./peer-haproxy.ts";
import { nginx, nginxWithLog } from "./peer-nginx.ts";
import { fastify, httpProxy3 } from "./peer-node.ts";
import { varnish } from "./peer-varnish.ts";
import { findVersion, installSystemPackages } from "./programs.ts";
import { renderReport } from "./report.ts";
import { type BenchResult, judgeGoals, type Samples } from "./result.ts";
import { measureStart } from "./startup.ts";
import { measureThroughput, scenarios } from "./throughput.ts";

const allPeers: readonly Peer[] = [
  edgelane,
  edgelaneWithLog,
  nginx,
  nginxWithLog,
  haproxy,
  varnish,
  caddy,
  fastify,
  httpProxy3,
];

const bulkBytes = { quick: 2 ** 28, full: 2 ** 30 };
const idleConnections = { quick: 2_000, full: 5_000 };

type MutableSamples = { -readonly [Key in keyof Samples]: Samples[Key][number][] };

/**
 * Throws when the machine cannot run it or when a gateway gives wrong answers; starts nothing that
 * outlives it.
 */
export async function runBenchmark(
  options: BenchOptions,
  progress: (line: string) => void,
): Promise<BenchResult> {
  if (process.platform !== "linux") throw new Error("the benchmark needs Linux: taskset and /proc");
  const missing: string[] = [];
  const problem = options.install ? installSystemPackages() : null;
  if (problem !== null) missing.push(problem);
  const wrk = findVersion("wrk", "-v");
  if (!wrk.found) throw new Error(`${wrk.reason}; --install installs it`);
  const { peers, versions } = await findPeers(options, missing);
  versions["wrk"] = wrk.version;
  const context = await openContext(bulkBytes[options.extent], progress);
  const samples: MutableSamples = { throughput: [], latency: [], idle: [], bulk: [], startup: [] };
  try {
    await measureTraffic(context, options, peers, samples);
    await measureProcesses(context, options, peers, samples);
  } finally {
    await closeContext(context);
  }
  return {
    format: 1,
    date: todayUtc(),
    machine: describeMachine(),
    options: {
      extent: options.extent,
      only: options.only,
      rounds: options.rounds,
      seconds: options.seconds,
    },
    versions,
    missing: [...missing, ...context.faults.reasons()],
    origin: context.origin.kind,
    ...samples,
    goals: judgeGoals(samples),
  };
}

async function findPeers(
  options: BenchOptions,
  missing: string[],
): Promise<{ peers: Peer[]; versions: Record<string, string> }> {
  const unknown = options.peers?.find((name) => !allPeers.some((peer) => peer.name === name));
  if (unknown !== undefined) throw new RangeError(`there is no peer called ${unknown}`);
  const peers: Peer[] = [];
  const versions: Record<string, string> = {};
  for (const peer of allPeers) {
    if (options.peers !== null && !options.peers.includes(peer.name)) continue;
    if (peer.accessLog && options.extent === "quick") continue;
    const availability = await peer.find();
    if (availability.found) {
      peers.push(peer);
      if (!peer.accessLog) versions[peer.name] = availability.version;
    } else {
      missing.push(`${peer.name}: ${availability.reason}`);
    }
  }
  return { peers, versions };
}

/** Throughput and latency: all gateways run throughout and are loaded in turn. */
async function measureTraffic(
  context: BenchContext,
  options: BenchOptions,
  peers: readonly Peer[],
  samples: MutableSamples,
): Promise<void> {
  const throughput = (["hits", "proxied"] as const)
    .filter((mode) => options.only.includes(mode))
    .flatMap((mode) => scenarios(mode, options.extent));
  const latency = options.only.includes("latency")
    ? latencyScenarios.filter((_, index) => options.extent === "full" || index < 2)
    : [];
  if (throughput.length + latency.length === 0) return;
  const subjects: Subject[] = [];
  for (const peer of peers) {
    await context.faults.guard(peer.name, async () => {
      const subject = await startSubject(context, peer);
      await checkAnswers(context, subject);
      subjects.push(subject);
      context.progress(`${peer.name} answers correctly`);
    });
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const scenario of throughput) {
      context.progress(`round ${round + 1}/${options.rounds}: ${scenario.name}`);
      const { seconds } = options;
      const measured = await measureThroughput(context, subjects, scenario, round, seconds);
      samples.throughput.push(...measured);
    }
    if (options.extent === "quick" && round > 0) continue;
    for (const scenario of latency) {
      context.progress(`round ${round + 1}/${options.rounds}: latency, ${scenario.name}`);
      const { seconds } = options;
      samples.latency.push(...(await measureLatency(context, subjects, scenario, round, seconds)));
    }
  }
  await Promise.all(subjects.map((subject) => subject.child.stop()));
}

/**
 * Memory and start-up: each measurement has a gateway of its own. Quick runs measure our own
 * gateway only.
 */
async function measureProcesses(
  context: BenchContext,
  options: BenchOptions,
  peers: readonly Peer[],
  samples: MutableSamples,
): Promise<void> {
  const quick = options.extent === "quick" && options.peers === null;
  const measured = peers.filter((peer) => !peer.accessLog && (!quick || peer === edgelane));
  const rounds = options.extent === "quick" ? 1 : Math.min(3, options.rounds);
  for (let round = 0; round < rounds; round++) {
    for (const peer of measured) {
      context.progress(`round ${round + 1}/${rounds}: ${peer.name}, memory and start-up`);
      await context.faults.guard(peer.name, async () => {
        if (options.only.includes("startup")) {
          samples.startup.push(await measureStart(context, peer, round));
        }
        if (options.only.includes("idle")) {
          const connections = idleConnections[options.extent];
          samples.idle.push(await measureIdle(context, peer, round, connections));
        }
        if (!options.only.includes("bulk") || !peer.modes.includes("bulk")) return;
        for (const direction of ["down", "up"] as const) {
          samples.bulk.push(await measureBulk(context, peer, round, direction));
        }
      });
    }
  }
}

/**
 * Stores a complete run under bench/results and any run where --json says; gives the file, or null.
 */
function storeResult(result: BenchResult, options: BenchOptions): string | null {
  const complete = options.peers === null && options.only.length === sections.length;
  if (options.jsonFile === null && !complete) return null;
  const file = options.jsonFile ?? resultFile(result);
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  return file;
}

function resultFile(result: BenchResult): string {
  const directory = join(import.meta.dirname, "..", "results");
  mkdirSync(directory, { recursive: true });
  const name = `${result.date}-end-to-end${result.options.extent === "quick" ? "-quick" : ""}`;
  let file = join(directory, `${name}.json`);
  for (let copy = 2; existsSync(file); copy++) file = join(directory, `${name}-${copy}.json`);
  return file;
}

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(words);
    if (options === "help") {
      process.stdout.write(usage);
      return 0;
    }
    const progress = (line: string): void => void process.stderr.write(`${line}\n`);
    const result = await runBenchmark(options, progress);
    const file = storeResult(result, options);
    process.stdout.write(renderReport(result));
    if (file !== null) process.stderr.write(`stored in ${file}\n`);
    return result.missing.some((reason) => reason.startsWith(edgelane.name)) ? 1 : 0;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof TypeError || error instanceof RangeError ? 2 : 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
