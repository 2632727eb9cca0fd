// Cache-Control of requests and responses, targeted fields and Pragma (RFC 9111 sections 4.2.1, 5.2
// and 5.4, RFC 9213).

import { describe, expect, test } from "vitest";
import {
  INVALID,
  requestDirectives,
  responseDirectives,
  SECONDS_MAX,
} from "../../../src/cache/policy/directives.ts";

const TARGETED = ["cdn-cache-control"];

function response(...lines: string[]) {
  const fields = lines.flatMap((line) => ["Cache-Control", line]);
  return responseDirectives(fields, TARGETED);
}

describe("RFC 9111 5.2.2 response directives", () => {
  test.each<[string, string[], object]>([
    ["seconds", ["max-age=60"], { maxAge: 60 }],
    ["leading zeros", ["max-age=0060"], { maxAge: 60 }],
    ["a quoted argument (5.2)", ['max-age="60"'], { maxAge: 60 }],
    ["names in any case (5.2)", ["MaX-AgE=60, NO-STORE"], { maxAge: 60, noStore: true }],
    ["several lines", ["max-age=60", "s-maxage=5"], { maxAge: 60, sMaxAge: 5 }],
    ["the first of two (4.2.1)", ["max-age=1, max-age=60"], { maxAge: 1 }],
    ["too many seconds (1.2.2)", ["max-age=99999999999"], { maxAge: SECONDS_MAX }],
    ["extensions", ["foobar, max-age=60, x=y"], { maxAge: 60 }],
    ["a directive inside quotes", ['x="no-store, max-age=9", max-age=1'], { maxAge: 1 }],
    ["an escaped quote", ['x="\\", no-store", max-age=1'], { maxAge: 1, noStore: false }],
    ["an argument where none belongs", ["no-store=x"], { noStore: true }],
    ["letters (4.2.1)", ["max-age=60a"], { maxAge: INVALID }],
    ["single quotes", ["max-age='60'"], { maxAge: INVALID }],
    ["a sign", ["max-age=-60"], { maxAge: INVALID }],
    ["decimals", ["max-age=60.0"], { maxAge: INVALID }],
    ["no argument", ["max-age"], { maxAge: INVALID }],
    ["an empty argument", ["max-age="], { maxAge: INVALID }],
    ["white space after =", ["max-age= 60"], { maxAge: INVALID }],
    ["white space before =: another directive", ["max-age =60"], { maxAge: undefined }],
    ["no-cache", ["no-cache"], { noCache: true }],
    ["private", ["private"], { private: true }],
    ["qualified", ['no-cache="A, b"'], { noCache: false, strippedFields: ["a", "b"] }],
    ["qualified as a token", ["private=Set-Cookie"], { strippedFields: ["set-cookie"] }],
    ["qualified and not", ['no-cache="a", no-cache'], { noCache: true }],
    ["qualified by no names", ['private="a b"'], { private: true, strippedFields: [] }],
    ["qualified by nothing", ['private=""'], { private: true }],
    ["a quote that never ends", ['x="a, no-store'], { malformed: true }],
  ])("%s", (_name, lines, expected) => {
    expect(response(...lines)).toMatchObject(expected);
  });
});

describe("RFC 9213 targeted fields", () => {
  const both = (targeted: string) =>
    responseDirectives(["Cache-Control", "no-store", "CDN-Cache-Control", targeted], TARGETED);

  test.each<[string, string, object]>([
    ["decides alone", "max-age=60", { maxAge: 60, noStore: false, targeted: true }],
    ["with its own no-store", "no-store, max-age=60", { noStore: true, maxAge: 60 }],
    ["flags", "private, must-revalidate", { private: true, mustRevalidate: true }],
    ["a false flag", "no-store=?0, max-age=60", { noStore: false }],
    ["parameters are ignored", "max-age=60;x=1", { maxAge: 60 }],
    ["another type is no number of seconds", 'max-age="60"', { maxAge: INVALID }],
    ["negative", "max-age=-1", { maxAge: INVALID }],
    ["empty: not there", "", { noStore: true, targeted: false }],
    ["malformed: not there", "max-age=60, &&&", { noStore: true, targeted: false }],
    ["upper case: malformed", "MAX-AGE=60", { noStore: true, targeted: false }],
  ])("%s", (_name, value, expected) => {
    expect(both(value)).toMatchObject(expected);
  });

  test("only the fields of the list count", () => {
    const fields = ["CDN-Cache-Control", "max-age=60"];
    expect(responseDirectives(fields, []).maxAge).toBeUndefined();
  });
});

describe("RFC 9111 5.2.1 request directives", () => {
  test.each<[string, string[], object]>([
    ["none", [], { noCache: false, noStore: false, maxAge: undefined }],
    [
      "all",
      ["Cache-Control", "no-cache, no-store, only-if-cached"],
      {
        noCache: true,
        noStore: true,
        onlyIfCached: true,
      },
    ],
    [
      "seconds",
      ["Cache-Control", "max-age=5, min-fresh=6, max-stale=7"],
      {
        maxAge: 5,
        minFresh: 6,
        maxStale: 7,
      },
    ],
    ["max-stale of any age", ["Cache-Control", "max-stale"], { maxStale: Infinity }],
    ["an invalid max-age wants it new", ["Cache-Control", "max-age=x"], { maxAge: 0 }],
    [
      "an invalid min-fresh is never met",
      ["Cache-Control", "min-fresh=x"],
      {
        minFresh: SECONDS_MAX,
      },
    ],
    [
      "an invalid max-stale allows nothing",
      ["Cache-Control", "max-stale=x"],
      {
        maxStale: undefined,
      },
    ],
    ["Pragma (5.4)", ["Pragma", "No-Cache"], { noCache: true, pragma: true }],
    [
      "Pragma beside Cache-Control",
      ["Pragma", "no-cache", "Cache-Control", "max-age=5"],
      {
        noCache: false,
        pragma: false,
      },
    ],
    ["another Pragma", ["Pragma", "x"], { noCache: false }],
  ])("%s", (_name, fields, expected) => {
    expect(requestDirectives(fields)).toMatchObject(expected);
  });
});
