// What the table of purges says of a value that was written at a position.

import { expect, test } from "vitest";
import type { Purge, PurgeScope } from "../../src/cache/purge.ts";
import { PurgeTable } from "../../src/cache/purge-table.ts";
import { cpuMsOf } from "../support/cpu-time.ts";

const VALUE = { uri: "http://a.test/x/1", tags: ["red", "blue"] };
const at = (scope: PurgeScope, mode: Purge["mode"] = "hard"): Purge => ({ scope, mode });

const scopes: readonly [string, PurgeScope, boolean][] = [
  ["its URI", { kind: "uri", uri: "http://a.test/x/1" }, true],
  ["its URI, written otherwise", { kind: "uri", uri: "HTTP://A.test:80/x/1#top" }, true],
  ["another URI", { kind: "uri", uri: "http://a.test/x/12" }, false],
  ["its prefix", { kind: "prefix", prefix: "http://a.test/x" }, true],
  ["its host", { kind: "prefix", prefix: "http://a.test/" }, true],
  ["another prefix", { kind: "prefix", prefix: "http://a.test/y" }, false],
  ["one of its tags", { kind: "tag", tag: "blue" }, true],
  ["another tag", { kind: "tag", tag: "blu" }, false],
  ["everything", { kind: "all" }, true],
];

test.each(scopes)("a purge of %s", (_name, scope, isMeant) => {
  const table = new PurgeTable();
  table.add(at(scope), 10);
  expect(table.judge({ ...VALUE, position: 9 })).toBe(isMeant ? "purged" : "valid");
  expect(table.judge({ ...VALUE, position: 10 })).toBe("valid");
  const soft = new PurgeTable();
  soft.add(at(scope, "soft"), 10);
  expect(soft.judge({ ...VALUE, position: 9 })).toBe(isMeant ? "expired" : "valid");
  soft.add(at(scope), 12);
  expect(soft.judge({ ...VALUE, position: 11 })).toBe(isMeant ? "purged" : "valid");
  expect(soft.judge({ ...VALUE, position: 12 })).toBe("valid");
});

test("what nobody can know any more counts as purged", () => {
  const table = new PurgeTable();
  table.forgetBefore(5);
  expect(table.judge({ ...VALUE, position: 4 })).toBe("purged");
  expect(table.judge({ ...VALUE, position: 5 })).toBe("valid");
});

test("it is bounded: the oldest purges become one of everything before them", () => {
  const table = new PurgeTable();
  table.add(at({ kind: "tag", tag: "red" }), 1);
  for (let index = 0; index < 20_000; index++) {
    table.add(at({ kind: "tag", tag: `t${index}` }), 2 + index);
  }
  expect(table.size).toBe(16_384);
  expect(table.judge({ ...VALUE, position: 0 })).toBe("purged");
  expect(table.judge({ ...VALUE, position: 3000 })).toBe("purged");
  expect(table.judge({ ...VALUE, position: 20_000 })).toBe("valid");
});

test("100,000 objects by tag cost one entry, and each judgement is quick", () => {
  const table = new PurgeTable();
  expect(cpuMsOf(() => table.add(at({ kind: "tag", tag: "red" }), 10))).toBeLessThan(50);
  expect(table.size).toBe(1);
  for (let index = 0; index < 100_000; index++) {
    const uri = `http://a.test/${index}`;
    expect(table.judge({ uri, tags: ["red"], position: 1 }) === "purged").toBe(true);
  }
});
