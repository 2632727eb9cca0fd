// Parts of an incomplete response: what they cover, what is missing, and their bounds (RFC 9111
// section 3.3).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ContentParts, PARTS_MAX } from "../../src/cache/content-parts.ts";
import { text } from "../support/stored.ts";

const CONTENT = "abcdefghijklmnopqrstuvwxyz0123456789";
const ANY = 1_000_000;

function parts(...ranges: [start: number, end: number][]): ContentParts {
  let all = ContentParts.none(CONTENT.length);
  for (const [start, end] of ranges) all = all.with(start, [bytes(start, end)], ANY);
  return all;
}

function bytes(start: number, end: number): Uint8Array {
  return Buffer.from(CONTENT.slice(start, end), "latin1");
}

test.each<[string, ContentParts, [number, number], [number, number] | null]>([
  ["nothing there", parts(), [0, 10], [0, 10]],
  ["all there", parts([0, 10]), [0, 10], null],
  ["within", parts([0, 10]), [3, 5], null],
  ["beginning there", parts([0, 5]), [0, 10], [5, 10]],
  ["end there", parts([5, 10]), [0, 10], [0, 5]],
  ["middle there", parts([3, 5]), [0, 10], [0, 10]],
  ["middle missing", parts([0, 3], [7, 10]), [0, 10], [3, 7]],
  ["two holes", parts([0, 2], [4, 6], [8, 10]), [0, 10], [2, 8]],
  ["touching parts", parts([0, 5], [5, 10]), [2, 8], null],
  ["something else there", parts([20, 30]), [0, 10], [0, 10]],
])("missing: %s", (_name, stored, [start, end], missing) => {
  const expected = missing === null ? null : { start: missing[0], end: missing[1] };
  expect(stored.missing({ start, end })).toEqual(expected);
  expect(stored.covers({ start, end })).toBe(missing === null);
});

describe("bounds", () => {
  test("of too many parts the smallest go", () => {
    let all = ContentParts.none(ANY).with(500_000, [new Uint8Array(100)], ANY);
    for (let index = 0; index < 10 * PARTS_MAX; index++) {
      all = all.with(index * 10, [new Uint8Array(1)], ANY);
    }
    expect(all.count).toBe(PARTS_MAX);
    expect(all.covers({ start: 500_000, end: 500_100 })).toBe(true);
    expect(all.sizeBytes).toBeLessThan(PARTS_MAX * 300);
  });

  test("what touches counts as one of them", () => {
    let all = ContentParts.none(ANY);
    for (let at = 0; at < 5 * PARTS_MAX; at++) all = all.with(at, [new Uint8Array(1)], ANY);
    expect(all.covers({ start: 0, end: 5 * PARTS_MAX })).toBe(true);
    expect(all.count).toBeLessThanOrEqual(PARTS_MAX);
  });

  test("of too many bytes the last go", () => {
    const few = ContentParts.none(100).with(40, [new Uint8Array(20)], 30);
    const beginning = few.with(0, [new Uint8Array(20)], 30);
    expect(beginning.covers({ start: 0, end: 20 })).toBe(true);
    expect(beginning.covers({ start: 40, end: 41 })).toBe(false);
  });

  test("a view of a large read is not what is kept", () => {
    const large = new Uint8Array(100_000);
    const [slice] = ContentParts.none(10)
      .with(0, [large.subarray(0, 10)], ANY)
      .slices({ start: 0, end: 10 });
    expect(slice?.buffer.byteLength).toBe(10);
  });
});

test("parts in any order are the content wherever they cover it", () => {
  const range = fc
    .tuple(fc.nat(CONTENT.length - 1), fc.integer({ min: 1, max: 12 }))
    .map(([start, size]): [number, number] => [start, Math.min(CONTENT.length, start + size)]);
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), range, (stored, [start, end]) => {
      const all = parts(...stored);
      const has = [...CONTENT].map((_, at) => stored.some(([from, to]) => from <= at && at < to));
      const missing = all.missing({ start, end });
      const wanted = has.slice(start, end);
      if (missing === null) {
        expect(wanted.every(Boolean)).toBe(true);
        expect(text(all.slices({ start, end }))).toBe(CONTENT.slice(start, end));
      } else {
        expect([has[missing.start], has[missing.end - 1]]).toEqual([false, false]);
        expect(has.slice(start, missing.start).every(Boolean)).toBe(true);
        expect(has.slice(missing.end, end).every(Boolean)).toBe(true);
      }
    }),
  );
});
