// `npm run bench:eviction -- FILE...`: hit rates of the store and of simulated policies on access
// logs (docs/adr/0009-eviction.md). Prints a table for each log and lifetime, and stores
// bench/results/eviction.json, or what `--json` names. Without a file it runs on a generated log,
// says so, and stores nothing unless told to.

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadCore } from "../../src/core/core.ts";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { Drawn, Gdsf, WTinyLfu } from "./counters.ts";
import { generateLog } from "./generated-log.ts";
import type { EvictionPolicy } from "./policy.ts";
import { Lru, S3Fifo, Sieve } from "./queues.ts";
import { RealStore } from "./real-store.ts";
import { replay, type Score } from "./replay.ts";
import { collectTrace, readTrace, type Trace } from "./trace.ts";

/** Of the footprint: all objects of the log together. */
const SIZES_PERCENT = [0.5, 1, 5, 10];
const LIFETIMES_SECONDS = [60, 600, 3600, Number.POSITIVE_INFINITY];
const NAME_COLUMNS = 28;

const core = loadCore({ seed: 1n, slabs: 1, chunkedStates: 1 });

const POLICIES: Readonly<Record<string, (bytesMax: number) => EvictionPolicy>> = {
  LRU: (bytesMax) => new Lru(bytesMax),
  SIEVE: (bytesMax) => new Sieve(bytesMax),
  "S3-FIFO": (bytesMax) => new S3Fifo(bytesMax),
  "W-TinyLFU, 1 % window": (bytesMax) => new WTinyLfu(bytesMax),
  GDSF: (bytesMax) => new Gdsf(bytesMax),
  "requests, 16 drawn": (bytesMax) => new Drawn(bytesMax, { exponent: 0, sampleSize: 16 }),
  "requests/bytes, 16 drawn": (bytesMax) => new Drawn(bytesMax, { exponent: 1, sampleSize: 16 }),
  "requests/√bytes, 16 drawn": (bytesMax) => new Drawn(bytesMax, { exponent: 0.5, sampleSize: 16 }),
  "requests/√bytes, 32 drawn": (bytesMax) => new Drawn(bytesMax, { exponent: 0.5, sampleSize: 32 }),
  "the store": (bytesMax) => new RealStore(bytesMax, core),
};

interface Row extends Score {
  readonly policy: string;
  readonly sizePercent: number;
  /** null: nothing expires. */
  readonly lifetimeSeconds: number | null;
}

function measure(trace: Trace): Row[] {
  const rows: Row[] = [];
  for (const lifetime of LIFETIMES_SECONDS) {
    const isEndless = lifetime === Number.POSITIVE_INFINITY;
    const heads = SIZES_PERCENT.map((size) => `${size} %`.padStart(13)).join("");
    print(`\n${(isEndless ? "no expiry" : `${lifetime} s`).padEnd(NAME_COLUMNS)}${heads}`);
    for (const [policy, make] of Object.entries(POLICIES)) {
      const scores = SIZES_PERCENT.map((sizePercent) => {
        const bytesMax = Math.round((trace.footprintBytes * sizePercent) / 100);
        const { hitRate, byteHitRate } = replay(trace, make(bytesMax), lifetime);
        const score = { hitRate: round(hitRate), byteHitRate: round(byteHitRate) };
        rows.push({ policy, sizePercent, lifetimeSeconds: isEndless ? null : lifetime, ...score });
        return `${score.hitRate.toFixed(1)} / ${score.byteHitRate.toFixed(1)}`.padStart(13);
      });
      print(`${policy.padEnd(NAME_COLUMNS)}${scores.join("")}`);
    }
  }
  return rows;
}

function report(name: string, isGenerated: boolean, trace: Trace): Record<string, unknown> {
  const facts = {
    name,
    isGenerated,
    requests: trace.objects.length,
    objects: trace.sizes.length,
    footprintBytes: trace.footprintBytes,
    skippedLines: trace.skipped,
  };
  const { method, status, malformed } = trace.skipped;
  print(
    `\n${name}: ${facts.requests} requests for ${facts.objects} objects of together ` +
      `${(trace.footprintBytes / 1e6).toFixed(0)} MB; left out: ${method} lines by their method, ` +
      `${status} by their status, ${malformed} malformed\nhit rate / byte hit rate in percent, ` +
      "for limits in percent of that",
  );
  return { ...facts, rows: measure(trace) };
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values, positionals } = parseArgs({
  options: { json: { type: "string" } },
  allowPositionals: true,
});
const traces: Record<string, unknown>[] = [];
if (positionals.length === 0) {
  const trace = await collectTrace(generateLog());
  traces.push(report("a generated log, of no real site", true, trace));
}
for (const path of positionals) {
  // Only the name is told: a result says nothing of the machine's directories.
  const name = basename(path).replace(/\.gz$/, "");
  const trace = await readTrace(path).catch((error: Error) => {
    process.stderr.write(`${path}: ${error.message}\n`);
    process.exit(2);
  });
  traces.push(report(name, false, trace));
}
const results = fileURLToPath(new URL("../results/eviction.json", import.meta.url));
const file = values.json ?? (positionals.length > 0 ? results : undefined);
if (file !== undefined) {
  const result = { date: todayUtc(), machine: describeMachine(), scoredAfterPercent: 10, traces };
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
}
