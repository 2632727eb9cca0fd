// Byte ranges, of requests and of partial responses (RFC 9110 section 14).

import { describe, expect, test } from "vitest";
import { isForwardable, parseContentRange, parseRanges } from "../../src/http/ranges.ts";

const ignored = { kind: "ignored" };
const unsatisfiable = { kind: "unsatisfiable" };
const ranges = (...pairs: [start: number, end: number][]) => ({
  kind: "ranges",
  ranges: pairs.map(([start, end]) => ({ start, end })),
});

test.each([
  ["first and last", "bytes=0-1", 10, ranges([0, 2])],
  ["one byte", "bytes=9-9", 10, ranges([9, 10])],
  ["no last", "bytes=4-", 10, ranges([4, 10])],
  ["last past the end", "bytes=4-99", 10, ranges([4, 10])],
  ["suffix", "bytes=-3", 10, ranges([7, 10])],
  ["suffix longer than all", "bytes=-30", 10, ranges([0, 10])],
  ["unit in another case (14.1)", "Bytes=0-1", 10, ranges([0, 2])],
  ["huge numbers", "bytes=0-99999999999999999999", 10, ranges([0, 10])],
  ["first past the end", "bytes=10-", 10, unsatisfiable],
  ["suffix of nothing", "bytes=-0", 10, unsatisfiable],
  ["of an empty representation", "bytes=0-", 0, unsatisfiable],
  ["suffix of an empty representation", "bytes=-1", 0, unsatisfiable],
  ["last before first", "bytes=5-4", 10, ignored],
  ["another unit", "items=0-1", 10, ignored],
  ["no numbers", "bytes=-", 10, ignored],
  ["signs", "bytes=+1-2", 10, ignored],
  ["hexadecimal", "bytes=0x1-2", 10, ignored],
  ["a space within", "bytes=1 -2", 10, ignored],
  ["no ranges", "bytes=", 10, ignored],
  ["empty members alone", "bytes=,,", 10, ignored],
  ["empty", "", 10, ignored],
  ["one invalid among others (14.1.1)", "bytes=0-1,5-4", 10_000, ignored],
])("RFC 9110 14.1.2 %s", (_name, value, length, expected) => {
  expect(parseRanges(value, length)).toEqual(expected);
});

describe("RFC 9110 14.2, 15.3.7.2, 17.15 several ranges", () => {
  const tiny = Array.from({ length: 17 }, (_, index) => `${index * 1000}-${index * 1000}`);
  test.each([
    ["apart", "bytes=0-9,1000-1009", ranges([0, 10], [1000, 1010])],
    ["in the order asked for", "bytes=1000-1009, 0-9", ranges([1000, 1010], [0, 10])],
    ["with empty members", "bytes=, 0-9 ,,1000-1009 ,", ranges([0, 10], [1000, 1010])],
    ["a suffix too", "bytes=0-9,-10", ranges([0, 10], [9_990, 10_000])],
    ["without those that are not there", "bytes=0-9,20000-", ranges([0, 10])],
    ["none there", "bytes=20000-,-0", unsatisfiable],
    ["overlapping: one", "bytes=0-999,500-1499,0-", ranges([0, 10_000])],
    ["the same many times: one", `bytes=${Array(16).fill("0-").join(",")}`, ranges([0, 10_000])],
    ["a gap smaller than a part's head: one", "bytes=0-9,100-109", ranges([0, 110])],
    ["joined by a third", "bytes=0-9,2000-2009,5-1995", ranges([0, 2010])],
    ["sixteen", `bytes=${tiny.slice(0, 10).join(",")}`, ranges(...tens())],
    ["more than sixteen", `bytes=${tiny.join(",")}`, ignored],
  ])("%s", (_name, value, expected) => {
    expect(parseRanges(value, 10_000)).toEqual(expected);
  });

  function tens(): [number, number][] {
    return Array.from({ length: 10 }, (_, index) => [index * 1000, index * 1000 + 1]);
  }

  test.each([
    ["bytes=0-1", true],
    ["bytes=-1", true],
    ["bytes=0-", true],
    ["bytes=5-6,0-1", true],
    ["bytes=0-1,5-", true],
    ["items=0-,0-", true],
    ["bytes=0-,0-", false],
    ["bytes=0-5,5-6", false],
    ["bytes=0-1,-5", false],
    ["bytes=-1,-2", false],
    ["bytes=5-4", false],
    ["bytes=x", false],
    [`bytes=${tiny.join(",")}`, false],
  ])("%s goes on to an origin server: %s", (value, expected) => {
    expect(isForwardable(value)).toBe(expected);
  });
});

test.each([
  ["bytes 0-4/10", { start: 0, end: 5, length: 10 }],
  ["bytes 9-9/10", { start: 9, end: 10, length: 10 }],
  ["bytes 5-4/10", undefined],
  ["bytes 0-10/10", undefined],
  ["bytes 0-4/*", undefined],
  ["bytes */10", undefined],
  ["bytes=0-4/10", undefined],
  ["items 0-4/10", undefined],
  ["bytes 0-4/10, bytes 0-4/10", undefined],
  ["bytes 0-4/9999999999999999", undefined],
  ["", undefined],
])("RFC 9110 14.4 %s", (value, expected) => {
  expect(parseContentRange(value)).toEqual(expected);
});
