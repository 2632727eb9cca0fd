// The replay of access logs through the real cache: what can be counted by hand, on each tier.

import { describe, expect, test } from "vitest";
import { collectTrace, type Trace } from "../../bench/eviction/trace.ts";
import { replay, type Setting } from "../../bench/traces/replay.ts";
import { Command } from "../support/command.ts";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../bench/traces/main.ts", import.meta.url));

/** As in a log; the first tenth is not scored. */
function trace(...requests: readonly (readonly [seconds: number, path: string])[]): Promise<Trace> {
  return collectTrace(requests.map(([seconds, path]) => `${seconds}\t1\t${path}\t1000`));
}

const roomy: Setting = { tiers: "L1", bytesMax: 1e6, lifetimeSeconds: 60, instances: 1 };

/** A request each ten seconds for the same object, ten times, after one that fills the cache. */
const STEADY = trace(...Array.from({ length: 10 }, (_, index) => [index * 10, "/a"] as const));

describe("ten requests in 90 s for one object that lives 60 s", () => {
  test.each<[Partial<Setting>, object]>([
    [{ tiers: "none" }, { hitRate: 0, originBytesSaved: 0 }],
    // The one at 60 s is validated, and from there on it is fresh again.
    [{ tiers: "L1" }, { l1: 800 / 9, l2: 0, validated: 100 / 9, originBytesSaved: 100 }],
    [{ tiers: "L2" }, { l1: 0, l2: 800 / 9, validated: 100 / 9, originBytesSaved: 100 }],
    [{ tiers: "both" }, { l1: 800 / 9, l2: 0, validated: 100 / 9 }],
    [
      { tiers: "L1", lifetimeSeconds: 600 },
      { hitRate: 100, originRequestsSaved: 100 },
    ],
    // Each of the two asks the origin server once; behind a shared tier the second need not.
    [
      { tiers: "L1", lifetimeSeconds: 600, instances: 2 },
      { l1: 800 / 9, l2: 0 },
    ],
    [
      { tiers: "both", lifetimeSeconds: 600, instances: 2 },
      { l1: 800 / 9, l2: 100 / 9 },
    ],
  ])("%j", async (setting, expected) => {
    const score = replay(await STEADY, { ...roomy, ...setting });
    for (const [name, value] of Object.entries(expected)) {
      expect(score[name as keyof typeof score]).toBeCloseTo(value as number, 6);
    }
  });
});

test("a tier keeps what fits, by the bytes of the objects", async () => {
  const requests = Array.from({ length: 40 }, (_, index) => [index, `/${index % 20}`] as const);
  const all = await trace(...requests);
  const endless = { ...roomy, lifetimeSeconds: 600 };
  expect(replay(all, { ...endless, bytesMax: 100_000 }).l1).toBeCloseTo((100 * 20) / 36);
  // Twenty in turn and room for ten: LRU, as Redis, has always just dropped the next one.
  expect(replay(all, { ...endless, tiers: "L2", bytesMax: 14_500 }).l2).toBe(0);
  expect(replay(all, { ...endless, tiers: "L2", bytesMax: 40_000 }).l2).toBeCloseTo(
    (100 * 20) / 36,
  );
});

describe("what it says of its arguments", () => {
  test.each([
    [[], /which access logs\? npm run bench:traces -- FILE/],
    [["/none/such.log"], /^\/none\/such\.log: ENOENT/],
    [[MAIN], /no request in it: expected an access log/],
  ])("%j", async (args, message) => {
    const { code, stderr } = await new Command(process.execPath, [MAIN, ...args]).finished();
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
