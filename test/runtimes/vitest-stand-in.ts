// What the suites of the core use of vitest, for runtimes that cannot run it: Deno, Bun, a browser
// and other versions of Node map the name "vitest" to this file. Knows no suite. What a suite needs
// and is not here throws, so that nothing passes unchecked.

type Body = (...row: never[]) => unknown;

interface Case {
  readonly title: string;
  readonly run: () => unknown;
}

export interface SuiteResult {
  readonly passed: number;
  readonly failures: readonly string[];
}

const cases: Case[] = [];
let path = "";

/** Runs what has been declared since the last call. */
export async function runDeclared(): Promise<SuiteResult> {
  const failures: string[] = [];
  let passed = 0;
  for (const { title, run } of cases.splice(0)) {
    try {
      await run();
      passed++;
    } catch (error) {
      failures.push(`${title}: ${String(error)}`);
    }
  }
  return { passed, failures };
}

function declareSuite(title: string, body: () => void): void {
  const outer = path;
  path = `${path}${title} > `;
  body();
  path = outer;
}

function declareCase(title: string, run: Body): void {
  cases.push({ title: path + title, run });
}

/** Declares `body` once for each row; an array is a row of arguments. */
function forEach(declare: (title: string, body: Body) => void) {
  return (rows: readonly unknown[]) =>
    (title: string, body: Body): void => {
      for (const [index, row] of rows.entries()) {
        const values = (Array.isArray(row) ? row : [row]) as never[];
        declare(`${title} #${index}`, () => body(...values));
      }
    };
}

export const describe = Object.assign(declareSuite, {
  each: forEach(declareSuite),
});
export const test = Object.assign(declareCase, { each: forEach(declareCase) });

export function expect(actual: unknown, message = ""): Matchers {
  return { ...matchers(actual, message, true), not: matchers(actual, `${message} not`, false) };
}

interface Matchers extends ReturnType<typeof matchers> {
  readonly not: ReturnType<typeof matchers>;
}

function matchers(actual: unknown, message: string, wanted: boolean) {
  const judge = (name: string, holds: boolean, expected?: unknown): void => {
    if (holds === wanted) return;
    throw new Error(`${message} ${shown(actual)} ${name} ${shown(expected)}`);
  };
  return {
    toBe: (other: unknown) => judge("toBe", Object.is(actual, other), other),
    toEqual: (other: unknown) => judge("toEqual", isEqual(actual, other), other),
    toMatchObject: (other: object) => judge("toMatchObject", isWithin(other, actual), other),
    toBeUndefined: () => judge("toBeUndefined", actual === undefined),
    toContain: (item: unknown) => judge("toContain", (actual as unknown[]).includes(item), item),
    toHaveLength: (length: number) =>
      judge("toHaveLength", (actual as unknown[]).length === length, length),
    toMatch: (pattern: RegExp) => judge("toMatch", pattern.test(String(actual)), pattern),
    toBeGreaterThan: (bound: number) => judge("toBeGreaterThan", (actual as number) > bound, bound),
    toBeLessThan: (bound: number) => judge("toBeLessThan", (actual as number) < bound, bound),
    toBeLessThanOrEqual: (bound: number) =>
      judge("toBeLessThanOrEqual", (actual as number) <= bound, bound),
    toThrow: (kind: new (...row: never[]) => unknown = Error) =>
      judge("toThrow", thrownBy(actual as () => unknown) instanceof kind, kind.name),
  };
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Equal in depth; a property that is undefined counts as none. */
function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isEqual(a[key], b[key]));
}

/** Everything in `part` is in `whole`; arrays agree in length. */
function isWithin(part: unknown, whole: unknown): boolean {
  if (!isObject(part) || !isObject(whole)) return isEqual(part, whole);
  if (Array.isArray(part) && part.length !== whole["length"]) return false;
  return Object.keys(part).every((key) => isWithin(part[key], whole[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "bigint" ? String(part) : part,
  );
  return (text ?? String(value)).slice(0, 300);
}
