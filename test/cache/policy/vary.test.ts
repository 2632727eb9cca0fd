// Vary: parsing, selecting and normal forms (RFC 9111 section 4.1, RFC 9110 section 12.5).

import { describe, expect, test } from "vitest";
import {
  selectingFields,
  selects,
  selectsRaw,
  VARY_FIELDS_MAX,
  varyNames,
} from "../../../src/cache/policy/vary.ts";

describe("RFC 9110 12.5.5 the field names", () => {
  test.each<[string, string[], string[] | undefined]>([
    ["absent", [], []],
    ["empty", ["Vary", ""], []],
    ["lower case, once each", ["Vary", "Foo, BAR", "vary", "foo"], ["foo", "bar"]],
    ["*", ["Vary", "*"], undefined],
    ["* among names", ["Vary", "foo", "Vary", "*"], undefined],
    ["a field that proxies write", ["Vary", "X-Forwarded-For"], undefined],
    ["no names", ["Vary", "a b"], undefined],
    ["a quoted string", ["Vary", '"a"'], undefined],
  ])("%s", (_name, fields, expected) => {
    expect(varyNames(fields)).toEqual(expected);
  });

  test("more names than the limit are not stored", () => {
    const names = Array.from({ length: VARY_FIELDS_MAX + 1 }, (_, index) => `x-${index}`);
    expect(varyNames(["Vary", names.join()])).toBeUndefined();
    expect(varyNames(["Vary", names.slice(1).join()])).toHaveLength(VARY_FIELDS_MAX);
  });
});

describe("RFC 9111 4.1 two requests select the same", () => {
  test.each<[string, string, string[], string[], boolean]>([
    ["equal", "foo", ["Foo", "1"], ["foo", "1"], true],
    ["different", "foo", ["Foo", "1"], ["Foo", "2"], false],
    ["absent in both", "foo", [], ["Bar", "1"], true],
    ["absent in the stored one", "foo", [], ["Foo", "1"], false],
    ["absent in the new one", "foo", ["Foo", "1"], [], false],
    ["empty is not absent", "foo", ["Foo", ""], [], false],
    ["values keep their case", "foo", ["Foo", "a"], ["Foo", "A"], false],
    ["lines of one list", "foo", ["Foo", "1, 2"], ["Foo", "1", "Foo", "2"], true],
    ["white space around commas", "foo", ["Foo", "1,2"], ["Foo", " 1 ,\t2 "], true],
    ["white space in quotes", "foo", ["Foo", '"1,2"'], ["Foo", '"1, 2"'], false],
    ["a cookie is no list", "cookie", ["Cookie", "a=1,2"], ["Cookie", "a=1, 2"], false],
    [
      "credentials are no list",
      "authorization",
      ["Authorization", "x a,b"],
      ["Authorization", "x a, b"],
      false,
    ],
    [
      "codings in any order",
      "accept-encoding",
      ["Accept-Encoding", "gzip, br"],
      ["Accept-Encoding", "BR,gzip"],
      true,
    ],
    [
      "weights of 1",
      "accept-encoding",
      ["Accept-Encoding", "gzip;q=1.0"],
      ["Accept-Encoding", "gzip"],
      true,
    ],
    [
      "weights by number",
      "accept-encoding",
      ["Accept-Encoding", "gzip; q=0.50"],
      ["Accept-Encoding", "gzip;q=0.5"],
      true,
    ],
    [
      "other weights",
      "accept-encoding",
      ["Accept-Encoding", "gzip;q=0.5"],
      ["Accept-Encoding", "gzip"],
      false,
    ],
    [
      "weight 0",
      "accept-encoding",
      ["Accept-Encoding", "gzip;q=0"],
      ["Accept-Encoding", "gzip"],
      false,
    ],
    ["no coding at all is not none named", "accept-encoding", ["Accept-Encoding", ""], [], false],
    [
      "languages in any case",
      "accept-language",
      ["Accept-Language", "en-GB, de"],
      ["Accept-Language", "EN-gb,De"],
      true,
    ],
    [
      "languages in another order",
      "accept-language",
      ["Accept-Language", "en, de"],
      ["Accept-Language", "de, en"],
      true,
    ],
    [
      "languages with other weights",
      "accept-language",
      ["Accept-Language", "en, de;q=0.5"],
      ["Accept-Language", "de, en;q=0.5"],
      false,
    ],
    [
      "languages by weight, in another order",
      "accept-language",
      ["Accept-Language", "en;q=0.9, de"],
      ["Accept-Language", "de;q=1.0,en; q=0.90"],
      true,
    ],
  ])("%s", (_name, name, stored, request, expected) => {
    expect(selects(selectingFields([name], stored), request)).toBe(expected);
  });

  test("all fields have to agree", () => {
    const selecting = selectingFields(["a", "b"], ["A", "1", "B", "2"]);
    expect(selects(selecting, ["B", "2", "A", "1"])).toBe(true);
    expect(selects(selecting, ["B", "3", "A", "1"])).toBe(false);
  });
});

test("the hit path asks for raw values by id or name, and believes a no only from them", () => {
  const selecting = selectingFields(["accept-encoding", "x-a"], ["Accept-Encoding", "br"]);
  const asked: unknown[] = [];
  const raw = {
    fieldEquals: (...question: unknown[]) => {
      asked.push(question);
      return true;
    },
  };
  expect(selectsRaw(selecting, raw)).toBe(true);
  expect(asked).toEqual([
    [30, "accept-encoding", "br"],
    [0, "x-a", null],
  ]);
  expect(selectsRaw(selecting, { fieldEquals: (id) => id === 30 })).toBe(false);
});
