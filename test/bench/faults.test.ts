// Owns the proof that one failing gateway does not spoil the benchmark, and is not measured again.

import { expect, test } from "vitest";
import { Faults } from "../../bench/end-to-end/faults.ts";

test("a gateway that failed is left out and named; the others go on", async () => {
  const faults = new Faults();
  const measured: string[] = [];
  const measure = async (name: string): Promise<void> => {
    if (name === "broken" && measured.includes(name)) throw new Error("12 requests failed");
    measured.push(name);
  };
  for (let round = 0; round < 3; round++) {
    for (const name of ["broken", "sound"]) await faults.guard(name, () => measure(name));
  }
  expect(measured).toEqual(["broken", "sound", "sound", "sound"]);
  expect(faults.reasons()).toEqual(["broken failed: 12 requests failed"]);
});
