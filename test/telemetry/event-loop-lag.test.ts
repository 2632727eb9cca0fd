// Tests that a blocked event loop is seen as late by about as long as it was blocked, and an idle one is not.

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
  expect(quantile("1")).toBeGreaterThan(0.12);
  expect(quantile("1")).toBeLessThan(2);
  expect(quantile("0.5")).toBeLessThan(0.1);
});

test("reading does not forget, and there is nothing before the first sample", async () => {
  expect(lag.read()).toEqual([]);
  await within(sampled(), 5000, "a first sample");
  const highest = quantile("1");
  expect(quantile("1")).toBeGreaterThanOrEqual(highest);
});

function quantile(label: string): number {
  return lag.read().find(([labels]) => labels[0] === label)?.[1] ?? Number.NaN;
}

/** Waits for a sample that is at least this late. */
async function sampled(seconds = 0): Promise<void> {
  while (!(quantile("1") >= seconds)) await new Promise((resolve) => setTimeout(resolve, 5));
}
