// What differs between two configs, as `edgelane diff` and the answer to a reload say it.

import { expect, test } from "vitest";
import { configChanges } from "../../src/gateway/config-diff.ts";

const route = (name: string, more: object = {}): object => ({
  name,
  cache: { kind: "off" },
  ...more,
});

test.each<[string, object, object, object[]]>([
  ["nothing", { a: [1, 2] }, { a: [1, 2] }, []],
  [
    "a value",
    { a: { b: 1 } },
    { a: { b: 2 } },
    [{ key: "a.b", kind: "changed", before: 1, after: 2 }],
  ],
  ["a list of values is one", { a: [1, 2] }, { a: [2, 1] }, [{ key: "a", kind: "changed" }]],
  ["what is new", { a: {} }, { a: { b: null } }, [{ key: "a.b", kind: "added", after: null }]],
  ["what is gone", { a: { b: 1 } }, { a: {} }, [{ key: "a.b", kind: "removed", before: 1 }]],
  [
    "lists by name, wherever each stands",
    { routes: [route("a"), route("b"), route("c")] },
    { routes: [route("d"), route("b", { timing: true }), route("a")] },
    [
      { key: "routes[b].timing", kind: "added", after: true },
      { key: "routes[c]", kind: "removed" },
      { key: "routes[d]", kind: "added" },
    ],
  ],
  [
    "targets by origin",
    { targets: [{ origin: "http://a", weight: 1 }] },
    { targets: [{ origin: "http://a", weight: 2 }] },
    [{ key: "targets[http://a].weight", kind: "changed", before: 1, after: 2 }],
  ],
  [
    "alternatives as a whole",
    { routes: [route("a")] },
    { routes: [{ name: "a", cache: { kind: "rules", ttl: 1 } }] },
    [{ key: "routes[a].cache", kind: "changed", before: { kind: "off" } }],
  ],
  [
    "what only a restart changes",
    { workers: 1, log: { level: "info", access: { kind: "off" } } },
    { workers: 2, log: { level: "warn", access: { kind: "stdout" } } },
    [
      { key: "workers", needsRestart: true },
      { key: "log.level", needsRestart: false },
      { key: "log.access", needsRestart: true },
    ],
  ],
  ["not where it came from", { file: "a", warnings: [] }, { file: "b", warnings: ["x"] }, []],
])("%s", (_name, before, after, changes) => {
  expect(configChanges(before, after)).toMatchObject(changes);
  expect(configChanges(before, after)).toHaveLength(changes.length);
});
