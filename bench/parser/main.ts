// `npm run bench:parser`: measures the parser on Node, Deno and Bun in turn, prints the ratios,
// stores everything in bench/results/parser.json and draws docs/parser-benchmark.svg. Says where
// Wasm loses. `npm run bench:parser -- chunked` (or head, hash) measures one kind only and stores
// nothing.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { barChart } from "./chart.ts";
import type { Timing } from "./measure.ts";

const ROOT = new URL("../../", import.meta.url);
const SCRIPT = "bench/parser/measure.ts";
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

const RUNTIMES: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ["Node", process.execPath, [SCRIPT]],
  ["Deno", "node_modules/.bin/deno", ["run", "--no-check", "-A", SCRIPT]],
  ["Bun", "node_modules/.bin/bun", [SCRIPT]],
];

interface RuntimeResult {
  readonly runtime: string;
  readonly timings: readonly Timing[];
}

const kinds = process.argv.slice(2, 3);
const results = RUNTIMES.map(([runtime, file, args]) => measureIn(runtime, file, args));
for (const result of results) print(result);
if (kinds.length === 0) {
  const stored = { date: todayUtc(), machine: describeMachine(), results };
  const file = new URL("bench/results/parser.json", ROOT);
  writeFileSync(file, `${JSON.stringify(stored, null, 1)}\n`);
  draw(results[0]?.timings ?? []);
}

function measureIn(runtime: string, file: string, args: readonly string[]): RuntimeResult {
  process.stdout.write(`measuring on ${runtime}\n`);
  const output = execFileSync(file, [...args, ...kinds], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const line = output.trim().split("\n").at(-1) ?? "";
  const { timings } = JSON.parse(line) as { timings: Timing[] };
  return { runtime, timings };
}

/** One line a group: the time of Wasm, and how many times longer the others take. */
function print({ runtime, timings }: RuntimeResult): void {
  const losses: string[] = [];
  process.stdout.write(`\n${runtime}: median of interleaved rounds [fastest; benny; mitata]\n`);
  for (const wasm of timings.filter(({ subject }) => subject === "wasm")) {
    const others = timings.filter(
      ({ group, subject }) => group === wasm.group && subject !== "wasm",
    );
    const ratios = others.map((other) => {
      const { subject, ratioToWasm } = other;
      if (ratioToWasm < 1) losses.push(`${wasm.group}: ${subject} is faster`);
      return `${subject} ${ratioToWasm.toFixed(1)}x`;
    });
    const times = [wasm.minNs, wasm.bennyNs, wasm.mitataNs].map((time) => time.toFixed(0));
    process.stdout.write(
      `  ${wasm.group.padEnd(34)}${wasm.medianNs.toFixed(0).padStart(8)} ns ` +
        `[${times.join("; ")}]  ${ratios.join("  ")}\n`,
    );
  }
  process.stdout.write(`  where Wasm loses: ${losses.join("; ") || "nowhere"}\n`);
}

function draw(timings: readonly Timing[]): void {
  const heads = timings.filter(({ kind }) => kind === "head");
  const bars = heads.map(({ group, subject, bytes, medianNs }) => ({
    group: `${group} (${bytes} B)`,
    subject,
    value: medianNs / bytes,
  }));
  const subtitle = `Node ${process.versions.node}, boundary copy included; shorter is better`;
  const chart = barChart("Parsing a head: nanoseconds a byte", subtitle, bars);
  writeFileSync(new URL("docs/parser-benchmark.svg", ROOT), chart);
}
