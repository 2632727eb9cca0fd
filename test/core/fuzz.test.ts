// Differential fuzzing of the two engines: same result, code, offset and words for generated heads
// and bodies, whole and in pieces. FUZZ_SEED replays a run; `npm run fuzz:parser` runs more cases.

import { expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import { compareEngines } from "./fuzz/differential.ts";

const CASES = 300_000;

test("both engines agree about 300,000 cases", () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_101);
  const report = compareEngines(CASES, seed);
  expect(report.complete, "cases that parse").toBeGreaterThan(CASES / 10);
  const missing = report.errors
    .map((count, code) => (count === 0 && code !== layout.ERROR_NONE ? code : -1))
    .filter((code) => code >= 0);
  expect(missing, "codes that no case came to").toEqual([]);
}, 60_000);
