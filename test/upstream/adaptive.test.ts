// When `adaptive` switches and what it then chooses, in simulated seconds over many seeds: targets
// that are alike but noisy are left alone, those that differ are told apart.

import { expect, test } from "vitest";
import { Adaptive, ADAPTIVE_DEFAULTS } from "../../src/upstream/adaptive.ts";
import { Outlook } from "../../src/upstream/outlook.ts";
import { RecentCounts } from "../../src/upstream/recent-counts.ts";
import { hashText } from "../../src/upstream/selection.ts";

interface Kind {
  readonly workMs: number;
  readonly failureShare?: number;
  /** Stops once in so many seconds on average, for up to 60 ms. */
  readonly pauseEverySeconds?: number;
}

class Simulated {
  readonly weight = 1;
  readonly latencyMs = 0;
  readonly outlook = new Outlook();
  readonly nameHash: number;
  readonly kind: Kind;
  load = 0;
  asked = 0;
  pausedUntilMs = 0;

  constructor(name: string, kind: Kind) {
    this.nameHash = hashText(name);
    this.kind = kind;
  }
}

interface Outcome {
  readonly modes: readonly string[];
  readonly firstSwitchMs: number;
  readonly shares: readonly number[];
}

/** Numerical Recipes' generator: the same draw each run. */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Poisson arrivals, service times with an exponential tail, pauses that hit all of a target. */
function simulate(kinds: readonly Kind[], seed: number, seconds: number): Outcome {
  const random = drawn(seed);
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const counts = new RecentCounts();
  const targets = kinds.map((kind, index) => new Simulated(`target ${index}`, kind));
  const modes: string[] = [];
  let firstSwitchMs = Number.POSITIVE_INFINITY;
  let nowMs = 0;
  const policy = new Adaptive<Simulated>(ADAPTIVE_DEFAULTS, counts, (mode) => {
    firstSwitchMs = Math.min(firstSwitchMs, nowMs);
    modes.push(mode);
  });
  const running: { target: Simulated; startedMs: number; endsMs: number }[] = [];
  const answer = (untilMs: number): void => {
    running.sort((a, b) => a.endsMs - b.endsMs);
    for (let first = running[0]; first !== undefined && first.endsMs <= untilMs; ) {
      running.shift();
      const { target, startedMs, endsMs } = first;
      const isBad = random() < (target.kind.failureShare ?? 0);
      target.load -= 1;
      if (isBad) counts.bad(endsMs);
      else counts.good(endsMs);
      target.outlook.answered(endsMs - startedMs, isBad ? 1 : 0, endsMs);
      first = running[0];
    }
  };
  while (nowMs < seconds * 1000) {
    nowMs += exponential(2.5);
    answer(nowMs);
    for (const target of targets) {
      const { pauseEverySeconds = 0 } = target.kind;
      if (pauseEverySeconds > 0 && random() < 2.5 / (pauseEverySeconds * 1000)) {
        target.pausedUntilMs = nowMs + 60 * random();
        for (const one of running) {
          if (one.target === target) one.endsMs = Math.max(one.endsMs, target.pausedUntilMs);
        }
      }
    }
    const target = policy.choose(targets, 0, nowMs);
    target.outlook.asked(target.load, nowMs);
    target.load += 1;
    target.asked += 1;
    const workMs = target.kind.workMs + exponential(0.7);
    const endsMs = Math.max(nowMs, target.pausedUntilMs) + workMs;
    running.push({ target, startedMs: nowMs, endsMs });
  }
  const all = targets.reduce((sum, target) => sum + target.asked, 0);
  return { modes, firstSwitchMs, shares: targets.map((target) => target.asked / all) };
}

const SEEDS = Array.from({ length: 100 }, (_, index) => index + 1);

test("targets that are alike but pause now and then are left alone", () => {
  const noisy: Kind = { workMs: 5, pauseEverySeconds: 4 };
  const switched = SEEDS.filter((seed) => simulate([noisy, noisy, noisy], seed, 20).modes.length);
  // One run of twenty seconds in fifty may see a difference that is none.
  expect(switched.length).toBeLessThanOrEqual(2);
});

test("targets at 1, 5 and 20 ms are told apart within 2 s, for good", () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const kinds = [{ workMs: 1 }, { workMs: 5 }, { workMs: 20 }];
    const { modes, firstSwitchMs, shares } = simulate(kinds, seed, 20);
    expect(modes).toEqual(["cost"]);
    expect(firstSwitchMs).toBeLessThan(2000);
    const [fast = 0, middle = 0, slow = 0] = shares;
    expect(fast).toBeGreaterThan(middle);
    expect(slow).toBeLessThan(0.05);
  }
});

test("a target that fails 10 % loses its share", () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const kinds = [{ workMs: 5 }, { workMs: 5 }, { workMs: 5, failureShare: 0.1 }];
    const { modes, shares } = simulate(kinds, seed, 20);
    expect(modes[0]).toBe("cost");
    expect(shares[2]).toBeLessThan(0.12);
  }
});

test("chosen by cost, targets that are alike share as by least connections", () => {
  const noisy: Kind = { workMs: 5, pauseEverySeconds: 4, failureShare: 0.08 };
  for (const seed of SEEDS.slice(0, 20)) {
    const { modes, shares } = simulate([noisy, noisy, noisy], seed, 20);
    expect(modes[0]).toBe("cost");
    for (const share of shares) expect(share).toBeGreaterThan(0.2);
  }
});
