// Byte ranges (RFC 9110 section 14.1).

import { expect, test } from "vitest";
import { parseRange } from "../../src/http/ranges.ts";

const ignored = { kind: "ignored" };
const unsatisfiable = { kind: "unsatisfiable" };
const range = (start: number, end: number) => ({ kind: "range", start, end });

test.each([
  ["first and last", "bytes=0-1", 10, range(0, 2)],
  ["one byte", "bytes=9-9", 10, range(9, 10)],
  ["no last", "bytes=4-", 10, range(4, 10)],
  ["last past the end", "bytes=4-99", 10, range(4, 10)],
  ["suffix", "bytes=-3", 10, range(7, 10)],
  ["suffix longer than all", "bytes=-30", 10, range(0, 10)],
  ["unit in another case (14.1)", "Bytes=0-1", 10, range(0, 2)],
  ["huge numbers", "bytes=0-99999999999999999999", 10, range(0, 10)],
  ["first past the end", "bytes=10-", 10, unsatisfiable],
  ["suffix of nothing", "bytes=-0", 10, unsatisfiable],
  ["of an empty representation", "bytes=0-", 0, unsatisfiable],
  ["suffix of an empty representation", "bytes=-1", 0, unsatisfiable],
  ["last before first", "bytes=5-4", 10, ignored],
  ["two ranges", "bytes=0-1,3-4", 10, ignored],
  ["another unit", "items=0-1", 10, ignored],
  ["no numbers", "bytes=-", 10, ignored],
  ["signs", "bytes=+1-2", 10, ignored],
  ["hexadecimal", "bytes=0x1-2", 10, ignored],
  ["empty", "", 10, ignored],
])("RFC 9110 14.1.2 %s", (_name, value, length, expected) => {
  expect(parseRange(value, length)).toEqual(expected);
});
