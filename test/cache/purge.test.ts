// Purges by URL, prefix, tag and of everything, hard and soft: what they mean, what becomes of it,
// and what they cost.

import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/cache/memory-store.ts";
import { type PurgeScope, purgeStored } from "../../src/cache/purge.ts";
import { TAGS_MAX } from "../../src/cache/policy/tags.ts";
import { getField } from "../../src/http/fields.ts";
import { CacheHarness } from "../support/cache-harness.ts";
import { FakeKeyMemory } from "../support/key-memory.ts";
import { NOW_MS, storedResponse } from "../support/stored.ts";

const FRESH = ["Cache-Control", "max-age=60"];
let harness: CacheHarness;

beforeEach(() => {
  harness = new CacheHarness();
});

function purge(scope: PurgeScope, mode: "hard" | "soft" = "hard"): number {
  return harness.cache.purge({ scope, mode }).purged;
}

const tag = (name: string): PurgeScope => ({ kind: "tag", tag: name });

describe("what a purge means", () => {
  beforeEach(() => {
    harness.store("/a", [...FRESH, "Vary", "Foo"], "1", ["Foo", "1"]);
    harness.store("/a", [...FRESH, "Vary", "Foo", "Surrogate-Key", "one"], "2", ["Foo", "2"]);
    harness.store("/ab", [...FRESH, "Surrogate-Key", "one two"], "3");
    harness.store("/a/b", [...FRESH, "Cache-Tag", "two, three"], "4");
  });

  test.each<[string, PurgeScope, number]>([
    ["a URL is all its variants", { kind: "uri", uri: "http://A.test:80/a" }, 2],
    ["another scheme is another URL", { kind: "uri", uri: "https://a.test/a" }, 0],
    ["what is no URL is nothing", { kind: "uri", uri: "nonsense" }, 0],
    ["a prefix is bytes", { kind: "prefix", prefix: "http://a.test/a" }, 4],
    ["a prefix that ends a segment", { kind: "prefix", prefix: "HTTP://A.TEST:80/a/" }, 1],
    ["a host is whole", { kind: "prefix", prefix: "http://a.tes" }, 0],
    ["a host alone", { kind: "prefix", prefix: "http://a.test" }, 4],
    ["a tag is the variants that carry it", tag("one"), 2],
    ["tags of both fields", tag("two"), 2],
    ["tags have a case", tag("Two"), 0],
    ["everything", { kind: "all" }, 4],
  ])("%s", (_name, scope, count) => {
    const { store, stats } = harness.cache;
    expect(purge(scope, "soft")).toBe(count);
    expect(store.count).toBe(3);
    expect(purge(scope)).toBe(count);
    expect(purge(scope)).toBe(0);
    expect([stats.purged, stats.softPurged]).toEqual([count, count]);
    let left = 0;
    for (const entry of store.entries()) left += entry.variants.length;
    expect(left).toBe(4 - count);
  });

  test("nothing is left of the bytes when everything is gone", () => {
    purge({ kind: "all" });
    expect([harness.cache.store.count, harness.cache.store.bytes]).toEqual([0, 0]);
  });
});

describe("tags", () => {
  test("the fields end here, stored or not", () => {
    const fields = [...FRESH, "Surrogate-Key", "a", "Cache-Tag", "b"];
    const first = harness.get("/");
    harness.call().respond(200, fields, "x");
    const hit = harness.get("/");
    const passed = harness.get("/passed");
    harness.call().respond(200, ["Cache-Control", "no-store", "Surrogate-Key", "a"], "x");
    for (const { head, answer } of [first, hit, passed]) {
      const seen = head?.fields ?? answer?.head.fields ?? [];
      expect(getField(seen, "surrogate-key") ?? getField(seen, "cache-tag")).toBeUndefined();
    }
  });

  test("a route's tags count, each tag once", () => {
    harness.caching = { ...harness.caching, tags: ["route"] };
    harness.store("/", [...FRESH, "Surrogate-Key", "route own own"], "x");
    expect([...harness.cache.store.entries()][0]?.tags).toEqual(["route", "own"]);
    expect(purge(tag("route"))).toBe(1);
  });

  test("RFC 9111 4.3.4 a 304 without tags keeps them, one with tags replaces them", () => {
    harness.store("/", [...FRESH, "ETag", '"1"', "Surrogate-Key", "old"], "x");
    harness.clock.advance(60_000);
    harness.get("/");
    harness.call().respond(304, FRESH);
    expect(purge(tag("old"), "soft")).toBe(1);
    harness.get("/");
    harness.call().respond(304, [...FRESH, "Surrogate-Key", "new"]);
    expect([purge(tag("old")), purge(tag("new"))]).toEqual([0, 1]);
  });

  test("a response with too many is not stored", () => {
    const many = Array.from({ length: TAGS_MAX + 1 }, (_, index) => `t${index}`).join(" ");
    const reader = harness.get("/");
    harness.call().respond(200, [...FRESH, "Surrogate-Key", many], "x");
    expect(reader.cacheStatus).toContain("detail=too_many_tags");
    expect(harness.cache.store.count).toBe(0);
  });

  test("a response whose head comes after a purge by tag is not stored", () => {
    const [tagged, other] = [harness.get("/tagged"), harness.get("/other")];
    const [one, two] = [harness.call(), harness.call()];
    purge(tag("t"));
    one.respond(200, [...FRESH, "Surrogate-Key", "t"], "x");
    two.respond(200, [...FRESH, "Surrogate-Key", "u"], "y");
    expect([tagged.seen, other.seen]).toEqual(["200:x", "200:y"]);
    expect(harness.cache.store.count).toBe(1);
  });

  test("nor one whose head had come, and nobody joins it", () => {
    harness.get("/");
    const call = harness.call();
    call.head(200, [...FRESH, "Surrogate-Key", "t"]);
    purge(tag("t"));
    harness.get("/");
    expect(harness.calls).toHaveLength(1);
    call.fill.onEnd([]);
    expect(harness.cache.store.count).toBe(0);
  });

  test("more purges than are remembered count for every tag", () => {
    harness.get("/");
    for (let index = 0; index < 5000; index++) purge(tag(`t${index}`));
    harness.call().respond(200, [...FRESH, "Surrogate-Key", "t0"], "x");
    expect(harness.cache.store.count).toBe(0);
  });
});

describe("a soft purge", () => {
  const soft = () => purge({ kind: "all" }, "soft");

  test("has it validated, and a 304 makes it fresh again", () => {
    harness.store("/", [...FRESH, "ETag", '"1"'], "x");
    soft();
    harness.get("/");
    const call = harness.call();
    expect(call.field("if-none-match")).toBe('"1"');
    call.respond(304, FRESH);
    expect(harness.get("/").cacheStatus).toBe("edgelane; hit; ttl=60");
  });

  test("lets it serve while it is validated, from now on for its window", () => {
    harness.store("/", ["Cache-Control", "max-age=600, stale-while-revalidate=10"], "x");
    harness.clock.advance(5000);
    soft();
    harness.clock.advance(9000);
    expect(harness.get("/").cacheStatus).toContain("detail=stale_while_revalidate");
    harness.clock.advance(2000);
    expect(harness.get("/").seen).toBe("waiting");
  });

  test("lets it stand in for an origin server that fails; a hard one does not", () => {
    const fields = ["Cache-Control", "max-age=600, stale-if-error=10"];
    harness.store("/", fields, "x");
    soft();
    const reader = harness.get("/");
    harness.call().respond(503, [], "sorry");
    expect(reader.seen).toBe("200:x");
    harness.clock.advance(1000);
    const late = harness.get("/");
    purge({ kind: "all" });
    harness.call().respond(503, [], "sorry");
    expect(late.seen).toBe("503:sorry");
  });

  test("does not prolong what was stale already", () => {
    harness.store("/", ["Cache-Control", "max-age=1, stale-while-revalidate=10"], "x");
    harness.clock.advance(9000);
    soft();
    harness.clock.advance(3000);
    expect(harness.get("/").seen).toBe("waiting");
  });
});

test("100,000 objects by tag go in one step, and leave no bytes", () => {
  const memory = new FakeKeyMemory();
  const bytesMax = 2 ** 40;
  const store = new MemoryStore({ bytesMax, objectBytesMax: 1e6, variantsMax: 2 });
  // One response for all of a group: what is measured is the purge, not memory.
  const groups = Array.from({ length: 1000 }, (_, group) => {
    return storedResponse({ content: "", tags: ["all", `group-${group}`] });
  });
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 100_000; index++) {
      const stored = groups[index % 1000] ?? storedResponse();
      store.put(memory.key(`http://a.test/${round}/${index}`), stored, () => true);
    }
    const start = process.threadCpuUsage();
    const scope = tag("all");
    expect(purgeStored(store, memory, { scope, mode: "hard" }, NOW_MS)).toBe(100_000);
    const { user, system } = process.threadCpuUsage(start);
    times.push((user + system) / 1000);
    expect([store.count, store.bytes]).toEqual([0, 0]);
  }
  // 24 to 34 ms on a machine of its own, up to three times that where tests share its cores; a
  // purge that looks at each object for each tag would take minutes.
  expect(Math.min(...times)).toBeLessThan(200);
});
