// Owns what the suite's raw results mean, by the suite's own rules, and how they compare with the
// expected failures. Pure.

/** A test as far as judging it needs. */
export interface SuiteTest {
  readonly id: string;
  readonly name: string;
  /** `required` when left out; `check` only observes. */
  readonly kind?: "required" | "optimal" | "check";
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
}

/** True, or the error's name (`Setup`, `Assertion`, ...) and message. */
export type RawResult = true | readonly [name: string, message: string];

export type RawResults = Readonly<Record<string, RawResult>>;

/** `dependency`: a test that this one builds on failed. `setup`: it could not be judged. */
export type Verdict = "pass" | "fail" | "dependency" | "setup" | "untested";

export type JudgedKind = "required" | "optimal";

/** Expected failures, each with the reason why it stays one. */
export type ExpectedFailures = Readonly<Record<JudgedKind, Readonly<Record<string, string>>>>;

export interface Judgement {
  readonly passed: Readonly<Record<JudgedKind, number>>;
  readonly total: Readonly<Record<JudgedKind, number>>;
  readonly failures: readonly Failure[];
  /** Failures that nobody expected: the reason to stop. */
  readonly unexpected: readonly Failure[];
  /** Expected failures that pass: they must leave the list, so that it only shrinks. */
  readonly fixed: readonly string[];
}

export interface Failure {
  readonly id: string;
  readonly kind: JudgedKind;
  readonly verdict: Verdict;
  readonly message: string;
}

export function judge(
  tests: readonly SuiteTest[],
  results: RawResults,
  expected: ExpectedFailures,
): Judgement {
  const byId = new Map(tests.map((test) => [test.id, test]));
  const passed = { required: 0, optimal: 0 };
  const total = { required: 0, optimal: 0 };
  const failures: Failure[] = [];
  const fixed: string[] = [];
  for (const test of tests) {
    const kind = test.kind ?? "required";
    if (kind === "check" || test.browser_only === true) continue;
    const verdict = verdictOf(test, results, byId);
    total[kind]++;
    if (verdict === "pass") {
      passed[kind]++;
      if (test.id in expected[kind]) fixed.push(test.id);
    } else {
      failures.push({ id: test.id, kind, verdict, message: messageOf(results[test.id]) });
    }
  }
  const unexpected = failures.filter((failure) => !(failure.id in expected[failure.kind]));
  return { passed, total, failures, unexpected, fixed };
}

function verdictOf(
  test: SuiteTest,
  results: RawResults,
  byId: ReadonlyMap<string, SuiteTest>,
): Verdict {
  const result = results[test.id];
  if (result === undefined) return "untested";
  for (const id of test.depends_on ?? []) {
    const dependency = byId.get(id);
    if (dependency === undefined) throw new Error(`${test.id} depends on ${id}, which is missing`);
    if (verdictOf(dependency, results, byId) !== "pass") return "dependency";
  }
  if (result === true) return "pass";
  return result[0] === "Assertion" ? "fail" : "setup";
}

function messageOf(result: RawResult | undefined): string {
  if (result === undefined) return "it did not run";
  return result === true ? "it passed itself" : result[1];
}
