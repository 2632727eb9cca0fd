// Owns the balancing benchmark: each scene under each algorithm at a fixed rate, with a gateway and
// three origin servers that are processes of their own. Prints a table, writes bench/results, and
// says which of its promises were kept. node main.ts [--rounds N] [--json FILE]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nowMs } from "../end-to-end/clock.ts";
import { type FixedRateResult, runFixedRate } from "../end-to-end/fixed-rate.ts";
import { freePort, waitUntilReady } from "../end-to-end/http-client.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { ChildProcesses, type RunningProcess } from "../end-to-end/processes.ts";
import { type Scene, SCENES, type Stage } from "./scenes.ts";

const ALGORITHMS = ["round-robin", "least-conn", "p2c-ewma", "adaptive"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const RATE_PER_SECOND = 400;
const WARMUP_SECONDS = 2;
const SECONDS = 4;

interface Run {
  readonly scene: string;
  readonly algorithm: Algorithm;
  readonly round: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly errorShare: number;
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "string" } },
});

const directory = mkdtempSync(join(tmpdir(), "edgelane-balance-"));
const children = new ChildProcesses();
try {
  const runs = await measureAll(Number(values.rounds));
  const summary = summarise(runs);
  print(summary);
  if (values.json !== undefined) {
    const result = { machine: describeMachine(), rate: RATE_PER_SECOND, summary, runs };
    writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  }
} finally {
  await children.stopAll();
  rmSync(directory, { recursive: true, force: true });
}

async function measureAll(rounds: number): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const scene of SCENES) {
      for (const algorithm of ALGORITHMS) {
        const { latencyMs, failed, due } = await measure(scene, algorithm, round);
        runs.push({
          scene: scene.name,
          algorithm,
          round,
          p50Ms: latencyMs.p50,
          p99Ms: latencyMs.p99,
          maxMs: latencyMs.max,
          errorShare: failed / due,
        });
      }
    }
  }
  return runs;
}

async function measure(
  scene: Scene,
  algorithm: Algorithm,
  round: number,
): Promise<FixedRateResult> {
  const ports = await Promise.all(scene.origins.map(() => freePort()));
  const start = (index: number): RunningProcess => {
    const { workMs = 0, failureShare = 0 } = scene.origins[index] ?? {};
    const program = fileURLToPath(new URL("origin.ts", import.meta.url));
    const numbers = [ports[index], workMs, failureShare].map(String);
    return children.start({ file: process.execPath, arguments: [program, ...numbers] });
  };
  const origins = ports.map((_port, index) => start(index));
  for (const [index, origin] of origins.entries()) await ready(origin, ports[index] ?? 0);
  const port = await freePort();
  const gateway = startGateway(port, ports, algorithm);
  await ready(gateway, port);
  const last = origins.length - 1;
  const stage: Stage = {
    freeze: () => void origins[last]?.signal("SIGSTOP"),
    thaw: () => void origins[last]?.signal("SIGCONT"),
    kill: async () => {
      origins[last]?.signal("SIGKILL");
      await origins[last]?.exited;
    },
    restart: async () => {
      origins[last] = start(last);
    },
  };
  const load = runFixedRate({
    port,
    path: "/",
    ratePerSecond: RATE_PER_SECOND,
    connections: 200,
    warmupSeconds: WARMUP_SECONDS,
    seconds: SECONDS,
    seed: 1 + round,
  });
  const [result] = await Promise.all([load, scene.play(stage, (WARMUP_SECONDS + SECONDS) * 1000)]);
  await Promise.all([gateway.stop(), ...origins.map((origin) => origin.stop())]);
  return result;
}

function startGateway(port: number, ports: readonly number[], balance: Algorithm): RunningProcess {
  const file = join(directory, "edgelane.json");
  const targets = ports.map((target) => `http://127.0.0.1:${target}`);
  const config = {
    listen: [`127.0.0.1:${port}`],
    admin: "off",
    upstreams: { app: { targets, balance } },
    routes: [{ match: "/*", to: "app", cache: "off" }],
    log: { level: "silent", access: "off" },
  };
  writeFileSync(file, JSON.stringify(config));
  const program = fileURLToPath(new URL("../../build/js/src/cli.js", import.meta.url));
  return children.start({ file: process.execPath, arguments: [program, "serve", "-c", file] });
}

async function ready(child: RunningProcess, port: number): Promise<void> {
  await waitUntilReady(child, port, "/", nowMs(), 20);
}

interface Row {
  readonly scene: string;
  readonly algorithm: Algorithm;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Lowest and highest p99 of the rounds. */
  readonly p99SpreadMs: readonly [number, number];
  readonly errorShare: number;
}

function summarise(runs: readonly Run[]): readonly Row[] {
  return SCENES.flatMap((scene) =>
    ALGORITHMS.map((algorithm): Row => {
      const own = runs.filter((run) => run.scene === scene.name && run.algorithm === algorithm);
      const p99 = own.map((run) => run.p99Ms).sort((a, b) => a - b);
      return {
        scene: scene.name,
        algorithm,
        p50Ms: median(own.map((run) => run.p50Ms)),
        p99Ms: median(p99),
        p99SpreadMs: [p99[0] ?? Number.NaN, p99.at(-1) ?? Number.NaN],
        errorShare: median(own.map((run) => run.errorShare)),
      };
    }),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(rows: readonly Row[]): void {
  for (const scene of SCENES) {
    const own = rows.filter((row) => row.scene === scene.name);
    write(`\n${scene.name}: ${scene.about}`);
    write("  algorithm      p50 ms   p99 ms  (spread)          errors");
    for (const row of own) {
      const [low, high] = row.p99SpreadMs;
      const spread = `(${low.toFixed(1)}-${high.toFixed(1)})`.padEnd(16);
      const errors = `${(row.errorShare * 100).toFixed(2)} %`;
      const name = row.algorithm.padEnd(13);
      write(`  ${name} ${number(row.p50Ms)} ${number(row.p99Ms)}  ${spread}  ${errors}`);
    }
    for (const line of verdicts(scene, own)) write(`  ${line}`);
  }
}

function verdicts(scene: Scene, rows: readonly Row[]): readonly string[] {
  const of = (algorithm: Algorithm): Row | undefined =>
    rows.find((row) => row.algorithm === algorithm);
  const adaptive = of("adaptive")?.p99Ms ?? Number.NaN;
  const fixed = rows.filter((row) => row.algorithm !== "adaptive").map((row) => row.p99Ms);
  const best = Math.min(...fixed);
  const lines = [`adaptive / best fixed p99: ${(adaptive / best).toFixed(2)} (promise: <= 1.10)`];
  if (scene.unequal) {
    const ratio = adaptive / (of("round-robin")?.p99Ms ?? Number.NaN);
    lines.push(`adaptive / round robin p99: ${ratio.toFixed(2)} (promise: <= 0.75)`);
  }
  return lines;
}

function number(value: number): string {
  return value.toFixed(1).padStart(8);
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
