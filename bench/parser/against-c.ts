// `npm run bench:c -- DIRECTORY`: the Wasm core against picohttpparser in C, of which DIRECTORY is
// a copy; its code is no part of this repository. Needs gcc. Both are called directly in a loop, in
// short rounds in turn, copied and in place; prints the fastest rounds and C's time by Wasm's.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as layout from "../../assembly/layout.ts";
import { type Core, loadCore } from "../../src/core/core.ts";
import { HEADS, type HeadSample } from "../corpus/heads.ts";
import { freshLoop } from "./fresh.ts";

const ROUNDS = 60;
/** Rounds of Wasm between two runs of C. */
const ROUNDS_PER_C = 6;
const ROUND_US = 500;
const WARM_UP_RUNS = 50_000;
const HARNESS = fileURLToPath(new URL("./against-c.c", import.meta.url));

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  process.stderr.write("bench:c: give the directory of a copy of picohttpparser\n");
  process.exit(2);
}
const work = mkdtempSync(join(tmpdir(), "edgelane-against-c-"));
const program = join(work, "c");
const flags = ["-O3", "-msse4.2", "-I", directory];
execFileSync("gcc", [...flags, HARNESS, join(directory, "picohttpparser.c"), "-o", program]);
const core = loadCore({ engine: "wasm-simd", seed: 1n, slabs: 1, chunkedStates: 1 });
process.stdout.write("head: Wasm copied, C copied, ratio; Wasm in place, C in place, ratio\n");
for (const head of HEADS) compare(head);
rmSync(work, { recursive: true });

function compare(head: HeadSample): void {
  const file = join(work, "head");
  writeFileSync(file, head.bytes);
  const loops = ["bytes.set(source, input);", ""].map((copy) => loopOf(core, head, copy));
  const counts = loops.map((loop) => runsOf(loop));
  const wasm = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const c = [...wasm];
  for (let round = 0; round < ROUNDS; round++) {
    loops.forEach((loop, way) => {
      wasm[way] = Math.min(wasm[way] ?? 0, nanoseconds(loop, counts[way] ?? 1));
    });
    if (round % ROUNDS_PER_C !== 0) continue;
    const kind = head.kind === "request" ? "0" : "1";
    const output = execFileSync(program, [file, kind, "10", String(ROUND_US)], {
      encoding: "utf8",
    });
    output.split(" ").forEach((time, way) => {
      c[way] = Math.min(c[way] ?? 0, Number(time));
    });
  }
  const columns = wasm.map((time, way) => {
    const other = c[way] ?? 0;
    return `${time.toFixed(1)} ${other.toFixed(1)} ${(other / time).toFixed(2)}`;
  });
  process.stdout.write(`${head.name.padEnd(26)} ${columns.join("   ")}\n`);
}

/** Parses the head, after the statement `copy`, and adds up the statuses. */
function loopOf(engine: Core, head: HeadSample, copy: string): (count: number) => number {
  const { bytes, scratchRecord, scratchInput } = engine;
  const isRequest = head.kind === "request";
  const parse = isRequest ? engine.parseRequestHead : engine.parseResponseHead;
  const names = { source: head.bytes, bytes, input: scratchInput, parse };
  const method = isRequest ? "" : `, ${layout.METHOD_GET}`;
  const call = `parse(${scratchRecord}, ${scratchInput}, ${head.bytes.length}${method})`;
  const loop = freshLoop(names, call, copy);
  bytes.set(head.bytes, scratchInput);
  if (loop(1) !== layout.STATUS_COMPLETE) throw new Error(`${head.name} is not complete`);
  return loop;
}

function runsOf(loop: (count: number) => number): number {
  loop(WARM_UP_RUNS);
  return Math.max(1, Math.round((ROUND_US * 1000) / nanoseconds(loop, WARM_UP_RUNS)));
}

function nanoseconds(loop: (count: number) => number, runs: number): number {
  const start = performance.now();
  loop(runs);
  return ((performance.now() - start) * 1e6) / runs;
}
