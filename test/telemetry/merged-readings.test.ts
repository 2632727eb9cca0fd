// Readings of several threads as those of one gateway: nothing that one thread counted is lost.

import { expect, test } from "vitest";
import { mergeReadings, NO_READINGS } from "../../src/telemetry/merged-readings.ts";
import type { TargetReading, ThreadReadings } from "../../src/telemetry/readings.ts";

const TARGET: TargetReading = {
  upstream: "app",
  target: "a:80",
  weight: 2,
  backup: false,
  ejected: false,
  condition: "up",
  ejections: 1,
  breakerOpened: 2,
  errorShare: 0.25,
  requests: 3,
  retries: 4,
  inFlight: 5,
  queued: 6,
  connectionsOpened: 7,
  connectionsOpen: 8,
  connectionsIdle: 6,
  reused: 9,
  h2Streams: 10,
  h2Goaways: 11,
  tlsHandshakes: 12,
  tlsResumptions: 13,
  tlsReloadFailures: 14,
  latencyMs: 15,
};

/** Not counts: what holds for the target, and what is as bad as it is for any thread. */
const NOT_SUMMED = new Set(["weight", "errorShare", "latencyMs"]);

function threadWith(target: TargetReading): ThreadReadings {
  return { ...NO_READINGS, targets: [target] };
}

test("every count of a target is the sum of the threads'", () => {
  const other: TargetReading = { ...TARGET, errorShare: 0.5, latencyMs: 3 };
  const [merged] = mergeReadings([threadWith(TARGET), threadWith(other)]).targets;
  for (const [name, value] of Object.entries(TARGET)) {
    if (typeof value !== "number" || NOT_SUMMED.has(name)) continue;
    expect([name, merged?.[name as keyof TargetReading]]).toEqual([name, value * 2]);
  }
  expect(merged).toMatchObject({ weight: 2, errorShare: 0.5, latencyMs: 15 });
});

test("a target is chosen while any thread may choose it", () => {
  const ejected: TargetReading = { ...TARGET, ejected: true, condition: "ejected" };
  for (const threads of [
    [TARGET, ejected],
    [ejected, TARGET],
  ]) {
    const [merged] = mergeReadings(threads.map(threadWith)).targets;
    expect(merged).toMatchObject({ ejected: false, condition: "up" });
  }
});

test("targets that only one thread has are there", () => {
  const threads = [threadWith(TARGET), threadWith({ ...TARGET, target: "b:80" })];
  expect(mergeReadings(threads).targets.map(({ target }) => target)).toEqual(["a:80", "b:80"]);
});

test("one thread's readings are the gateway's, none are nothing", () => {
  const only = threadWith(TARGET);
  expect(mergeReadings([only])).toBe(only);
  expect(mergeReadings([])).toEqual(NO_READINGS);
});
