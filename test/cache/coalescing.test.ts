// Concurrent requests through the cache: who shares a response that is on its way, who is released,
// what is remembered (RFC 9111 section 4).

import { beforeEach, describe, expect, test } from "vitest";
import { getField } from "../../src/http/fields.ts";
import { type RecordingReader, settled } from "../support/fill-reader.ts";
import { CacheHarness } from "../support/cache-harness.ts";

const FRESH = ["Cache-Control", "max-age=60"];
let harness: CacheHarness;

beforeEach(() => {
  harness = new CacheHarness();
});

function many(count: number, send: (index: number) => RecordingReader): RecordingReader[] {
  return Array.from({ length: count }, (_, index) => send(index));
}

const distinct = (readers: RecordingReader[]) => [...new Set(readers.map((one) => one.seen))];

describe("sharing", () => {
  test("1,000 concurrent misses are one origin request", () => {
    const readers = many(1000, () => harness.get("/"));
    harness.call().respond(200, FRESH, "content");
    expect(distinct(readers)).toEqual(["200:content"]);
    expect(harness.callCount).toBe(1);
    expect(readers[1]?.cacheStatus).toMatch(/; stored; collapsed$/);
    expect(harness.cache.stats).toMatchObject({ collapsed: 999, stored: 1 });
    expect(harness.cache.inFlightBytes).toBe(0);
  });

  test("so are 1,000 validations", () => {
    harness.store("/", [...FRESH, "ETag", '"1"'], "content");
    harness.clock.advance(60_000);
    const readers = many(1000, () => harness.get("/"));
    harness.call().respond(304, []);
    expect(distinct(readers)).toEqual(["200:content"]);
    expect(harness.callCount).toBe(2);
  });

  test("clients with different cookies share what any of them may have from the store", () => {
    const readers = many(100, (index) => harness.get("/", "Cookie", `user=${index}`));
    harness.call().respond(200, FRESH, "public");
    expect(distinct(readers)).toEqual(["200:public"]);
    expect(harness.callCount).toBe(1);
  });

  test("clients with different credentials do not wait for each other", () => {
    const users = ["a", "b", "a"].map((user) => harness.get("/", "Authorization", user));
    expect(harness.calls).toHaveLength(2);
    harness.call().respond(200, FRESH, "for a");
    harness.call().respond(200, FRESH, "for b");
    harness.call().respond(200, FRESH, "for a again");
    expect(users.map((one) => one.seen)).toEqual(["200:for a", "200:for b", "200:for a again"]);
    expect(harness.cache.store.count).toBe(0);
  });

  test("responses with explicit permission are shared by equal credentials", () => {
    const users = ["a", "a", "a"].map((user) => harness.get("/", "Authorization", user));
    harness.call().respond(200, ["Cache-Control", "public, max-age=60"], "x");
    expect(distinct(users)).toEqual(["200:x"]);
  });

  test("one that comes late gets it with its age, and only while it is fresh", async () => {
    const leader = harness.get("/");
    const call = harness.call();
    call.head(200, [...FRESH, "Age", "10"]);
    harness.clock.advance(49_000);
    const late = harness.get("/");
    await settled();
    const ages = [leader, late].map((one) => getField(one.head?.fields ?? [], "age"));
    expect(ages).toEqual(["10", "59"]);
    harness.clock.advance(1000);
    harness.get("/");
    expect(harness.calls).toHaveLength(1);
  });

  test("those whom Vary tells apart each get their own, one origin request each", () => {
    const languages = ["de", "en", "de", "en", "de"];
    const readers = languages.map((one) => harness.get("/", "Accept-Language", one));
    const first = harness.call();
    first.respond(200, [...FRESH, "Vary", "Accept-Language"], "de");
    // The two that were released now wait for one of them.
    expect(harness.calls).toHaveLength(1);
    harness.call().respond(200, [...FRESH, "Vary", "Accept-Language"], "en");
    expect(readers.map((one) => one.seen)).toEqual(languages.map((one) => `200:${one}`));
  });

  test("once Vary is known, nobody waits for the wrong variant", () => {
    harness.store("/", [...FRESH, "Vary", "Foo"], "0", ["Foo", "0"]);
    harness.get("/", "Foo", "1");
    harness.get("/", "Foo", "2");
    expect(harness.calls).toHaveLength(2);
  });
});

describe("not sharing", () => {
  const uncacheable = ["Cache-Control", "private"];

  test("an uncacheable answer releases all at once; then nobody waits for two minutes", () => {
    const readers = many(10, () => harness.get("/"));
    const first = harness.call();
    first.head(200, uncacheable);
    // Each has an origin request of its own before the first response has ended.
    expect(harness.calls).toHaveLength(9);
    for (const [index, call] of harness.calls.splice(0).entries()) {
      call.respond(200, uncacheable, `${index}`);
    }
    first.respond(200, uncacheable, "");
    expect(distinct(readers)).toHaveLength(10);
    many(5, () => harness.get("/"));
    expect(harness.calls.splice(0)).toHaveLength(5);
    harness.clock.advance(120_000);
    many(5, () => harness.get("/"));
    expect(harness.calls).toHaveLength(1);
  });

  test("those with and without credentials, or cookies, are remembered apart", () => {
    const fields = [
      [],
      ["Authorization", "a"],
      ["Cookie", "a"],
      ["Authorization", "a", "Cookie", "a"],
    ];
    for (const marked of fields) {
      harness = new CacheHarness();
      harness.get("/", ...marked);
      harness.call().respond(200, uncacheable);
      for (const asking of fields) {
        const readers = many(2, () => harness.get("/", ...asking));
        expect(harness.calls.splice(0).length).toBe(asking === marked ? 2 : 1);
        for (const reader of readers) reader.ticket?.leave();
      }
      expect(harness.cache.stats.hitForMiss).toBe(2);
      // A purge of the URI makes all wait for each other again.
      harness.cache.purge({ scope: { kind: "uri", uri: "http://a.test/" }, mode: "hard" });
      many(2, () => harness.get("/", ...marked));
      expect(harness.calls).toHaveLength(1);
    }
  });

  test("an answer that became cacheable is shared again", () => {
    harness.get("/");
    harness.call().respond(200, uncacheable);
    harness.get("/");
    harness.call().respond(200, ["Cache-Control", "max-age=1"]);
    harness.clock.advance(1000);
    many(5, () => harness.get("/"));
    expect(harness.calls).toHaveLength(1);
  });

  test("the keys that are remembered are bounded", () => {
    harness = new CacheHarness({ uncacheableKeysMax: 2 });
    for (const path of ["/1", "/2", "/3"]) {
      harness.get(path);
      harness.call().respond(200, uncacheable);
    }
    many(2, () => harness.get("/3"));
    expect(harness.calls.splice(0)).toHaveLength(2);
    many(2, () => harness.get("/1"));
    expect(harness.calls).toHaveLength(1);
  });

  test("no-cache answers are stored for validation, but not handed to those who wait", () => {
    const readers = many(3, (index) => harness.get("/", "Cookie", `${index}`));
    harness.call().respond(200, ["Cache-Control", "no-cache", "ETag", '"1"'], "one");
    expect(harness.calls).toHaveLength(2);
    harness.call().respond(200, ["Cache-Control", "no-cache", "ETag", '"2"'], "two");
    harness.call().respond(200, ["Cache-Control", "no-cache", "ETag", '"3"'], "three");
    expect(readers.map((one) => one.seen)).toEqual(["200:one", "200:two", "200:three"]);
  });

  test.each<[string, string[]]>([
    ["If-Range", ["Range", "bytes=0-1", "If-Range", '"x"']],
    ["a condition", ["If-None-Match", '"x"']],
    ["no-cache", ["Cache-Control", "no-cache"]],
    ["max-age", ["Cache-Control", "max-age=0"]],
    ["no-store", ["Cache-Control", "no-store"]],
    ["content", ["Content-Length", "1"]],
  ])("a request with %s goes alone", (_name, fields) => {
    many(2, () => harness.get("/", ...fields));
    expect(harness.calls).toHaveLength(2);
  });

  test("a range that was answered alone says nothing about the whole", () => {
    harness.get("/", "Range", "bytes=0-1");
    harness.call().respond(206, ["Content-Range", "bytes 0-1/10"], "ab");
    many(2, () => harness.get("/"));
    expect(harness.calls).toHaveLength(1);
  });

  test("a large response passes through and is not waited for again", () => {
    harness = new CacheHarness({
      memory: { bytesMax: 1_000_000, objectBytesMax: 5, variantsMax: 4 },
    });
    const reader = harness.get("/");
    harness.call().respond(200, [...FRESH, "Content-Length", "7"], "content");
    expect(reader.cacheStatus).toContain("detail=too_large");
    expect(reader.seen).toBe("200:content");
    many(2, () => harness.get("/"));
    expect(harness.calls).toHaveLength(2);
  });
});

describe("failure", () => {
  test("a failed leader fails nobody but itself; each then has a bounded attempt", () => {
    const readers = many(5, () => harness.get("/"));
    harness.call().fail();
    expect(readers.map((one) => one.error !== null)).toEqual([true, false, false, false, false]);
    expect(harness.calls).toHaveLength(1);
    harness.call().fail();
    expect(harness.calls).toHaveLength(1);
    // The last failure is the answer of all who are left.
    harness.call().fail();
    expect(distinct(readers)).toEqual(["failed"]);
    expect(harness.callCount).toBe(3);
  });

  test("the second attempt is shared when it succeeds", () => {
    const readers = many(5, () => harness.get("/"));
    harness.call().fail();
    harness.call().respond(200, FRESH, "content");
    expect(readers.slice(1).map((one) => one.seen)).toEqual(Array(4).fill("200:content"));
    expect(harness.callCount).toBe(2);
    expect(harness.cache.stats).toMatchObject({ misses: 5, released: 4, collapsed: 7 });
  });

  test("failures are not remembered as uncacheable", () => {
    harness.get("/");
    harness.call().respond(503, []);
    many(5, () => harness.get("/"));
    expect(harness.calls).toHaveLength(1);
  });

  test("all leave: the origin request is aborted and the next request starts anew", () => {
    const readers = many(3, () => harness.get("/"));
    for (const reader of readers) reader.ticket?.leave();
    expect(harness.call().source.aborts).toBe(1);
    harness.get("/");
    expect(harness.calls).toHaveLength(1);
  });
});
