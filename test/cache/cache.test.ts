// The cache as the gateway uses it: hits, misses, validation, stale responses, invalidation, purges
// (RFC 9111 sections 4 and 5, RFC 9211, RFC 5861).

import { beforeEach, describe, expect, test } from "vitest";
import { GatewayError } from "../../src/http/errors.ts";
import { getField } from "../../src/http/fields.ts";
import { CacheHarness } from "../support/cache-harness.ts";
import { DATE } from "../support/stored.ts";

const FRESH = ["Cache-Control", "max-age=60"];
const TAGGED = [...FRESH, "ETag", '"1"'];
let harness: CacheHarness;

beforeEach(() => {
  harness = new CacheHarness();
});

describe("hits and misses", () => {
  test("a miss is forwarded and stored, then it is a hit", () => {
    const first = harness.get("/");
    harness.call().respond(200, FRESH, "content");
    expect(first.seen).toBe("200:content");
    expect(first.cacheStatus).toBe("edgelane; fwd=uri-miss; fwd-status=200; ttl=60; stored");
    harness.clock.advance(5000);
    const second = harness.get("/");
    expect(second.seen).toBe("200:content");
    expect(second.cacheStatus).toBe("edgelane; hit; ttl=55");
    expect(second.answer?.head.fields).toContain("5");
    expect(harness.callCount).toBe(1);
    expect(harness.cache.stats).toMatchObject({ hits: 1, misses: 1, stored: 1 });
  });

  test("what the hit path finds is the same", () => {
    harness.store("/x?y", FRESH, "content");
    const entry = harness.cache.store.get(harness.memory.key("http://a.test/x?y"));
    const view = Buffer.from(entry?.plain?.view(harness.clock.nowMs(), 7) ?? []).toString("latin1");
    expect(view).toMatch(/^HTTP\/1\.1 200 OK\r\nCache-Status: edgelane; hit; ttl=60\r\nAge: 0\r\n/);
    expect(view.endsWith("Content-Length: 7\r\n\r\ncontent")).toBe(true);
    expect(entry?.plain?.path).toBe("/x");
  });

  test("HEAD is answered from a stored GET, without content and with its length", () => {
    harness.store("/", FRESH, "content");
    const { answer } = harness.request("HEAD", "/");
    expect([answer?.head.status, answer?.content, answer?.length]).toEqual([200, [], 7]);
  });

  test.each<[string, string[], string]>([
    ["private", ["Cache-Control", "private"], "response_private"],
    ["no-store", ["Cache-Control", "no-store"], "response_no_store"],
    ["Vary: *", [...FRESH, "Vary", "*"], "vary_unmatchable"],
  ])("not stored: %s, and Cache-Status says why", (_name, fields, rule) => {
    const reader = harness.get("/");
    harness.call().respond(200, fields, "x");
    expect(reader.cacheStatus).toBe(`edgelane; fwd=uri-miss; fwd-status=200; detail=${rule}`);
    expect(harness.cache.store.count).toBe(0);
  });

  test("a response that is shorter than it says is not stored", () => {
    harness.get("/");
    harness.call().respond(200, [...FRESH, "Content-Length", "5"], "four");
    expect(harness.cache.store.count).toBe(0);
  });

  test("a response that breaks off is not stored", () => {
    const reader = harness.get("/");
    const call = harness.call();
    call.head(200, FRESH);
    call.fill.onData(Buffer.from("half"));
    call.fail();
    expect(reader.seen).toBe("broken:half");
    expect(harness.cache.store.count).toBe(0);
  });

  test.each([
    ["Content-Length", "5"],
    ["Transfer-Encoding", "chunked"],
  ])("RFC 9110 9.3.1 a GET with content (%s) is forwarded and not stored", (name, value) => {
    const reader = harness.get("/", name, value);
    harness.call().respond(200, FRESH, "made of it");
    expect(reader.cacheStatus).toContain("fwd=request; fwd-status=200; detail=request_content");
    expect(harness.get("/").seen).toBe("waiting");
    harness.call().respond(200, FRESH, "plain");
    expect(harness.get("/", name, value).seen).toBe("waiting");
  });

  test("other methods and routes that are off pass", () => {
    const post = harness.request("POST", "/");
    harness.call().respond(200, FRESH, "x");
    expect(post.cacheStatus).toBe("edgelane; fwd=method; fwd-status=200");
    harness.mode = { kind: "off" };
    const off = harness.get("/");
    harness.call().respond(200, FRESH, "x");
    expect(off.cacheStatus).toBe("edgelane; fwd=bypass; fwd-status=200");
    expect(harness.cache.store.count).toBe(0);
  });

  test("5.2.1.7 only-if-cached gets what is stored, or 504", () => {
    harness.store("/", FRESH, "content");
    const only = ["Cache-Control", "only-if-cached"];
    expect(harness.get("/", ...only).seen).toBe("200:content");
    const other = harness.get("/other", ...only);
    expect(other.seen).toBe("504:");
    expect(other.cacheStatus).toBe("edgelane; detail=request_only_if_cached");
    expect(harness.callCount).toBe(1);
  });
});

describe("RFC 9111 4.3 validation", () => {
  test("a 304 freshens: new fields and times, old content", () => {
    harness.store("/", [...TAGGED, "X-A", "1"], "content");
    harness.clock.advance(60_000);
    const reader = harness.get("/", "Range", "bytes=1-2");
    const call = harness.call();
    expect([call.field("if-none-match"), call.field("range")]).toEqual(['"1"', undefined]);
    call.respond(304, ["ETag", '"1"', "X-A", "2", "Cache-Control", "max-age=100"]);
    expect(reader.seen).toBe("206:on");
    expect(reader.cacheStatus).toBe("edgelane; fwd=stale; fwd-status=304; ttl=100; stored");
    harness.clock.advance(99_000);
    const hit = harness.get("/");
    expect(hit.seen).toBe("200:content");
    expect(hit.answer?.head.fields).toContain("2");
    expect(harness.cache.stats).toMatchObject({ revalidated: 1, stored: 1, hits: 1 });
  });

  test("large content is freshened without a copy", () => {
    harness.store("/", TAGGED, "x".repeat(20_000));
    const before = harness.cache.store.get(harness.memory.key("http://a.test/"))?.plain?.content;
    harness.clock.advance(60_000);
    harness.get("/");
    harness.call().respond(304, []);
    const after = harness.cache.store.get(harness.memory.key("http://a.test/"))?.plain;
    expect(after?.content.buffer).toBe(before?.buffer);
    expect(after?.tail).toHaveLength(20_000);
  });

  test("a 200 replaces", () => {
    harness.store("/", TAGGED, "old");
    harness.clock.advance(60_000);
    const reader = harness.get("/");
    harness.call().respond(200, [...FRESH, "ETag", '"2"'], "new");
    expect(reader.seen).toBe("200:new");
    expect(harness.get("/").seen).toBe("200:new");
    expect(harness.cache.store.count).toBe(1);
  });

  test("a client's own condition is answered after the validation", () => {
    harness.store("/", TAGGED, "content");
    harness.clock.advance(60_000);
    const reader = harness.get("/", "If-None-Match", '"1"');
    expect(harness.call().forward.fields).toEqual(["If-None-Match", '"1"']);
    const other = harness.get("/", "If-None-Match", '"other"');
    expect(harness.calls).toEqual([]);
    expect([reader.seen, other.seen]).toEqual(["waiting", "waiting"]);
  });

  test("a 304 about something else asks again, without conditions", () => {
    harness.store("/", TAGGED, "old");
    harness.clock.advance(60_000);
    const reader = harness.get("/");
    harness.call().respond(304, ["ETag", '"2"']);
    const again = harness.call();
    expect(again.field("if-none-match")).toBeUndefined();
    again.respond(200, FRESH, "new");
    expect(reader.seen).toBe("200:new");
  });

  test("a 304 that forbids storing ends the stored response", () => {
    harness.store("/", TAGGED, "content");
    harness.clock.advance(60_000);
    const reader = harness.get("/");
    harness.call().respond(304, ["Cache-Control", "no-store"]);
    expect(reader.seen).toBe("200:content");
    expect(harness.cache.store.count).toBe(0);
  });

  test("cookies of a 304 are for the client that asked", () => {
    harness.store("/", [...TAGGED, "Set-Cookie", "old=1"], "content");
    harness.clock.advance(60_000);
    const readers = [harness.get("/"), harness.get("/")];
    harness.call().respond(304, ["Set-Cookie", "a=b"]);
    readers.push(harness.get("/"));
    const cookies = readers.map((one) => getField(one.answer?.head.fields ?? [], "set-cookie"));
    expect(cookies).toEqual(["a=b", "old=1", "old=1"]);
  });

  test("5.2.1.4 no-cache validates what is fresh", () => {
    harness.store("/", TAGGED, "content");
    const reader = harness.get("/", "Cache-Control", "no-cache");
    const call = harness.call();
    expect(call.field("if-none-match")).toBe('"1"');
    call.respond(304, []);
    expect(reader.cacheStatus).toContain("fwd=request; fwd-status=304");
  });

  test("a superseded response that must not be replaced is gone", () => {
    harness.store("/", TAGGED, "old");
    harness.clock.advance(60_000);
    harness.get("/");
    harness.call().respond(200, ["Cache-Control", "private"], "mine");
    expect(harness.cache.store.count).toBe(0);
  });

  test.each<[string, number, string[]]>([
    ["a failure of the origin server", 503, []],
    ["a response that the request kept from being stored", 200, FRESH],
  ])("the stored response stays after %s", (_name, status, fields) => {
    harness.store("/", TAGGED, "old");
    harness.get("/", "Cache-Control", "no-cache, no-store");
    harness.call().respond(status, fields, "x");
    expect(harness.get("/").seen).toBe("200:old");
  });

  test.each(["If-Match", "If-Unmodified-Since"])("%s is for the origin server", (name) => {
    harness.store("/", TAGGED, "content");
    const reader = harness.get("/", name, DATE);
    const call = harness.call();
    expect(call.field(name.toLowerCase())).toBe(DATE);
    call.respond(412, []);
    expect(reader.seen).toBe("412:");
    expect(harness.get("/").seen).toBe("200:content");
  });
});

describe("RFC 9111 4.3.5 HEAD", () => {
  test("updates a stored response that it agrees with", () => {
    harness.store("/", TAGGED, "content");
    harness.clock.advance(60_000);
    const reader = harness.request("HEAD", "/");
    harness
      .call()
      .respond(200, ["ETag", '"1"', "Cache-Control", "max-age=9", "Content-Length", "7"]);
    expect(reader.head?.status).toBe(200);
    expect(harness.get("/").cacheStatus).toBe("edgelane; hit; ttl=9");
  });

  test("ends one that it does not agree with", () => {
    harness.store("/", TAGGED, "content");
    harness.clock.advance(60_000);
    harness.request("HEAD", "/");
    harness.call().respond(200, [...FRESH, "ETag", '"2"']);
    expect(harness.cache.store.count).toBe(0);
  });

  test("a HEAD response is never stored as content", () => {
    harness.request("HEAD", "/");
    harness.call().respond(200, FRESH);
    expect(harness.cache.store.count).toBe(0);
  });
});

describe("RFC 5861 stale responses", () => {
  const swr = ["Cache-Control", "max-age=60, stale-while-revalidate=10", "ETag", '"1"'];
  const sie = ["Cache-Control", "max-age=60, stale-if-error=10"];

  test("stale-while-revalidate answers at once and validates once, in the background", () => {
    harness.store("/", swr, "content");
    harness.clock.advance(65_000);
    const [one, two] = [harness.get("/"), harness.get("/")];
    expect([one.seen, two.seen]).toEqual(["200:content", "200:content"]);
    expect(one.cacheStatus).toBe("edgelane; hit; ttl=-5; detail=stale_while_revalidate");
    expect([harness.calls.length, harness.cache.stats.collapsed]).toEqual([1, 0]);
    harness.call().respond(304, []);
    expect(harness.get("/").cacheStatus).toBe("edgelane; hit; ttl=60");
  });

  test("the background request wants the whole response, whatever the client wanted", () => {
    harness.store("/", ["Cache-Control", "max-age=60, stale-while-revalidate=10"], "content");
    harness.clock.advance(65_000);
    const reader = harness.get("/", "Range", "bytes=0-1", "If-None-Match", '"x"', "Accept", "*/*");
    expect(reader.seen).toBe("206:co");
    expect(harness.call().forward.fields).toEqual(["Accept", "*/*"]);
  });

  test("HEAD starts no background validation that would bring no content", () => {
    harness.store("/", swr, "content");
    harness.clock.advance(65_000);
    expect(harness.request("HEAD", "/").answer?.length).toBe(7);
    expect(harness.calls).toEqual([]);
  });

  test.each<[string, (h: CacheHarness) => void, string]>([
    ["no connection", (h) => h.call().fail(), "edgelane; fwd=stale; ttl=-5; detail=stale_if_error"],
    [
      "503",
      (h) => h.call().respond(503, [], "sorry"),
      "edgelane; fwd=stale; fwd-status=503; ttl=-5; detail=stale_if_error",
    ],
  ])("stale-if-error stands in: %s", (_name, fail, status) => {
    harness.store("/", sie, "content");
    harness.clock.advance(65_000);
    const reader = harness.get("/");
    fail(harness);
    expect(reader.seen).toBe("200:content");
    expect(reader.cacheStatus).toBe(status);
  });

  test("RFC 9111 4.2.4 an origin that cannot be reached is stood in for a while", () => {
    harness.store("/", FRESH, "content");
    harness.clock.advance(60_000 + 599_000);
    const reader = harness.get("/");
    harness.call().fail();
    expect(reader.seen).toBe("200:content");
    expect(reader.cacheStatus).toContain("detail=disconnected");
    const answered = harness.get("/");
    harness.call().respond(503, [], "sorry");
    expect(answered.seen).toBe("503:sorry");
    harness.clock.advance(1000);
    const late = harness.get("/");
    harness.call().fail();
    expect(late.seen).toBe("failed");
  });

  test("a failure that is not the origin server's own is not stood in for", () => {
    harness.store("/", FRESH, "content");
    harness.clock.advance(60_000);
    const reader = harness.get("/");
    harness.call().fill.onError(new GatewayError("client_closed", "gone"));
    expect(reader.seen).toBe("failed");
  });

  test("past its window the failure shows", () => {
    harness.store("/", sie, "content");
    harness.clock.advance(70_000);
    const reader = harness.get("/");
    harness.call().respond(503, [], "sorry");
    expect(reader.seen).toBe("503:sorry");
  });

  test("a route's times hold where the origin server has none", () => {
    harness.mode = { kind: "ttl", ttlSeconds: 10, staleSeconds: 5 };
    harness.store("/", [], "content");
    harness.clock.advance(12_000);
    expect(harness.get("/").cacheStatus).toContain("hit; ttl=-2");
    harness.clock.advance(3000);
    expect(harness.get("/").seen).toBe("waiting");
  });
});

describe("RFC 9111 4.1 Vary", () => {
  test("variants are stored beside each other and selected by the request", () => {
    const vary = [...FRESH, "Vary", "Accept-Language"];
    harness.store("/", vary, "deutsch", ["Accept-Language", "de"]);
    const english = harness.get("/", "Accept-Language", "en");
    expect(english.seen).toBe("waiting");
    harness.call().respond(200, ["Date", DATE, ...vary], "english");
    expect(english.cacheStatus).toContain("fwd=vary-miss");
    expect(harness.get("/", "Accept-Language", "de").seen).toBe("200:deutsch");
    expect(harness.get("/", "Accept-Language", "EN").seen).toBe("200:english");
    expect(harness.cache.store.count).toBe(1);
  });
});
