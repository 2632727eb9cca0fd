// Dictionaries of Structured Fields (RFC 9651 sections 3.2 and 4.2.2).

import { describe, expect, test } from "vitest";
import { parseDictionary } from "../../src/http/structured.ts";

const yes = { kind: "boolean", value: true };
const integer = (value: number) => ({ kind: "integer", value });

describe("RFC 9651 4.2.2 valid", () => {
  test.each<[string, string, Record<string, unknown>]>([
    ["empty", "", {}],
    ["integers and flags", "max-age=60, no-store", { "max-age": integer(60), "no-store": yes }],
    ["spaces around", "  a=1 ", { a: integer(1) }],
    ["tabs around commas", "a=1\t,\tb=2", { a: integer(1), b: integer(2) }],
    ["the last of equal keys", "a=1, a=2", { a: integer(2) }],
    ["parameters do not count", "a=1;x;y=2, b;z", { a: integer(1), b: yes }],
    ["a negative integer", "a=-5", { a: integer(-5) }],
    ["a decimal", "a=1.5", { a: { kind: "decimal", value: 1.5 } }],
    ["a string", 'a="x\\"y"', { a: { kind: "string", value: 'x"y' } }],
    ["a token", "a=X/y:z", { a: { kind: "token", value: "X/y:z" } }],
    ["false", "a=?0", { a: { kind: "boolean", value: false } }],
    [
      "bytes, a date and an inner list",
      'a=:aGk=:, b=@5, c=(1 "x";q)',
      {
        a: { kind: "other" },
        b: { kind: "other" },
        c: { kind: "other" },
      },
    ],
  ])("%s", (_name, value, expected) => {
    expect(Object.fromEntries(parseDictionary(value) ?? [["undefined", 1]])).toEqual(expected);
  });
});

test.each([
  ["a trailing comma", "a=1,"],
  ["two commas", "a=1,,b"],
  ["a key in upper case", "Max-Age=60"],
  ["a space before =", "a =1"],
  ["a space after =", "a= 1"],
  ["no value", "a="],
  ["something that is no item", "a=1, &&&"],
  ["a string that never ends", 'a="x'],
  ["a string with a control", 'a="\u0001"'],
  ["16 digits", "a=1234567890123456"],
  ["four decimals", "a=1.2345"],
  ["a dot without decimals", "a=1."],
  ["members without a comma", "a b"],
  ["a list that never ends", "a=(1 2"],
  ["items of a list without a space", 'a=("x""y")'],
])("RFC 9651 4.2.2 invalid: %s", (_name, value) => {
  expect(parseDictionary(value)).toBeUndefined();
});
