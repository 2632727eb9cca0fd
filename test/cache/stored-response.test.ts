// A stored response as bytes: what a hit writes, when it is rendered anew, and that bytes in flight
// never change.

import { describe, expect, test } from "vitest";
import { CONTIGUOUS_BYTES_MAX } from "../../src/cache/stored-response.ts";
import { DATE, NOW_MS, storedResponse, text } from "../support/stored.ts";

const FIELDS = `Date: ${DATE}\r\nCache-Control: max-age=60\r\nContent-Length: 7\r\n\r\n`;

function hit(age: number, ttl: number, counter: string): string {
  return (
    `HTTP/1.1 200 OK\r\nCache-Status: edgelane; hit; ttl=${ttl}\r\nAge: ${age}\r\n` +
    `X-Request-Id: 0123456789abcdef${counter}\r\n${FIELDS}`
  );
}

describe("RFC 9111 4 a hit is one view", () => {
  test("status line, Cache-Status, Age, request id, stored fields, length, content", () => {
    const stored = storedResponse();
    expect(text(stored.view(NOW_MS, 0x1a2b3c4d))).toBe(`${hit(0, 60, "1a2b3c4d")}content`);
    expect(stored.tail).toBeNull();
  });

  test("HEAD gets the same head without content", () => {
    expect(text(storedResponse().headView(NOW_MS, 0xffffffff))).toBe(hit(0, 60, "ffffffff"));
  });

  test("Age and ttl change with the age, to the millisecond", () => {
    const stored = storedResponse({ responseMs: NOW_MS + 400 });
    expect(text(stored.view(NOW_MS + 1399, 0))).toContain("ttl=60\r\nAge: 0\r\n");
    expect(text(stored.view(NOW_MS + 1400, 0))).toContain("ttl=59\r\nAge: 1\r\n");
    expect(text(stored.view(NOW_MS + 10_400, 0))).toContain("ttl=50\r\nAge: 10\r\n");
    expect(text(stored.view(NOW_MS + 75_400, 0))).toContain("ttl=-15\r\nAge: 75\r\n");
  });

  test("a clock that was set back renders again", () => {
    const stored = storedResponse();
    stored.view(NOW_MS + 30_000, 0);
    expect(text(stored.view(NOW_MS + 5000, 0))).toContain("Age: 5\r\n");
    expect(text(stored.view(NOW_MS - 5000, 0))).toContain("Age: 0\r\n");
  });

  test("the longest Age and ttl fit before the stored fields", () => {
    const fields = ["Date", DATE, "Cache-Control", "max-age=1", "Age", "2147483648"];
    const view = text(storedResponse({ fields }).view(NOW_MS + 5000, 1));
    expect(view).toMatch(
      /^HTTP\/1\.1 200 OK\r\nCache-Status: edgelane; hit; ttl=-2147483\d{3}\r\n/,
    );
  });

  test("the view is the same object until it is rendered again: a hit allocates nothing", () => {
    const stored = storedResponse();
    expect(stored.view(NOW_MS, 1)).toBe(stored.view(NOW_MS + 999, 2));
    expect(stored.headView(NOW_MS, 1)).toBe(stored.headView(NOW_MS + 999, 2));
    expect(stored.view(NOW_MS, 1)).not.toBe(stored.view(NOW_MS + 1000, 2));
  });

  test("RFC 9211 2 our member follows those of caches before us", () => {
    const fields = ["Cache-Status", "A; hit", "Cache-Control", "max-age=60", "cache-status", "B"];
    const view = text(storedResponse({ fields }).view(NOW_MS, 0));
    expect(view.match(/cache-status/gi)).toHaveLength(1);
    expect(view).toContain("Cache-Status: A; hit, B, edgelane; hit; ttl=60\r\n");
  });

  test("fields that are made anew are not kept", () => {
    const fields = [
      "Age",
      "5",
      "X-Request-Id",
      "old",
      "Content-Length",
      "99",
      "Cache-Control",
      "max-age=60",
    ];
    const view = text(storedResponse({ fields }).view(NOW_MS, 0));
    expect(view.match(/age: 5\r\n/gi)).toHaveLength(1);
    expect(view).not.toContain("old");
    expect(view).toContain("Content-Length: 7\r\n");
    expect(view).not.toContain("99");
  });

  test("RFC 9110 8.6 a 204 has no Content-Length", () => {
    const view = text(storedResponse({ status: 204, content: "" }).view(NOW_MS, 0));
    expect(view).toMatch(/^HTTP\/1\.1 204 No Content\r\n/);
    expect(view).not.toMatch(/content-length/i);
    expect(view.endsWith("\r\n\r\n")).toBe(true);
  });

  test.each([
    ["as received", 200, "Fine", "200 Fine"],
    ["standard", 404, "", "404 Not Found"],
    ["unknown", 599, "", "599 "],
  ])("RFC 9112 4 reason phrase %s", (_name, status, reason, expected) => {
    const view = text(storedResponse({ status, reason }).view(NOW_MS, 0));
    expect(view.startsWith(`HTTP/1.1 ${expected}\r\n`)).toBe(true);
  });

  test("obs-text survives as bytes", () => {
    const fields = ["X-A", "\u00e9\u00ff", "Cache-Control", "max-age=60"];
    const stored = storedResponse({ fields });
    expect(text(stored.view(NOW_MS, 0))).toContain("X-A: \u00e9\u00ff\r\n");
    expect(stored.head().fields).toContain("\u00e9\u00ff");
  });
});

test("the head can be read back", () => {
  const fields = ["Date", DATE, "X-Empty", "", "Cache-Control", "max-age=60", "X-A", "a: b"];
  const head = storedResponse({ fields }).head();
  expect(head).toEqual({ status: 200, reason: "OK", fields: [...fields, "Content-Length", "7"] });
});

describe("bytes in flight never change", () => {
  test.each([
    ["small", "x".repeat(100)],
    ["large", "y".repeat(CONTIGUOUS_BYTES_MAX + 1)],
  ])("%s content after detach", (_name, content) => {
    const stored = storedResponse({ content });
    const first = stored.view(NOW_MS, 1);
    const before = text(first);
    stored.detach();
    const second = stored.view(NOW_MS + 5000, 2);
    const tail = text(stored.tail);
    expect(text(first)).toBe(before);
    expect(text(second) + tail).toBe(
      before.replace("Age: 0", "Age: 5").replace("ttl=60", "ttl=55").replace(/0{7}1/, "00000002"),
    );
    stored.detach();
    const third = stored.headView(NOW_MS + 5000, 3);
    expect(text(second)).toContain("cdef00000002");
    expect(text(third)).toContain("cdef00000003");
    expect(text(third).endsWith("\r\n\r\n")).toBe(true);
  });

  test("small content moves in one piece, large content is shared", () => {
    const small = storedResponse({ content: "x".repeat(CONTIGUOUS_BYTES_MAX) });
    const large = storedResponse({ content: "x".repeat(CONTIGUOUS_BYTES_MAX + 1) });
    for (const stored of [small, large]) {
      stored.view(NOW_MS, 1);
      stored.detach();
      stored.view(NOW_MS, 2);
    }
    expect(small.tail).toBeNull();
    const tail = large.tail;
    expect(large.content).toBe(tail);
    large.detach();
    large.view(NOW_MS, 3);
    expect(large.tail).toBe(tail);
  });

  test("what was written to the store is copied, what is shared is not", () => {
    const bytes = Buffer.from("content");
    const copied = storedResponse({ content: [bytes] });
    const shared = storedResponse({ content: [bytes], placement: "share" });
    expect(shared.content).toBe(bytes);
    expect(shared.tail).toBe(bytes);
    bytes.fill(0);
    expect(text(copied.content)).toBe("content");
  });
});

test("content arrives in pieces", () => {
  const content = [Buffer.from("con"), Buffer.alloc(0), Buffer.from("tent")];
  expect(text(storedResponse({ content }).view(NOW_MS, 0)).endsWith(`${FIELDS}content`)).toBe(true);
});
