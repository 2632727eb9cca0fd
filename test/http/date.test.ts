// HTTP-date in its three forms (RFC 9110 section 5.6.7) and as a cache reads it (RFC 9111 section
// 4.2).

import { describe, expect, test } from "vitest";
import { formatHttpDate, parseHttpDate } from "../../src/http/date.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
/** The RFC's own example. */
const EXAMPLE_MS = 784_111_777_000;

describe("RFC 9110 5.6.7 the three forms", () => {
  test.each([
    ["IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE_MS],
    ["RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE_MS],
    ["asctime", "Sun Nov  6 08:49:37 1994", EXAMPLE_MS],
    ["the end of 32 bits", "Tue, 19 Jan 2038 03:14:08 GMT", 2 ** 31 * 1000],
    ["a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", Date.UTC(2024, 1, 29)],
    ["a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0, 1)],
    ["a year below 100", "Sat, 01 Jan 0050 00:00:00 GMT", -60_589_296_000_000],
    ["two digits within 50 years", "Friday, 01-Jan-76 00:00:00 GMT", Date.UTC(2076, 0, 1)],
    ["two digits past 50 years", "Saturday, 01-Jan-77 00:00:00 GMT", Date.UTC(1977, 0, 1)],
  ])("%s", (_name, value, expected) => {
    expect(parseHttpDate(value, NOW_MS)).toBe(expected);
  });

  test("what is generated is IMF-fixdate", () => {
    expect(formatHttpDate(EXAMPLE_MS + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  });
});

describe("RFC 9111 4.2 as a cache reads it", () => {
  test.each([
    "SUN, 06 NOV 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 gMT",
    "sunday, 06-NOV-94 08:49:37 gmt",
  ])("case does not matter: %s", (value) => {
    expect(parseHttpDate(value, NOW_MS)).toBe(EXAMPLE_MS);
  });

  test.each([
    ["empty", ""],
    ["0", "0"],
    ["-1", "-1"],
    ["another zone", "Sun, 06 Nov 1994 08:49:37 UTC"],
    ["a numeric zone", "Sun, 06 Nov 1994 08:49:37 +0000"],
    ["no zone", "Sun, 06 Nov 1994 08:49:37"],
    ["two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"],
    ["one digit of the day", "Sun, 6 Nov 1994 08:49:37 GMT"],
    ["no comma", "Sun 06 Nov 1994 08:49:37 GMT"],
    ["two spaces", "Sun,  06 Nov 1994 08:49:37 GMT"],
    ["a day that the month has not", "Thu, 31 Feb 2023 00:00:00 GMT"],
    ["day 0", "Thu, 00 Feb 2023 00:00:00 GMT"],
    ["hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"],
    ["minute 60", "Sun, 06 Nov 1994 08:60:37 GMT"],
    ["no month", "Sun, 06 Nox 1994 08:49:37 GMT"],
    ["ISO 8601", "1994-11-06T08:49:37Z"],
    ["trailing text", "Sun, 06 Nov 1994 08:49:37 GMT;"],
  ])("invalid: %s", (_name, value) => {
    expect(parseHttpDate(value, NOW_MS)).toBeNaN();
  });
});
