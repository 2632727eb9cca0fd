// `npm run bench:traces -- FILE...`: hit rate and origin requests saved on access logs, with each
// tier of the cache off and on. Prints a table for each log, and stores bench/results/traces.json,
// or what `--json` names.

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";
import { readTrace, type Trace } from "../eviction/trace.ts";
import { replay, type Score, type Setting, type Tiers } from "./replay.ts";

const SIZES_PERCENT = [1, 5, 10];
/** RFC 9111 section 1.2.2: the largest number of seconds stands for no expiry. */
const FOREVER_SECONDS = 2 ** 31;
const LIFETIMES_SECONDS = [600, FOREVER_SECONDS];
const TIERS: readonly Tiers[] = ["none", "L1", "L2", "both"];

interface Row extends Score {
  readonly tiers: Tiers;
  readonly instances: number;
  /** Of each tier, of all objects of the log together. */
  readonly sizePercent: number;
  /** null: nothing expires. */
  readonly lifetimeSeconds: number | null;
}

function measure(trace: Trace): Row[] {
  const rows: Row[] = [];
  for (const lifetimeSeconds of LIFETIMES_SECONDS) {
    const isEndless = lifetimeSeconds === FOREVER_SECONDS;
    for (const instances of [1, 2]) {
      print(`\n${isEndless ? "no expiry" : `TTL ${lifetimeSeconds} s`}, ${instances} gateway(s)`);
      for (const tiers of TIERS) {
        const cells = SIZES_PERCENT.map((sizePercent) => {
          const bytesMax = Math.round((trace.footprintBytes * sizePercent) / 100);
          const setting: Setting = { tiers, bytesMax, lifetimeSeconds, instances };
          const score = rounded(replay(trace, setting));
          const lifetime = isEndless ? null : lifetimeSeconds;
          rows.push({ tiers, instances, sizePercent, lifetimeSeconds: lifetime, ...score });
          const { hitRate, l1, l2, originBytesSaved } = score;
          const parts = `${hitRate.toFixed(1)} (${l1.toFixed(1)} + ${l2.toFixed(1)})`;
          return `${parts} / ${originBytesSaved.toFixed(1)}`.padStart(30);
        });
        print(`${tiers.padEnd(6)}${cells.join("")}`);
      }
    }
  }
  return rows;
}

function report(name: string, trace: Trace): Record<string, unknown> {
  const facts = {
    name,
    requests: trace.objects.length,
    objects: trace.sizes.length,
    footprintBytes: trace.footprintBytes,
  };
  print(
    `\n${name}: ${facts.requests} requests for ${facts.objects} objects of together ` +
      `${(trace.footprintBytes / 1e6).toFixed(0)} MB\nhit rate, which is what the origin server ` +
      "was spared of requests (from memory + from Redis) / and of bytes, in percent; " +
      `each tier has ${SIZES_PERCENT.join(", ")} % of that`,
  );
  return { ...facts, rows: measure(trace) };
}

function rounded(score: Score): Score {
  const entries = Object.entries(score) as [keyof Score, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Math.round(value * 10) / 10]),
  ) as unknown as Score;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values, positionals } = parseArgs({
  options: { json: { type: "string" } },
  allowPositionals: true,
});
if (positionals.length === 0) {
  process.stderr.write(
    "bench:traces: which access logs? npm run bench:traces -- FILE... (common or combined " +
      "format, or seconds, client, path and bytes with tabs between; .gz too)\n",
  );
  process.exit(2);
}
const traces: Record<string, unknown>[] = [];
for (const path of positionals) {
  // Only the name is told: a result says nothing of the machine's directories.
  const name = basename(path).replace(/\.gz$/, "");
  const trace = await readTrace(path).catch((error: Error) => {
    process.stderr.write(`${path}: ${error.message}\n`);
    process.exit(2);
  });
  traces.push(report(name, trace));
}
const file = values.json ?? fileURLToPath(new URL("../results/traces.json", import.meta.url));
const secondTier = "a stand-in with the expiry of L2 and volatile-lru, in simulated time";
const result = { date: todayUtc(), machine: describeMachine(), scoredAfterPercent: 10, secondTier };
writeFileSync(file, `${JSON.stringify({ ...result, traces }, null, 1)}\n`);
