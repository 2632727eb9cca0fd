// The policy beside http-cache-semantics, a second reading of RFC 9111, on generated exchanges.
// Where the two differ on purpose, the generator leaves the input out and a comment names the
// section that decides.

import fc from "fast-check";
import CachePolicy from "http-cache-semantics";
import { expect, test } from "vitest";
import { requestDirectives } from "../../src/cache/policy/directives.ts";
import { FRESHNESS_DEFAULTS } from "../../src/cache/policy/freshness.ts";
import { reuse } from "../../src/cache/policy/reuse.ts";
import { mayStore } from "../../src/cache/policy/storing.ts";
import { formatHttpDate } from "../../src/http/date.ts";
import { NOW_MS } from "../support/stored.ts";

const seconds = fc.constantFrom(0, 1, 5, 60, 3600);

/**
 * Left out, with the reason: stale-* windows (the oracle counts them as freshness), must-understand
 * and qualified forms (it does not know them), Set-Cookie (it wants `public` or `immutable`, RFC
 * 9111 section 7.3 wants neither), heuristics (it guesses for more status codes and from
 * `immutable`), malformed numbers (it reads "60a" as 60), proxy-revalidate (it takes it for
 * max-age=0; section 5.2.2.8 is about stale responses only).
 */
const directive = fc.oneof(
  seconds.map((value) => `max-age=${value}`),
  seconds.map((value) => `s-maxage=${value}`),
  fc.constantFrom("public", "private", "no-store", "must-revalidate", "x=y"),
  fc.constant("no-cache"),
);
const requestDirective = fc.oneof(
  seconds.map((value) => `max-age=${value}`),
  seconds.map((value) => `min-fresh=${value}`),
  fc.constantFrom("no-cache", "max-stale", "max-stale=13"),
);

const exchange = fc.record({
  status: fc.constantFrom(200, 203, 204, 301, 404, 410),
  responseDirectives: fc.uniqueArray(directive, {
    maxLength: 3,
    selector: (text) => text.split("=")[0],
  }),
  expiresIn: fc.option(fc.constantFrom(-10, 0, 30, 600), { nil: undefined }),
  age: fc.option(seconds, { nil: undefined }),
  authorization: fc.boolean(),
  vary: fc.constantFrom("", "Foo", "*"),
  later: fc.constantFrom(0, 1, 4, 6, 31, 59, 61, 3000, 4000),
  laterDirectives: fc.uniqueArray(requestDirective, {
    maxLength: 2,
    selector: (text) => text.split("=")[0],
  }),
});

function fieldsOf(one: typeof exchange extends fc.Arbitrary<infer T> ? T : never): string[] {
  const fields = ["Date", formatHttpDate(NOW_MS), "ETag", '"1"'];
  const { responseDirectives, expiresIn, age, vary } = one;
  if (responseDirectives.length > 0) fields.push("Cache-Control", responseDirectives.join(", "));
  if (expiresIn !== undefined) fields.push("Expires", formatHttpDate(NOW_MS + expiresIn * 1000));
  if (age !== undefined) fields.push("Age", String(age));
  if (vary !== "") fields.push("Vary", vary);
  return fields;
}

function headersOf(fields: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < fields.length; index += 2) {
    headers[(fields[index] ?? "").toLowerCase()] = fields[index + 1] ?? "";
  }
  return headers;
}

class OracleAt extends CachePolicy {
  static nowMs = NOW_MS;
  now(): number {
    return OracleAt.nowMs;
  }
}

test("storing and reuse agree with the oracle", () => {
  fc.assert(
    fc.property(exchange, (one) => {
      const fields = fieldsOf(one);
      const requestFields = one.authorization ? ["Authorization", "x", "Foo", "1"] : ["Foo", "1"];
      OracleAt.nowMs = NOW_MS;
      const oracle = new OracleAt(
        { method: "GET", url: "/", headers: headersOf(requestFields) },
        { status: one.status, headers: headersOf(fields) },
        { shared: true, cacheHeuristic: 0 },
      );
      const decision = mayStore(
        { method: "GET", fields: requestFields },
        { status: one.status, reason: "", fields },
        { requestMs: NOW_MS, responseMs: NOW_MS },
        { kind: "auto" },
        FRESHNESS_DEFAULTS,
      );
      // The oracle stores Vary: * and then never uses it; a refusal comes to the same (section
      // 4.1).
      if (one.vary === "*") {
        expect(decision.store).toBe(false);
        return;
      }
      expect(decision.store).toBe(oracle.storable());
      if (!decision.store) return;
      // The oracle never uses what must-revalidate marks, not even fresh (section 5.2.2.2), and
      // lets max-stale override these, which sections 5.2.2.4 and 5.2.2.10 forbid.
      const says = (pattern: RegExp) => one.responseDirectives.some((text) => pattern.test(text));
      const wantsStale = one.laterDirectives.some((text) => text.startsWith("max-stale"));
      fc.pre(!says(/^must-revalidate/) && !(wantsStale && says(/^(?:s-maxage|no-cache)/)));
      // max-stale does not reach what was never fresh here: it may be one client's (7.1).
      fc.pre(!(wantsStale && decision.metadata.lifetimeSeconds === 0));
      OracleAt.nowMs = NOW_MS + one.later * 1000;
      const later = one.laterDirectives.join(", ");
      const laterFields = [...requestFields, ...(later === "" ? [] : ["Cache-Control", later])];
      const usable = oracle.satisfiesWithoutRevalidation({
        method: "GET",
        url: "/",
        headers: headersOf(laterFields),
      });
      const { verdict } = reuse(decision.metadata, requestDirectives(laterFields), OracleAt.nowMs);
      expect(verdict === "use").toBe(usable);
    }),
    { numRuns: 5000 },
  );
});
