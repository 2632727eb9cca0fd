// What ends stored responses, and responses that were on their way meanwhile: unsafe requests (RFC
// 9111 section 4.4) and purges.

import { beforeEach, describe, expect, test } from "vitest";
import type { Purge, PurgeScope } from "../../src/cache/purge.ts";
import { CacheHarness } from "../support/cache-harness.ts";

const FRESH = ["Cache-Control", "max-age=60"];
const TAGGED = [...FRESH, "ETag", '"1"'];
const hard = (scope: PurgeScope): Purge => ({ scope, mode: "hard" });
let harness: CacheHarness;

beforeEach(() => {
  harness = new CacheHarness();
});

describe("RFC 9111 4.4 invalidation and purges", () => {
  test("an unsafe request that succeeds ends what is stored, all variants", () => {
    harness.store("/", [...FRESH, "Vary", "Foo"], "1", ["Foo", "1"]);
    harness.store("/", [...FRESH, "Vary", "Foo"], "2", ["Foo", "2"]);
    harness.store("/other", FRESH, "other");
    harness.request("PUT", "/");
    harness.call().respond(204, ["Location", "/other"]);
    expect(harness.cache.store.count).toBe(0);
    expect(harness.cache.stats.invalidated).toBe(3);
  });

  test("one that fails does not", () => {
    harness.store("/", FRESH, "1");
    harness.request("PUT", "/");
    harness.call().respond(500, []);
    expect(harness.cache.store.count).toBe(1);
  });

  test.each<[string, (h: CacheHarness) => void]>([
    [
      "an unsafe request",
      (h) => {
        h.request("POST", "/");
        h.calls.splice(1, 1)[0]?.respond(200, []);
      },
    ],
    ["a purge", (h) => h.cache.purge(hard({ kind: "uri", uri: "http://a.test/" }))],
    [
      "a purge of a prefix",
      (h) => h.cache.purge(hard({ kind: "prefix", prefix: "http://A.test" })),
    ],
    ["a purge of everything", (h) => h.cache.purge(hard({ kind: "all" }))],
  ])("what was on its way before %s is not stored", (_name, invalidate) => {
    const reader = harness.get("/");
    invalidate(harness);
    const late = harness.get("/");
    expect(harness.calls).toHaveLength(2);
    const [old, anew] = [harness.call(), harness.call()];
    anew.respond(200, FRESH, "new");
    old.respond(200, FRESH, "old");
    expect([reader.seen, late.seen]).toEqual(["200:old", "200:new"]);
    expect(harness.get("/").seen).toBe("200:new");
  });

  test("a validation that was on its way before a purge does not bring the response back", () => {
    harness.store("/", TAGGED, "old");
    harness.clock.advance(60_000);
    const reader = harness.get("/");
    harness.cache.purge(hard({ kind: "uri", uri: "http://a.test/" }));
    harness.call().respond(304, []);
    expect(reader.seen).toBe("200:old");
    expect(harness.cache.store.count).toBe(0);
  });

  test("RFC 9110 9.3.3 a POST response that is the target's new representation replaces it", () => {
    harness.store("/a", FRESH, "old");
    const [first, second] = [harness.request("POST", "/a"), harness.request("POST", "/a")];
    const [one, two] = [harness.call(), harness.call()];
    two.respond(200, [...FRESH, "Content-Location", "/a"], "two");
    expect(second.cacheStatus).toBe("edgelane; fwd=method; fwd-status=200; ttl=60; stored");
    expect(harness.get("/a").seen).toBe("200:two");
    // What was on its way before is older, whatever it says of itself.
    one.respond(200, [...FRESH, "Content-Location", "/a"], "one");
    expect(first.seen).toBe("200:one");
    expect(harness.get("/a").seen).toBe("waiting");
  });
});
