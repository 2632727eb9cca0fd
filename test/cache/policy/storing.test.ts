// Whether a response is stored, with which field lines and freshness lifetime (RFC 9111 sections 3
// and 4.2).

import { describe, expect, test } from "vitest";
import { type CacheMode, FRESHNESS_DEFAULTS } from "../../../src/cache/policy/freshness.ts";
import { mayStore } from "../../../src/cache/policy/storing.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";
/** Ten days before. */
const MODIFIED = "Mon, 22 Dec 2025 00:00:00 GMT";
const AUTO: CacheMode = { kind: "auto" };
const TTL: CacheMode = { kind: "ttl", ttlSeconds: 100, staleSeconds: 50 };

interface Row {
  readonly method?: string;
  readonly request?: string[];
  readonly status?: number;
  readonly fields?: string[];
  readonly mode?: CacheMode;
  readonly requestMs?: number;
  readonly responseMs?: number;
}

function decide(row: Row) {
  return mayStore(
    { method: row.method ?? "GET", fields: row.request ?? [] },
    { status: row.status ?? 200, reason: "", fields: row.fields ?? [] },
    { requestMs: row.requestMs ?? NOW_MS, responseMs: row.responseMs ?? NOW_MS },
    row.mode ?? AUTO,
    FRESHNESS_DEFAULTS,
  );
}

const cc = (value: string, ...more: string[]) => ["Date", DATE, "Cache-Control", value, ...more];
const auth = ["Authorization", "Basic x"];

describe("RFC 9111 3 not stored", () => {
  test.each<[string, Row, string]>([
    ["another method", { method: "POST", fields: cc("max-age=60") }, "method"],
    ["HEAD", { method: "HEAD", fields: cc("max-age=60") }, "method"],
    ...[428, 429, 431, 511].map((status): [string, Row, string] => [
      `RFC 6585 ${status}, whatever it says`,
      { status, fields: cc("public, max-age=60") },
      "status_of_one_request",
    ]),
    ["1xx", { status: 103, fields: cc("max-age=60") }, "status_not_final"],
    ["206 that was not asked for", { status: 206, fields: cc("max-age=60") }, "partial_content"],
    ["412", { status: 412, fields: cc("max-age=60") }, "status_of_one_request"],
    ["416", { status: 416, fields: cc("max-age=60") }, "status_of_one_request"],
    ["417", { status: 417, fields: cc("public, max-age=60") }, "status_of_one_request"],
    ["304", { status: 304, fields: cc("max-age=60") }, "partial_content"],
    ["5.2.2.5 no-store", { fields: cc("no-store, max-age=60") }, "response_no_store"],
    ["5.2.2.7 private", { fields: cc("private, max-age=60") }, "response_private"],
    [
      "5.2.1.5 no-store of the request",
      { request: ["Cache-Control", "no-store"], fields: cc("max-age=60") },
      "request_no_store",
    ],
    ["3.5 Authorization", { request: auth, fields: cc("max-age=60") }, "authorization"],
    ["4.1 Vary: *", { fields: cc("max-age=60", "Vary", "Accept, *") }, "vary_unmatchable"],
    ["4.1 a Vary of no names", { fields: cc("max-age=60", "Vary", "a b") }, "vary_unmatchable"],
    [
      "5.2.2.3 must-understand of an unknown status",
      { status: 599, fields: cc("max-age=60, must-understand") },
      "status_not_understood",
    ],
    [
      "quotes that could hide a no-store",
      { fields: cc('max-age=60, x="a, no-store') },
      "cache_control_malformed",
    ],
    [
      "201 without freshness",
      { status: 201, fields: ["Last-Modified", MODIFIED] },
      "status_not_cacheable",
    ],
    ["403 without freshness", { status: 403, fields: ["ETag", '"a"'] }, "status_not_cacheable"],
    ["nothing to reuse it by", { fields: ["Date", DATE] }, "nothing_to_reuse"],
    [
      "stale on arrival, no validator",
      { fields: cc("max-age=60", "Age", "60") },
      "nothing_to_reuse",
    ],
    [
      "7.3 Set-Cookie without explicit freshness",
      { fields: ["Last-Modified", MODIFIED, "Set-Cookie", "a=b"] },
      "set_cookie",
    ],
    ["a route that is off", { fields: cc("max-age=60"), mode: { kind: "off" } }, "route_off"],
    ["ttl of a route: no-store", { fields: cc("no-store"), mode: TTL }, "response_no_store"],
    ["ttl of a route: private", { fields: cc("private"), mode: TTL }, "response_private"],
    ["ttl of a route: Set-Cookie", { fields: ["Set-Cookie", "a=b"], mode: TTL }, "set_cookie"],
    ["ttl of a route: Authorization", { request: auth, mode: TTL }, "authorization"],
    [
      "ttl of a route: a status that is not cacheable",
      { status: 500, mode: TTL },
      "status_not_cacheable",
    ],
  ])("%s", (_name, row, rule) => {
    expect(decide(row)).toEqual({ store: false, rule });
  });
});

describe("RFC 9110 9.3.3 a response to POST", () => {
  const target = { scheme: "http", authority: "a.test", path: "/a?b" } as const;
  const store = (status: number, ...fields: string[]) =>
    mayStore(
      { method: "POST", fields: [], ...target },
      { status, reason: "", fields },
      { requestMs: NOW_MS, responseMs: NOW_MS },
      AUTO,
      FRESHNESS_DEFAULTS,
    ).store;

  test.each<[string, number, string[], boolean]>([
    ["the target's representation", 200, cc("max-age=60", "Content-Location", "/a?b"), true],
    ["by an absolute URI", 200, cc("max-age=60", "Content-Location", "http://A.test:80/a?b"), true],
    ["another resource", 200, cc("max-age=60", "Content-Location", "/other"), false],
    ["no Content-Location", 200, cc("max-age=60"), false],
    ["another status", 201, cc("max-age=60", "Content-Location", "/a?b"), false],
    ["no explicit freshness", 200, ["ETag", '"1"', "Content-Location", "/a?b"], false],
    ["private", 200, cc("private, max-age=60", "Content-Location", "/a?b"), false],
  ])("%s", (_name, status, fields, expected) => {
    expect(store(status, ...fields)).toBe(expected);
  });
});

describe("RFC 9111 3 stored", () => {
  test.each<[string, Row]>([
    ["explicit freshness of any status", { status: 599, fields: cc("max-age=60") }],
    ["3.5 public", { request: auth, fields: cc("public, max-age=60") }],
    ["3.5 s-maxage", { request: auth, fields: cc("s-maxage=60") }],
    ["3.5 must-revalidate", { request: auth, fields: cc("must-revalidate, max-age=60") }],
    ["no-cache with a validator", { fields: cc("no-cache", "ETag", '"a"') }],
    ["a validator alone", { fields: ["ETag", '"a"'] }],
    [
      "5.2.2.3 must-understand lifts no-store",
      { fields: cc("must-understand, no-store, max-age=60") },
    ],
    ["7.3 Set-Cookie with explicit freshness", { fields: cc("max-age=60", "Set-Cookie", "a=b") }],
    ["a Cookie in the request", { request: ["Cookie", "a=b"], fields: cc("max-age=60") }],
    ["RFC 5861 stale but for errors", { fields: cc("max-age=0, stale-if-error=60") }],
    [
      "RFC 9213 a targeted field against no-store",
      {
        fields: cc("no-store", "CDN-Cache-Control", "max-age=60"),
      },
    ],
  ])("%s", (_name, row) => {
    expect(decide(row).store).toBe(true);
  });
});

describe("RFC 9111 4.2.1 freshness lifetime", () => {
  const expires = (value: string) => ["Date", DATE, "Expires", value, "ETag", '"a"'];
  const heuristic = ["Date", DATE, "Last-Modified", MODIFIED];

  test.each<[string, Row, number, string]>([
    ["max-age", { fields: cc("max-age=60") }, 60, "fresh_max_age"],
    ["s-maxage before max-age", { fields: cc("max-age=60, s-maxage=5") }, 5, "fresh_s_maxage"],
    ["max-age before Expires", { fields: cc("max-age=60", "Expires", "0") }, 60, "fresh_max_age"],
    [
      "a targeted field before all",
      { fields: cc("s-maxage=5", "CDN-Cache-Control", "max-age=60") },
      60,
      "fresh_targeted",
    ],
    [
      "Expires less Date",
      { fields: expires("Thu, 01 Jan 2026 01:00:00 GMT") },
      3600,
      "fresh_expires",
    ],
    [
      "Expires in the past",
      { fields: expires("Wed, 31 Dec 2025 23:00:00 GMT") },
      0,
      "fresh_expires",
    ],
    ["5.3 an invalid Expires", { fields: expires("0") }, 0, "fresh_expires"],
    ["an invalid max-age", { fields: cc("max-age=x", "ETag", '"a"') }, 0, "fresh_invalid"],
    ["4.2.2 a tenth since Last-Modified", { fields: heuristic }, 86_400, "fresh_heuristic"],
    ["4.2.2 of a cacheable status", { status: 404, fields: heuristic }, 86_400, "fresh_heuristic"],
    [
      "4.2.2 not beside no explicit time",
      { fields: cc("max-age=0", ...heuristic) },
      0,
      "fresh_max_age",
    ],
    [
      "4.2.2 any status with public",
      { status: 599, fields: cc("public", "Last-Modified", MODIFIED) },
      86_400,
      "fresh_heuristic",
    ],
    [
      "4.2.2 a Last-Modified in the future",
      {
        fields: ["Date", DATE, "Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT"],
      },
      0,
      "fresh_none",
    ],
    [
      "a route's ttl before the origin's",
      { fields: cc("max-age=5"), mode: TTL },
      100,
      "fresh_route",
    ],
    ["a route's ttl beside nothing", { mode: TTL }, 100, "fresh_route"],
    [
      "a route's ttl from receipt, whatever the Age",
      {
        fields: cc("max-age=5", "Age", "1000"),
        mode: TTL,
      },
      1100,
      "fresh_route",
    ],
  ])("%s", (_name, row, seconds, rule) => {
    const decision = decide(row);
    if (!decision.store) throw new Error(decision.rule);
    expect(decision.metadata.lifetimeSeconds).toBe(seconds);
    expect(decision.metadata.freshnessRule).toBe(rule);
  });

  test("4.2.2 the heuristic is a fraction below its bound", () => {
    const fields = ["Date", DATE, "Last-Modified", "Wed, 31 Dec 2025 23:59:00 GMT"];
    const decision = decide({ fields });
    expect(decision.store && decision.metadata.lifetimeSeconds).toBe(6);
  });
});

describe("RFC 9111 4.2.3 corrected initial age", () => {
  test.each<[string, Row, number]>([
    ["none", { fields: cc("max-age=60") }, 0],
    ["Age", { fields: cc("max-age=60", "Age", "30") }, 30],
    ["5.1 the first of several", { fields: cc("max-age=60", "Age", "30, 5") }, 30],
    ["5.1 an invalid Age is ignored", { fields: cc("max-age=60", "Age", "3.5") }, 0],
    ["a negative Age is ignored", { fields: cc("max-age=60", "Age", "-30") }, 0],
    [
      "response delay adds to Age",
      {
        fields: cc("max-age=60", "Age", "30"),
        requestMs: NOW_MS - 2000,
      },
      32,
    ],
    [
      "apparent age by Date",
      { fields: cc("max-age=60"), responseMs: NOW_MS + 20_000, requestMs: NOW_MS + 20_000 },
      20,
    ],
    [
      "the larger of both",
      {
        fields: cc("max-age=60", "Age", "5"),
        responseMs: NOW_MS + 20_000,
        requestMs: NOW_MS + 20_000,
      },
      20,
    ],
    [
      "a Date in the future",
      {
        fields: cc("max-age=60"),
        responseMs: NOW_MS - 20_000,
        requestMs: NOW_MS - 20_000,
      },
      0,
    ],
    [
      "the part of a second that Date lacks",
      {
        fields: cc("max-age=60"),
        responseMs: NOW_MS + 900,
        requestMs: NOW_MS + 900,
      },
      0,
    ],
  ])("%s", (_name, row, seconds) => {
    const decision = decide(row);
    if (!decision.store) throw new Error(decision.rule);
    expect((decision.metadata.responseMs - decision.metadata.bornMs) / 1000).toBe(seconds);
  });
});

describe("RFC 9111 3.1 stored field lines", () => {
  const stored = (fields: string[]) => {
    const decision = decide({ fields });
    return decision.store ? decision.fields : decision.rule;
  };

  test("hop-by-hop and nominated fields are left out", () => {
    const fields = cc("max-age=60", "Connection", "X-Hop", "X-Hop", "1", "Proxy-Authenticate", "x");
    expect(stored([...fields, "X-End", "2"])).toEqual(cc("max-age=60", "X-End", "2"));
  });

  test("5.2.2.4 fields of a qualified no-cache are left out", () => {
    const fields = cc('max-age=60, no-cache="x-a"', "X-A", "1", "X-B", "2");
    expect(stored(fields)).toEqual(cc('max-age=60, no-cache="x-a"', "X-B", "2"));
  });

  test("5.2.2.7 a private Set-Cookie is left out", () => {
    const fields = cc("max-age=60, private=set-cookie", "Set-Cookie", "a=b");
    expect(stored(fields)).toEqual(cc("max-age=60, private=set-cookie"));
  });

  test.each([
    ["missing", []],
    ["invalid", ["Date", "now"]],
  ])("RFC 9110 6.6.1 a %s Date becomes the time of receipt", (_name, date) => {
    const expected = ["Cache-Control", "max-age=60", "Date", DATE];
    expect(stored([...date, "Cache-Control", "max-age=60"])).toEqual(expected);
  });
});

describe("RFC 9111 4 who may share it while it is on its way", () => {
  test.each<[string, string, number]>([
    ["fresh", "max-age=60", NOW_MS + 60_000],
    ["validated meanwhile", "max-age=5, stale-while-revalidate=60", NOW_MS + 65_000],
    ["no-cache", "no-cache, max-age=60", 0],
    ["stale", "max-age=0", NOW_MS],
  ])("%s", (_name, value, shareableUntilMs) => {
    const decision = decide({ fields: cc(value, "ETag", '"a"') });
    expect(decision).toMatchObject({ store: true, shareableUntilMs });
  });
});
