// Owns the rows of how the cache suite's raw results are judged and held against the expected
// failures.

import { expect, test } from "vitest";
import { judge, type RawResults, type SuiteTest } from "./verdicts.ts";

const tests: readonly SuiteTest[] = [
  { id: "fresh", name: "reuses while fresh", kind: "optimal" },
  { id: "stale", name: "does not reuse when stale", depends_on: ["fresh"] },
  { id: "age", name: "generates Age", kind: "required", depends_on: ["stale"] },
  { id: "seen", name: "only observes", kind: "check" },
  { id: "back", name: "is for browsers", browser_only: true },
];
const nothing = { required: {}, optimal: {} };

test("counts required and optimal tests, and neither observations nor browser tests", () => {
  const results: RawResults = { fresh: true, stale: true, age: true, seen: ["Assertion", "no"] };
  const judgement = judge(tests, results, nothing);
  expect(judgement.passed).toEqual({ required: 2, optimal: 1 });
  expect(judgement.total).toEqual({ required: 2, optimal: 1 });
  expect(judgement.failures).toEqual([]);
});

test("a test whose dependency failed does not count, however deep", () => {
  const results: RawResults = { fresh: ["Assertion", "not cached"], stale: true, age: true };
  const { passed, failures } = judge(tests, results, nothing);
  expect(passed).toEqual({ required: 0, optimal: 0 });
  expect(failures.map((failure) => [failure.id, failure.verdict])).toEqual([
    ["fresh", "fail"],
    ["stale", "dependency"],
    ["age", "dependency"],
  ]);
});

test("an error of the set-up and a test that did not run are failures too", () => {
  const { failures } = judge(tests, { fresh: true, stale: ["Setup", "retry"] }, nothing);
  expect(failures.map((failure) => failure.verdict)).toEqual(["setup", "untested"]);
});

test("the list of expected failures only shrinks", () => {
  const expected = { required: { age: "RFC 9111 5.1 is not done" }, optimal: { fresh: "passes" } };
  const results: RawResults = { fresh: true, stale: ["Assertion", "reused"], age: true };
  const { unexpected, fixed } = judge(tests, results, expected);
  expect(unexpected.map((failure) => failure.id)).toEqual(["stale"]);
  expect(fixed).toEqual(["fresh"]);
});
