// `npm run fuzz:parser -- --cases N --seed S [--report FILE]`: the differential fuzzer for as long
// as wanted, in rounds that can be replayed one by one. Prints one line a round and writes a
// report.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { PARSE_ERRORS } from "../../../src/core/parse-errors.ts";
import { compareEngines, type FuzzReport } from "./differential.ts";

const ROUND_CASES = 1_000_000;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: String(ROUND_CASES) },
    seed: { type: "string", default: "1" },
    report: { type: "string" },
  },
});

const reports: FuzzReport[] = [];
const firstSeed = Number(values.seed);
for (let left = Number(values.cases), round = 0; left > 0; left -= ROUND_CASES, round++) {
  const report = compareEngines(Math.min(left, ROUND_CASES), firstSeed + round);
  reports.push(report);
  process.stdout.write(
    `seed ${report.seed}: ${report.cases} cases agree, digest ${report.digest}\n`,
  );
}
if (values.report !== undefined) writeFileSync(values.report, `${summary()}\n`);

function summary(): string {
  const sum = (of: (report: FuzzReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const errors = PARSE_ERRORS.slice(1).map(({ code, name }) => [
    name,
    sum((report) => report.errors[code] ?? 0),
  ]);
  const totals = {
    cases: sum((report) => report.cases),
    seeds: [firstSeed, firstSeed + reports.length - 1],
    runtime: `Node ${process.version}`,
    disagreements: 0,
    complete: sum((report) => report.complete),
    incomplete: sum((report) => report.incomplete),
    errors: Object.fromEntries(errors),
    digests: reports.map((report) => report.digest),
  };
  return JSON.stringify(totals, null, 2);
}
