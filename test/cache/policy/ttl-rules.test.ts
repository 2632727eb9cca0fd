// The times of a route: what they replace of what the origin server says, and what they never do
// (docs/caching.md).

import { describe, expect, test } from "vitest";
import { type CacheMode, FRESHNESS_DEFAULTS } from "../../../src/cache/policy/freshness.ts";
import { mayStore } from "../../../src/cache/policy/storing.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const MODIFIED = "Mon, 22 Dec 2025 00:00:00 GMT";
const STATUS = new Map([
  [404, 60],
  [503, 5],
  [500, 0],
  [403, 30],
]);
const RULES: CacheMode = {
  kind: "ttl",
  ttlSeconds: 100,
  statusSeconds: STATUS,
  staleSeconds: 50,
};
const STATUS_ALONE: CacheMode = {
  kind: "ttl",
  ttlSeconds: null,
  statusSeconds: STATUS,
  staleSeconds: null,
};
const CAPPED: CacheMode = {
  kind: "ttl",
  ttlSeconds: null,
  staleSeconds: null,
  ttlSecondsMax: 600,
};

function decide(mode: CacheMode, status: number, fields: string[], request: string[] = []) {
  return mayStore(
    { method: "GET", fields: request },
    { status, reason: "", fields },
    { requestMs: NOW_MS, responseMs: NOW_MS },
    mode,
    FRESHNESS_DEFAULTS,
  );
}

describe("stored", () => {
  test.each<[string, CacheMode, number, string[], [number, string, number]]>([
    ["ttl", RULES, 200, [], [100, "fresh_route", 50]],
    ["ttl over max-age", RULES, 200, ["Cache-Control", "max-age=1"], [100, "fresh_route", 50]],
    ["ttl, whatever the age", RULES, 200, ["Age", "30"], [130, "fresh_route", 50]],
    ["a status before ttl", RULES, 404, [], [60, "fresh_route_status", 50]],
    ["a status that nobody would store", RULES, 503, [], [5, "fresh_route_status", 50]],
    ["a status without ttl", STATUS_ALONE, 403, [], [30, "fresh_route_status", 0]],
    [
      "another status without ttl",
      STATUS_ALONE,
      200,
      ["Cache-Control", "max-age=7, stale-if-error=9"],
      [7, "fresh_max_age", 9],
    ],
    ["cap", CAPPED, 200, ["Cache-Control", "max-age=7000"], [600, "fresh_capped", 0]],
    ["below the cap", CAPPED, 200, ["Cache-Control", "s-maxage=600"], [600, "fresh_s_maxage", 0]],
    ["a guess is capped too", CAPPED, 200, ["Last-Modified", MODIFIED], [600, "fresh_capped", 0]],
    [
      "must-revalidate: never stale",
      RULES,
      200,
      ["Cache-Control", "must-revalidate"],
      [100, "fresh_route", 0],
    ],
  ])("%s", (_name, mode, status, fields, [seconds, rule, stale]) => {
    const decision = decide(mode, status, fields);
    expect(decision.store && decision.metadata).toMatchObject({
      lifetimeSeconds: seconds,
      freshnessRule: rule,
      staleIfErrorSeconds: stale,
    });
  });

  test("no-cache is validated before each use, whatever the ttl", () => {
    const decision = decide(RULES, 200, ["Cache-Control", "no-cache", "ETag", '"1"']);
    expect(decision.store && decision.metadata).toMatchObject({ noCache: true, hitUntilMs: 0 });
  });
});

describe("never stored", () => {
  test.each<[string, CacheMode, number, string[], string[], string]>([
    ["0s", RULES, 500, [], [], "route_status"],
    ["0s over max-age", RULES, 500, ["Cache-Control", "max-age=9"], [], "route_status"],
    ["a status without a rule", RULES, 502, [], [], "status_not_cacheable"],
    ["no-store", RULES, 404, ["Cache-Control", "no-store"], [], "response_no_store"],
    ["private", RULES, 404, ["Cache-Control", "private"], [], "response_private"],
    ["Set-Cookie", RULES, 404, ["Set-Cookie", "a=b"], [], "set_cookie"],
    ["Vary: *", RULES, 200, ["Vary", "*"], [], "vary_unmatchable"],
    ["Authorization", RULES, 200, [], ["Authorization", "Basic x"], "authorization"],
    ["no-store asked for", RULES, 200, [], ["Cache-Control", "no-store"], "request_no_store"],
    ["content of a GET", RULES, 200, [], ["Content-Length", "1"], "request_content"],
  ])("%s", (_name, mode, status, fields, request, rule) => {
    expect(decide(mode, status, fields, request)).toEqual({ store: false, rule });
  });
});
