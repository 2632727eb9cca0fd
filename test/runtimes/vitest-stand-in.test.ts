// The stand-in judges as vitest does: every row is put to both, as it is and negated.

import { expect, test } from "vitest";
import { describe, expect as standIn, runDeclared, test as declare } from "./vitest-stand-in.ts";

type Judge = typeof standIn;

const thrower = (): never => {
  throw new RangeError("out");
};

const ROWS: readonly (readonly [title: string, judge: (expect: Judge) => void])[] = [
  ["toBe, same", (of) => of(Number.NaN).toBe(Number.NaN)],
  ["toBe, other", (of) => of(0).toBe(1)],
  ["toBe, alike but not the same", (of) => of([1]).toBe([1])],
  ["toEqual, nested", (of) => of({ a: [1, { b: 2n }] }).toEqual({ a: [1, { b: 2n }] })],
  ["toEqual, nested otherwise", (of) => of({ a: [1, { b: 2n }] }).toEqual({ a: [1, { b: 3n }] })],
  ["toEqual, longer", (of) => of([1, 2]).toEqual([1])],
  ["toEqual, undefined is none", (of) => of({ a: undefined }).toEqual({})],
  ["toEqual, array and object", (of) => of([]).toEqual({})],
  ["toMatchObject, part", (of) => of({ a: 1, b: { c: 2, d: 3 } }).toMatchObject({ b: { c: 2 } })],
  ["toMatchObject, other", (of) => of({ a: 1 }).toMatchObject({ a: 2 })],
  ["toMatchObject, absent", (of) => of({ a: 1 }).toMatchObject({ b: 1 })],
  ["toMatchObject, longer array", (of) => of({ a: [1, 2] }).toMatchObject({ a: [1] })],
  ["toBeUndefined", (of) => of(null).toBeUndefined()],
  ["toContain", (of) => of([1, 2]).toContain(3)],
  ["toHaveLength", (of) => of([1]).toHaveLength(2)],
  ["toMatch", (of) => of("abc").toMatch(/^b/)],
  ["toBeGreaterThan, equal", (of) => of(1).toBeGreaterThan(1)],
  ["toBeLessThan, not a number", (of) => of(Number.NaN).toBeLessThan(1)],
  ["toBeLessThanOrEqual, equal", (of) => of(1).toBeLessThanOrEqual(1)],
  ["toThrow, nothing", (of) => of(() => 1).toThrow()],
  ["toThrow, that", (of) => of(thrower).toThrow(RangeError)],
  ["toThrow, another", (of) => of(thrower).toThrow(TypeError)],
];

function holds(run: () => void): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

const negated =
  (judge: Judge): Judge =>
  (actual, message) =>
    judge(actual, message).not as ReturnType<Judge>;

test.each(ROWS)("%s", (_title, judge) => {
  const vitest = expect as unknown as Judge;
  expect(holds(() => judge(standIn))).toBe(holds(() => judge(vitest)));
  expect(holds(() => judge(negated(standIn)))).toBe(holds(() => judge(negated(vitest))));
});

test("each row runs, failures are counted and named, and promises awaited", async () => {
  describe.each(["x", "y"])("suite %s", (name) => {
    declare("good", () => {});
    declare.each([
      ["x", 1],
      ["y", 2],
    ])("row %s", async (only) => {
      await Promise.resolve();
      standIn(only).toBe(name);
    });
  });
  const { passed, failures } = await runDeclared();
  expect(passed).toBe(4);
  expect(failures.map((failure) => failure.split(":")[0])).toEqual([
    "suite %s #0 > row %s #1",
    "suite %s #1 > row %s #0",
  ]);
});
