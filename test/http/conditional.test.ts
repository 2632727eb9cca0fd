// Entity tags and preconditions (RFC 9110 sections 8.8.3 and 13.1).

import { describe, expect, test } from "vitest";
import {
  evaluate,
  ifRangeHolds,
  matchesStrongly,
  matchesWeakly,
  parseEntityTag,
} from "../../src/http/conditional.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT";
const VALIDATORS = { etag: '"a"', lastModifiedMs: NOW_MS, dateMs: NOW_MS + 60_000 };

describe("RFC 9110 8.8.3 entity tags", () => {
  test.each([
    ['"abc"', true],
    ['W/"abc"', true],
    ['""', true],
    ['"a,b"', true],
    ['"a\u00fc"', true],
    ["abc", false],
    ['w/"abc"', false],
    ['W"abc"', false],
    ['"a b"', false],
    ['"a"b"', false],
    ['"a", "b"', false],
    ["*", false],
  ])("%s", (value, valid) => {
    expect(parseEntityTag(value) !== undefined).toBe(valid);
  });

  test.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
    ["1", "1", false, false],
  ])("8.8.3.2 %s and %s: strong %s, weak %s", (left, right, strong, weak) => {
    expect(matchesStrongly(left, right)).toBe(strong);
    expect(matchesWeakly(left, right)).toBe(weak);
  });
});

describe("RFC 9110 13.1 preconditions of GET", () => {
  test.each<[string, string[], string]>([
    ["none", [], "proceed"],
    ["If-None-Match that matches", ["If-None-Match", '"a"'], "not_modified"],
    ["weakly", ["If-None-Match", 'W/"a"'], "not_modified"],
    ["among several", ["If-None-Match", '"x", "a" , "y"'], "not_modified"],
    ["over several lines", ["If-None-Match", '"x"', "if-none-match", '"a"'], "not_modified"],
    ["with empty members", ["If-None-Match", ', ,"a"'], "not_modified"],
    ["any", ["If-None-Match", "*"], "not_modified"],
    ["other tags", ["If-None-Match", '"x", "y"'], "proceed"],
    ["inside another tag", ["If-None-Match", '"x,"a",y"'], "proceed"],
    ["unquoted", ["If-None-Match", "a"], "proceed"],
    ["If-Modified-Since equal", ["If-Modified-Since", MODIFIED], "not_modified"],
    ["later", ["If-Modified-Since", "Fri, 02 Jan 2026 00:00:00 GMT"], "not_modified"],
    ["earlier", ["If-Modified-Since", "Wed, 31 Dec 2025 23:59:59 GMT"], "proceed"],
    ["invalid", ["If-Modified-Since", "yesterday"], "proceed"],
    [
      "If-None-Match decides alone (13.2.2)",
      ["If-None-Match", '"x"', "If-Modified-Since", MODIFIED],
      "proceed",
    ],
    ["If-Match", ["If-Match", '"a"'], "origin"],
    ["If-Unmodified-Since", ["If-Unmodified-Since", MODIFIED], "origin"],
  ])("%s", (_name, fields, expected) => {
    expect(evaluate(fields, VALIDATORS, NOW_MS)).toBe(expected);
  });

  test("RFC 9111 4.3.2 without Last-Modified the Date is compared", () => {
    const validators = { etag: "", lastModifiedMs: Number.NaN, dateMs: NOW_MS };
    expect(evaluate(["If-Modified-Since", MODIFIED], validators, NOW_MS)).toBe("not_modified");
    const earlier = ["If-Modified-Since", "Wed, 31 Dec 2025 23:59:59 GMT"];
    expect(evaluate(earlier, validators, NOW_MS)).toBe("proceed");
  });
});

describe("RFC 9110 13.1.5 If-Range", () => {
  test.each([
    ["the tag", '"a"', VALIDATORS, true],
    ["a weak tag never", 'W/"a"', { ...VALIDATORS, etag: 'W/"a"' }, false],
    ["another tag", '"b"', VALIDATORS, false],
    ["the exact date of something a minute old", MODIFIED, VALIDATORS, true],
    ["of something younger", MODIFIED, { ...VALIDATORS, dateMs: NOW_MS + 59_000 }, false],
    ["a later date", "Fri, 02 Jan 2026 00:00:00 GMT", VALIDATORS, false],
    ["nonsense", "x", { ...VALIDATORS, lastModifiedMs: Number.NaN }, false],
  ])("%s", (_name, value, validators, expected) => {
    expect(ifRangeHolds(value, validators, NOW_MS)).toBe(expected);
  });
});
