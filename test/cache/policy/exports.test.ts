// `edgelane/policy` as another cache would use it, and that it needs nothing of Node.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  decideReuse,
  decideStandIn,
  decideStoring,
  explainRule,
  explainStoring,
  selectingFields,
  selects,
  validatingFields,
} from "../../../src/cache/policy.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const times = { requestMs: NOW_MS, responseMs: NOW_MS };
const request = { method: "GET", fields: ["Accept-Language", "de"] };
const fields = ["Cache-Control", "max-age=60", "Vary", "Accept-Language", "ETag", '"1"'];

test("one exchange from storing to standing in", () => {
  const decision = decideStoring(request, { status: 200, reason: "", fields }, times);
  if (!decision.store) throw new Error(explainRule(decision.rule).text);
  const { metadata, vary } = decision;
  const selecting = selectingFields(vary, request.fields);
  expect(selects(selecting, ["accept-language", "DE"])).toBe(true);
  expect(decideReuse(metadata, request, NOW_MS + 59_000)).toEqual({
    verdict: "use",
    rule: "fresh",
  });
  expect(decideReuse(metadata, request, NOW_MS + 60_000).verdict).toBe("validate");
  expect(validatingFields([], metadata)).toEqual(["If-None-Match", '"1"']);
  expect(decideStandIn(metadata, request, NOW_MS + 60_000)).toBeUndefined();
  expect(decideStandIn(metadata, request, NOW_MS + 60_000, 5)).toBe("disconnected");
});

test("options: a route's times, and heuristics off", () => {
  const head = {
    status: 200,
    reason: "",
    fields: ["Last-Modified", "Mon, 22 Dec 2025 00:00:00 GMT"],
  };
  const lifetime = (options: Parameters<typeof decideStoring>[3]) => {
    const decision = decideStoring(request, head, times, options);
    return decision.store ? decision.metadata.lifetimeSeconds : decision.rule;
  };
  expect(lifetime({})).toBe(86_400);
  expect(lifetime({ freshness: { heuristicFraction: 0 } })).toBe(0);
  expect(lifetime({ mode: { kind: "ttl", ttlSeconds: 5, staleSeconds: 0 } })).toBe(5);
});

test("refusals name the section that decides", () => {
  const head = { status: 200, reason: "", fields: ["Cache-Control", "private"] };
  const { rule } = decideStoring(request, head, times);
  expect([rule, explainRule(rule).section]).toEqual(["response_private", "RFC 9111 5.2.2.7"]);
});

test("why it is stored or not: the rules in their order, the last one decided", () => {
  const rules = (...lines: string[]) =>
    explainStoring(request, { status: 200, reason: "", fields: lines }, times).map(
      ({ rule, decided }) => `${rule}${decided ? "!" : ""}`,
    );
  expect(rules("Cache-Control", "private, no-store")).toEqual([
    "route_off",
    "partial_content",
    "request_content",
    "method",
    "status_not_final",
    "status_of_one_request",
    "status_not_understood",
    "cache_control_malformed",
    "request_no_store",
    "response_no_store!",
  ]);
  expect(rules("Cache-Control", "max-age=60").slice(-8)).toEqual([
    "response_private",
    "authorization",
    "vary_unmatchable",
    "route_status",
    "status_not_cacheable",
    "set_cookie",
    "nothing_to_reuse",
    "stored!",
  ]);
});

test("no part of it imports node:*", () => {
  const folder = new URL("../../../src/cache/policy/", import.meta.url);
  const files = readdirSync(folder).map((name) => new URL(name, folder));
  for (const file of [...files, new URL("../policy.ts", folder)]) {
    expect(readFileSync(file, "utf8")).not.toMatch(/from "node:|require\(/);
  }
});
