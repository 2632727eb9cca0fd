// Whether a stored response answers a request now (RFC 9111 sections 4, 4.2.4 and 5.2, RFC 5861).

import { describe, expect, test } from "vitest";
import { requestDirectives, responseDirectives } from "../../../src/cache/policy/directives.ts";
import { FRESHNESS_DEFAULTS, metadataOf } from "../../../src/cache/policy/freshness.ts";
import { isOriginFailure, reuse, standInRule } from "../../../src/cache/policy/reuse.ts";

const NOW_MS = Date.UTC(2026, 0, 1);

function stored(cacheControl: string) {
  const fields = ["Cache-Control", cacheControl, "ETag", '"a"'];
  return metadataOf(
    { status: 200, reason: "", fields },
    responseDirectives(fields, []),
    { requestMs: NOW_MS, responseMs: NOW_MS },
    { kind: "auto" },
    FRESHNESS_DEFAULTS,
  );
}

function verdict(cacheControl: string, request: string, ageSeconds: number): string {
  const directives = requestDirectives(request === "" ? [] : ["Cache-Control", request]);
  const decision = reuse(stored(cacheControl), directives, NOW_MS + ageSeconds * 1000);
  return `${decision.verdict} ${decision.rule}`;
}

describe("RFC 9111 4 reuse", () => {
  test.each<[string, string, string, number, string]>([
    ["fresh", "max-age=60", "", 59.999, "use fresh"],
    ["stale at its lifetime", "max-age=60", "", 60, "validate stale"],
    ["5.2.2.4 no-cache", "max-age=60, no-cache", "", 1, "validate response_no_cache"],
    ["5.2.1.4 no-cache", "max-age=60", "no-cache", 1, "validate request_no_cache"],
    ["5.2.1.1 max-age met", "max-age=60", "max-age=10", 10, "use fresh"],
    ["5.2.1.1 max-age exceeded", "max-age=60", "max-age=10", 10.001, "validate request_max_age"],
    ["5.2.1.1 max-age=0", "max-age=60", "max-age=0", 0.001, "validate request_max_age"],
    ["5.2.1.3 min-fresh met", "max-age=60", "min-fresh=10", 50, "use fresh"],
    ["5.2.1.3 min-fresh missed", "max-age=60", "min-fresh=10", 51, "validate request_min_fresh"],
    ["5.2.1.2 max-stale met", "max-age=60", "max-stale=10", 70, "use request_max_stale"],
    ["5.2.1.2 max-stale missed", "max-age=60", "max-stale=10", 71, "validate stale"],
    ["5.2.1.2 max-stale without bound", "max-age=60", "max-stale", 9999, "use request_max_stale"],
    ["max-stale of what was never fresh", "max-age=0", "max-stale", 1, "validate stale"],
    ["max-stale of what says nothing", "", "max-stale", 1, "validate stale"],
    ["5.2.2.2 must-revalidate", "max-age=60, must-revalidate", "max-stale", 61, "validate stale"],
    ["5.2.2.8 proxy-revalidate", "max-age=60, proxy-revalidate", "max-stale", 61, "validate stale"],
    ["5.2.2.10 s-maxage", "s-maxage=60", "max-stale", 61, "validate stale"],
    ["5.2.1.5 no-store uses what is stored", "max-age=60", "no-store", 1, "use fresh"],
    [
      "RFC 5861 3 within its window",
      "max-age=60, stale-while-revalidate=10",
      "",
      69.9,
      "use_and_validate stale_while_revalidate",
    ],
    ["RFC 5861 3 past it", "max-age=60, stale-while-revalidate=10", "", 70, "validate stale"],
    [
      "RFC 5861 3 beside s-maxage",
      "s-maxage=60, stale-while-revalidate=10",
      "",
      65,
      "use_and_validate stale_while_revalidate",
    ],
    [
      "must-revalidate before stale-while-revalidate",
      "max-age=60, must-revalidate, stale-while-revalidate=10",
      "",
      65,
      "validate stale",
    ],
    [
      "a client with max-age gets nothing stale",
      "max-age=60, stale-while-revalidate=10",
      "max-age=100",
      65,
      "validate stale",
    ],
  ])("%s", (_name, response, request, age, expected) => {
    expect(verdict(response, request, age)).toBe(expected);
  });

  test("5.4 Pragma has a rule of its own", () => {
    const directives = requestDirectives(["Pragma", "no-cache"]);
    expect(reuse(stored("max-age=60"), directives, NOW_MS).rule).toBe("request_pragma");
  });

  test("a clock that was set back makes nothing older than now", () => {
    expect(verdict("max-age=60", "", -5)).toBe("use fresh");
  });
});

describe("RFC 5861 4 stale-if-error, RFC 9111 4.2.4 disconnected", () => {
  const disconnectedSeconds = 5;

  test.each<[string, string, string, number, string | undefined, string | undefined]>([
    ["in its window", "max-age=60, stale-if-error=10", "", 69, "stale_if_error", "stale_if_error"],
    ["past it", "max-age=60, stale-if-error=10", "", 70, undefined, undefined],
    ["without the directive", "max-age=60", "", 64, undefined, "disconnected"],
    ["what was never fresh", "max-age=0", "", 1, undefined, undefined],
    [
      "never fresh, but allowed",
      "max-age=0, stale-if-error=5",
      "",
      1,
      "stale_if_error",
      "stale_if_error",
    ],
    ["too old", "max-age=60", "", 65, undefined, undefined],
    ["must-revalidate", "max-age=60, must-revalidate", "", 61, undefined, undefined],
    ["proxy-revalidate", "max-age=60, proxy-revalidate", "", 61, undefined, undefined],
    ["s-maxage", "s-maxage=60", "", 61, undefined, undefined],
    [
      "s-maxage beside stale-if-error",
      "s-maxage=60, stale-if-error=9",
      "",
      61,
      "stale_if_error",
      "stale_if_error",
    ],
    [
      "must-revalidate wins",
      "max-age=60, must-revalidate, stale-if-error=10",
      "",
      61,
      undefined,
      undefined,
    ],
    ["no-cache of the response", "no-cache, stale-if-error=10", "", 5, undefined, undefined],
    [
      "no-cache of the request",
      "max-age=60, stale-if-error=10",
      "no-cache",
      61,
      undefined,
      undefined,
    ],
    [
      "too old for the request",
      "max-age=60, stale-if-error=10",
      "max-age=5",
      61,
      undefined,
      undefined,
    ],
  ])("%s", (_name, response, request, age, onError, disconnected) => {
    const directives = requestDirectives(request === "" ? [] : ["Cache-Control", request]);
    const metadata = stored(response);
    const nowMs = NOW_MS + age * 1000;
    expect(standInRule(metadata, directives, nowMs, 0)).toBe(onError);
    expect(standInRule(metadata, directives, nowMs, disconnectedSeconds)).toBe(disconnected);
  });

  test("errors are 500, 502, 503 and 504", () => {
    const failures = Array.from({ length: 600 }, (_, status) => status).filter(isOriginFailure);
    expect(failures).toEqual([500, 502, 503, 504]);
  });
});
