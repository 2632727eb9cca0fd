// What becomes of the keys by which an upstream deals with failure and load: each default, and each
// value that can be written.

import { expect, test } from "vitest";
import { resolveConfig } from "../../src/gateway/config.ts";
import { FALLBACK_CAUSES } from "../../src/gateway/fallback-causes.ts";
import type { EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import type { UpstreamConfig } from "../../src/gateway/gateway-config.ts";

function resolved(upstream: Partial<EdgelaneUpstream>): UpstreamConfig | undefined {
  const targets = ["http://h:1", "http://h:2"];
  const upstreams = { a: { targets, ...upstream }, b: "http://h:3" };
  return resolveConfig({ upstreams, routes: [{ match: "/*", to: "a" }] }).upstreams.get("a");
}

const rows: [string, Partial<EdgelaneUpstream>, Partial<UpstreamConfig>][] = [
  [
    "retry by default",
    {},
    {
      retry: {
        attemptsMax: 2,
        when: ["connect", "reset", "refused-stream"],
        backoffMs: 25,
        waitMsMax: 1000,
        bufferBytesMax: 65_536,
        budgetRatio: 0.2,
      },
    },
  ],
  [
    "retry as written",
    {
      retry: {
        attempts: 5,
        when: ["timeout", 500],
        backoff: "5ms",
        maxWait: "2s",
        buffer: "off",
        budget: "5%",
      },
    },
    {
      retry: {
        attemptsMax: 5,
        when: ["timeout", 500],
        backoffMs: 5,
        waitMsMax: 2000,
        bufferBytesMax: 0,
        budgetRatio: 0.05,
      },
    },
  ],
  ["no hedge by default", {}, { hedge: null }],
  ["a hedge in a word", { hedge: "p99" }, { hedge: { quantile: 0.99, afterMsMin: 5 } }],
  [
    "a hedge with a bound",
    { hedge: { at: "p90", min: "1ms" } },
    { hedge: { quantile: 0.9, afterMsMin: 1 } },
  ],
  ["a hedge by default percentile", { hedge: {} }, { hedge: { quantile: 0.95, afterMsMin: 5 } }],
  ["no learnt limit by default", {}, { concurrency: null }],
  [
    "a learnt limit in a word: never more than all connections",
    { concurrency: "adaptive", pool: { connections: 20 } },
    { concurrency: { limitMin: 10, limitMax: 40 } },
  ],
  [
    "a learnt limit with bounds",
    { concurrency: { min: 3, max: 30 } },
    { concurrency: { limitMin: 3, limitMax: 30 } },
  ],
  ["no fallback by default", {}, { fallback: [] }],
  [
    "fallbacks, for every failure where no cause is named",
    { fallback: [{ to: "b", on: [503] }, { to: "b" }] },
    {
      fallback: [
        { kind: "upstream", to: "b", on: [503] },
        { kind: "upstream", to: "b", on: FALLBACK_CAUSES },
      ],
    },
  ],
];
test.each(rows)("%s", (_name, written, expected) => {
  expect(resolved(written)).toMatchObject(expected);
});
