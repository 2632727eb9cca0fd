// Measures every group on the runtime it is run with and prints one line of JSON: our own
// interleaved rounds, then benny, then mitata. Runs on Node, Deno and Bun alike.

import benny from "benny";
import { measure } from "mitata";
import { median } from "../end-to-end/statistics.ts";
import { freshLoop } from "./fresh.ts";
import { allGroups, type Group } from "./subjects.ts";

export interface Timing {
  readonly group: string;
  readonly kind: Group["kind"];
  readonly bytes: number;
  readonly subject: string;
  /** Nanoseconds a run: median, fastest and slowest of the interleaved rounds. */
  readonly medianNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  /** Median over the rounds of this subject's time by that of Wasm in the same round. */
  readonly ratioToWasm: number;
  readonly bennyNs: number;
  readonly mitataNs: number;
}

// Many short rounds: what else the machine does then falls on all subjects alike.
const ROUNDS = 61;
const ROUND_MS = 3;
const WARM_UP_MS = 120;

let sink = 0;

const timings: Timing[] = [];
const kind = globalThis.process.argv[2];
for (const group of allGroups()) {
  if (kind === undefined || group.kind === kind) timings.push(...(await timingsOf(group)));
}
globalThis.console.log(JSON.stringify({ timings, sink: sink === 0 }));

async function timingsOf(group: Group): Promise<Timing[]> {
  const rounds = group.subjects.map(() => [] as number[]);
  const loops = group.subjects.map(({ run }) => freshLoop({ run }, "run()"));
  const counts = loops.map((loop) => warmUp(loop));
  for (let round = 0; round < ROUNDS; round++) {
    loops.forEach((loop, index) => {
      rounds[index]?.push(timed(loop, counts[index] ?? 1));
    });
  }
  const bennyNs = await bennyTimes(group);
  const result: Timing[] = [];
  for (const [index, subject] of group.subjects.entries()) {
    const values = rounds[index] ?? [];
    const mitata = await measure(() => consume(subject.run()), { min_cpu_time: 30e6 });
    result.push({
      group: group.name,
      kind: group.kind,
      bytes: group.bytes,
      subject: subject.name,
      medianNs: median(values),
      minNs: Math.min(...values),
      maxNs: Math.max(...values),
      ratioToWasm: median(values.map((value, round) => value / (rounds[0]?.[round] ?? value))),
      bennyNs: bennyNs[index] ?? Number.NaN,
      mitataNs: mitata.p50,
    });
  }
  return result;
}

/** How many runs fill a round, once the compilers have done their work. */
function warmUp(loop: (count: number) => number): number {
  const start = performance.now();
  let runs = 0;
  while (performance.now() - start < WARM_UP_MS) {
    consume(loop(50));
    runs += 50;
  }
  return Math.max(1, Math.round((runs * ROUND_MS) / WARM_UP_MS));
}

function timed(loop: (count: number) => number, runs: number): number {
  const start = performance.now();
  consume(loop(runs));
  return ((performance.now() - start) * 1e6) / runs;
}

async function bennyTimes(group: Group): Promise<number[]> {
  const cases = group.subjects.map((subject) =>
    benny.add(subject.name, () => consume(subject.run()), { maxTime: 0.05 }),
  );
  const summary = await benny.suite(
    group.name,
    ...cases,
    benny.complete(() => {}),
  );
  const byName = new Map(summary.results.map(({ name, ops }) => [name, 1e9 / ops]));
  return group.subjects.map(({ name }) => byName.get(name) ?? Number.NaN);
}

function consume(result: number): void {
  sink = (sink + result) | 0;
}
