// Tests that a blocked event loop is seen as late by about as long as it was blocked, and an idle
// one is not.

import { afterEach, beforeEach, expect, test } from "vitest";
import { EventLoopLag } from "../../src/telemetry/event-loop-lag.ts";
import { within } from "../support/within.ts";

let lag: EventLoopLag;
beforeEach(() => {
  lag = new EventLoopLag();
});
afterEach(() => lag.close());

test("the maximum is how long the loop was blocked, its sampling period left out", async () => {
  await within(sampled(), 5000, "a first sample");
  const until = performance.now() + 150;
  while (performance.now() < until);
  await within(sampled(0.1), 5000, "a late sample");
  expect(statistic("max")).toBeGreaterThan(0.12);
  expect(statistic("max")).toBeLessThan(2);
  expect(statistic("p50")).toBeLessThan(0.1);
});

test("reading does not forget, and there is nothing before the first sample", async () => {
  expect(lag.read()).toEqual([]);
  await within(sampled(), 5000, "a first sample");
  const highest = statistic("max");
  expect(statistic("max")).toBeGreaterThanOrEqual(highest);
});

function statistic(label: string): number {
  return lag.read().find(([labels]) => labels[0] === label)?.[1] ?? Number.NaN;
}

/** Waits for a sample that is at least this late. */
async function sampled(seconds = 0): Promise<void> {
  while (!(statistic("max") >= seconds)) await new Promise((resolve) => setTimeout(resolve, 5));
}
