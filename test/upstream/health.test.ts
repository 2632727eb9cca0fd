// The state machine of targets without sockets: what takes one out, for how long, and what brings
// it back; then the same under thousands of random histories, which must never break the caps.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Balancer, type BalancerRules, type Choice } from "../../src/upstream/balancer.ts";
import { TRIALS } from "../../src/upstream/breaker.ts";
import { ejectedMax, Health } from "../../src/upstream/health.ts";
import { planGroups } from "../../src/upstream/levels.ts";
import { Outlook } from "../../src/upstream/outlook.ts";
import { RetryBudget } from "../../src/upstream/retry-budget.ts";
import { hashText } from "../../src/upstream/selection.ts";
import { type Standing, type StateRules, TargetState } from "../../src/upstream/target-state.ts";

const RULES: StateRules = {
  eject: {
    after: 3,
    errorShare: 0.5,
    volumeMin: 20,
    forMs: 1000,
    forMsMax: 2500,
    shareMax: 0.5,
  },
  breaker: { errorShare: 0.5, volumeMin: 10, openMs: 1000, latencyMs: 0 },
  rise: 2,
  fall: 3,
  slowStartMs: 2000,
};

class Place implements Choice {
  readonly name: string;
  readonly state = new TargetState();
  readonly outlook = new Outlook();
  readonly priority: number = 0;
  readonly isLocal = true;
  readonly nameHash: number;
  baseWeight = 1;
  weight = 1;
  load = 0;
  latencyMs = 1;
  hasSlot = true;

  constructor(name: string) {
    this.name = name;
    this.nameHash = hashText(name);
  }
}

const places = (count: number): Place[] =>
  Array.from({ length: count }, (_, index) => new Place(`t${index}`));

function balancerRules(health: Partial<StateRules>, panicShare = 0.25): BalancerRules {
  return {
    balance: "least-conn",
    adaptive: { errorShareMax: 0.05, p99Ms: 100 },
    health: { ...RULES, ...health },
    panicShare,
  };
}

const silent = { policyChanged: () => {}, conditionChanged: () => {} };

describe("ejection", () => {
  const noBreaker = { ...RULES, breaker: { ...RULES.breaker, errorShare: 0 } };

  test("after failures in a row, longer each time, up to a bound", () => {
    const all = places(2);
    const health = new Health(noBreaker, all, () => 0);
    const [target] = all as [Place, Place];
    const lengths: number[] = [];
    let nowMs = 0;
    for (let round = 0; round < 4; round += 1) {
      for (let count = 0; count < 2; count += 1) {
        expect(health.answered(target, "fault", 1, nowMs, 0)).toBe(false);
      }
      expect(health.answered(target, "fault", 1, nowMs, 0)).toBe(true);
      lengths.push(target.state.ejectedUntilMs - nowMs);
      nowMs = target.state.ejectedUntilMs;
      expect([target.state.isEjected(nowMs - 1), target.state.isEjected(nowMs)]).toEqual([
        true,
        false,
      ]);
      expect(target.state.condition(nowMs, noBreaker)).toBe("slow_start");
    }
    expect(lengths).toEqual([1000, 2000, 2500, 2500]);
  });

  test("a good answer starts the count again; a 500 is no fault", () => {
    const all = places(2);
    const health = new Health(noBreaker, all, () => 0);
    const [target] = all as [Place, Place];
    for (const verdict of ["fault", "fault", "good", "fault", "fault", "error", "fault"] as const) {
      health.answered(target, verdict, 1, 0, 0);
    }
    expect(target.state.isEjected(0)).toBe(false);
  });

  test("by share of errors only where the others do better", () => {
    for (const [others, ejected] of [
      ["good", true],
      ["error", false],
    ] as const) {
      const all = places(2);
      const health = new Health(noBreaker, all, () => 0);
      const [target, other] = all as [Place, Place];
      for (let count = 0; count < 40; count += 1) {
        health.answered(other, others, 1, 0, 0);
        health.answered(target, count % 3 === 0 ? "good" : "error", 1, 0, 0);
      }
      expect(target.state.isEjected(0)).toBe(ejected);
    }
  });

  test("at most the share of targets is out, never the last one", () => {
    const max = (count: number, shareMax: number) =>
      ejectedMax(count, { ...RULES.eject, shareMax });
    expect([max(1, 1), max(2, 0.5), max(3, 0.5), max(10, 0.5), max(4, 1)]).toEqual([0, 1, 1, 5, 3]);
  });
});

describe("probes", () => {
  test("the first decides alone, later ones need fall and rise in a row", () => {
    const state = new TargetState();
    const steps = [false, true, false, true, true, false, false, true, false, false, false];
    const seen = steps.map((isGood) => {
      state.probed(isGood, 0, RULES);
      return state.probeGood === true ? "+" : "-";
    });
    expect(seen.join("")).toBe("----++++++-");
  });
});

describe("breaker", () => {
  test("opens at the share, lets three trials in, closes when they are good, else doubles", () => {
    const [target] = places(1) as [Place];
    const health = new Health({ ...RULES, eject: { ...RULES.eject, after: 0 } }, [target], () => 0);
    const { state } = target;
    for (let count = 0; count < 5; count += 1) health.answered(target, "good", 1, 0, 0);
    for (let count = 0; count < 4; count += 1) health.answered(target, "error", 1, 0, 0);
    expect(state.condition(0, RULES)).toBe("up");
    health.answered(target, "error", 1, 0, 0);
    expect([state.condition(999, RULES), state.condition(1000, RULES)]).toEqual([
      "breaker_open",
      "half_open",
    ]);
    const trials = [state.breaker.begin(), state.breaker.begin(), state.breaker.begin()];
    expect(state.breaker.takesTrial).toBe(false);
    health.answered(target, "fault", 1, 1000, trials[0] ?? 0);
    // Trials of before decide nothing any more.
    for (const trial of trials) health.answered(target, "good", 1, 1001, trial);
    expect([state.condition(2999, RULES), state.condition(3000, RULES)]).toEqual([
      "breaker_open",
      "half_open",
    ]);
    const first = state.breaker.begin();
    state.breaker.trialAbandoned(first);
    for (let count = 0; count < TRIALS; count += 1) {
      expect(state.condition(3000, RULES)).toBe("half_open");
      health.answered(target, "good", 1, 3000, state.breaker.begin());
    }
    expect(state.condition(3000, RULES)).toBe("slow_start");
    expect(state.condition(5000, RULES)).toBe("up");
  });

  test("with every breaker open the refusal says when to come again", () => {
    const all = places(2);
    const rules = balancerRules({ eject: { ...RULES.eject, after: 0, errorShare: 0 } });
    const balancer = new Balancer(rules, all, silent, () => 0.5);
    for (const target of all) {
      for (let count = 0; count < 10; count += 1) balancer.answered(target, "fault", 1, 0, 0);
    }
    expect(balancer.next([], 0, 1)).toBe(null);
    const error = balancer.refusal(1);
    expect([error.code, error.status, error.fields]).toEqual([
      "breaker_open",
      503,
      ["Retry-After", "2"],
    ]);
    expect(balancer.next([], 0, 1125)).not.toBe(null);
  });
});

describe("who shares the requests", () => {
  const plan = (spec: readonly [number, Standing, boolean?][], panicShare = 0.25) => {
    const all = spec.map(([priority, standing, isLocal = true], index) => ({
      priority,
      standing,
      isLocal,
      baseWeight: 1,
      name: index,
    }));
    const { groups, panic } = planGroups(all, (target) => target.standing, panicShare);
    const shares = groups.map(({ members, upTo }) => [
      members.map((target) => target.name).join(""),
      Number(upTo.toFixed(2)),
    ]);
    return [shares, panic];
  };

  test.each([
    [
      "all healthy: backups get nothing",
      [
        [0, "in"],
        [0, "in"],
        [1, "in"],
      ],
      [["01", 1]],
      false,
    ],
    [
      "half of the primaries carry 70 %, the backup the rest",
      [
        [0, "in"],
        [0, "out"],
        [1, "in"],
      ],
      [
        ["0", 0.7],
        ["2", 1],
      ],
      false,
    ],
    [
      "no primary: the backup takes all",
      [
        [0, "out"],
        [1, "in"],
      ],
      [["1", 1]],
      false,
    ],
    [
      "one of three left: no panic",
      [
        [0, "in"],
        [0, "out"],
        [0, "out"],
      ],
      [["0", 1]],
      false,
    ],
    [
      "one of five left: panic asks all",
      [
        [0, "in"],
        [0, "out"],
        [0, "out"],
        [0, "out"],
        [0, "out"],
      ],
      [["01234", 1]],
      true,
    ],
    [
      "none left: panic, but no open breaker",
      [
        [0, "out"],
        [0, "shut"],
      ],
      [["0", 1]],
      true,
    ],
    [
      "every breaker open: nobody",
      [
        [0, "shut"],
        [0, "shut"],
      ],
      [],
      false,
    ],
    [
      "near ones first",
      [
        [0, "in"],
        [0, "in"],
        [0, "in", false],
      ],
      [["01", 1]],
      false,
    ],
    [
      "half of the near ones carry 70 %",
      [
        [0, "in"],
        [0, "out"],
        [0, "in", false],
        [0, "in", false],
      ],
      [
        ["0", 0.7],
        ["23", 1],
      ],
      false,
    ],
  ] as const)("%s", (_name, spec, shares, panic) => {
    expect(plan(spec as unknown as [number, Standing, boolean?][])).toEqual([shares, panic]);
  });
});

describe("random histories", () => {
  const history = fc.record({
    count: fc.integer({ min: 1, max: 8 }),
    seed: fc.integer(),
    bad: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
  });

  test("never more ejected than the cap, trials bounded, and nobody is stuck out", () => {
    fc.assert(
      fc.property(history, ({ count, seed, bad }) => {
        const random = drawn(seed);
        const all = places(count);
        const balancer = new Balancer(balancerRules({}), all, silent, random);
        const cap = ejectedMax(count, RULES.eject);
        const running: { target: Place; trial: number; doneMs: number }[] = [];
        let nowMs = 0;
        for (let step = 0; step < 250; step += 1) {
          nowMs += random() * 20;
          const target = balancer.next([], 0, nowMs);
          if (target !== null) {
            const trial = target.state.breaker.begin();
            running.push({ target, trial, doneMs: nowMs + random() * 50 });
          }
          for (const one of running.filter(({ doneMs }) => doneMs <= nowMs)) {
            running.splice(running.indexOf(one), 1);
            const share = bad[all.indexOf(one.target)] ?? 0;
            const verdict = random() < share ? "fault" : "good";
            if (random() < 0.05) balancer.asksForRest(one.target, random() * 500, nowMs);
            if (random() < 0.05) one.target.state.breaker.trialAbandoned(one.trial);
            else balancer.answered(one.target, verdict, 1, nowMs, one.trial);
          }
          const out = all.filter(({ state }) => state.isEjected(nowMs) || state.rests(nowMs));
          if (out.length > cap) throw new Error(`${out.length} of ${count} are out`);
          for (const { target, trial } of running) {
            const same = running.filter((one) => one.target === target && one.trial === trial);
            if (trial !== 0 && same.length > TRIALS) throw new Error("too many trials");
          }
        }
        // Every attempt ends, also those that were under way.
        for (const { target, trial } of running) balancer.answered(target, "good", 1, nowMs, trial);
        recovers(balancer, all, nowMs);
      }),
      { numRuns: 2000 },
    );
  });

  /** From now on every answer is good: all must come back, whatever state they were left in. */
  function recovers(balancer: Balancer<Place>, all: readonly Place[], fromMs: number): void {
    let nowMs = fromMs;
    for (let step = 0; step < 400; step += 1) {
      nowMs += 100;
      const target = balancer.next([], 0, nowMs);
      if (target !== null) {
        balancer.answered(target, "good", 1, nowMs, target.state.breaker.begin());
      }
    }
    expect(all.map((target) => balancer.conditionOf(target, nowMs))).toEqual(all.map(() => "up"));
  }

  test("retries never pass the budget, over time or at a time", () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.05, max: 1, noNaN: true }), (seed, pace) => {
        const random = drawn(seed);
        const budget = new RetryBudget({ budgetShare: 0.2, budgetMin: 3 });
        let nowMs = 0;
        let requests = 0;
        let retries = 0;
        const active: { endMs: number; retried: boolean }[] = [];
        for (let step = 0; step < 250; step += 1) {
          nowMs += random() * 10 * pace;
          requests += 1;
          budget.request(nowMs);
          active.push({ endMs: nowMs + random() * 100, retried: false });
          const retried = budget.take(active.length, nowMs) === "taken";
          if (retried) retries += 1;
          Object.assign(active.at(-1) ?? {}, { retried });
          for (const one of active.filter(({ endMs }) => endMs <= nowMs)) {
            active.splice(active.indexOf(one), 1);
            if (one.retried) budget.giveBack();
          }
          const running = active.filter((one) => one.retried).length;
          if (budget.running !== running) throw new Error("a retry was not given back");
          if (retries > Math.max(3, 0.2 * requests)) throw new Error("over budget");
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
