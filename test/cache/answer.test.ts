// Responses made from a stored one: 200, 304, 206, 416 (RFC 9111 section 4, RFC 9110 sections 13 to
// 15).

import { describe, expect, test } from "vitest";
import { answerFrom, preconditionOf } from "../../src/cache/answer.ts";
import { DATE, NOW_MS, type StoredOptions, storedResponse, text } from "../support/stored.ts";

const MODIFIED = "Mon, 22 Dec 2025 00:00:00 GMT";
const FIELDS = [
  "Date",
  DATE,
  "Cache-Control",
  "max-age=60",
  "ETag",
  '"1"',
  "Last-Modified",
  MODIFIED,
  "Content-Type",
  "text/plain",
  "Content-Location",
  "/here",
  "X-A",
  "1",
];
const OURS = ["Age", "5", "Cache-Status", "edgelane; hit"];

function answer(request: string[], options: StoredOptions = {}, method = "GET") {
  const stored = storedResponse({ fields: FIELDS, content: "0123456789", ...options });
  return answerFrom(stored, { method, fields: request }, "edgelane; hit", NOW_MS + 5000);
}

describe("RFC 9111 4 the whole response", () => {
  test("has Age and Cache-Status, and leaves framing to the wire", () => {
    const { head, content, length } = answer([]);
    expect(head).toEqual({ status: 200, reason: "OK", fields: [...FIELDS, ...OURS] });
    expect([text(content), length]).toEqual(["0123456789", 10]);
  });

  test("RFC 9110 9.3.2 HEAD has the length, not the content", () => {
    const { head, content, length } = answer([], {}, "HEAD");
    expect([head.status, content, length]).toEqual([200, [], 10]);
  });

  test("RFC 9211 2 members of caches before us come first", () => {
    const { head } = answer([], { fields: [...FIELDS, "Cache-Status", "A; hit"] });
    expect(head.fields.slice(-1)).toEqual(["A; hit, edgelane; hit"]);
  });
});

describe("RFC 9110 15.4.5 not modified", () => {
  test("has what guides caches, without representation metadata", () => {
    const { head, content } = answer(["If-None-Match", '"1"']);
    expect(head.status).toBe(304);
    expect(content).toEqual([]);
    const kept = [
      "Date",
      DATE,
      "Cache-Control",
      "max-age=60",
      "ETag",
      '"1"',
      "Content-Location",
      "/here",
      "X-A",
      "1",
    ];
    expect(head.fields).toEqual([...kept, ...OURS]);
  });

  test("Last-Modified only without an entity tag", () => {
    const fields = ["Date", DATE, "Cache-Control", "max-age=60", "Last-Modified", MODIFIED];
    const { head } = answer(["If-Modified-Since", MODIFIED], { fields });
    expect([head.status, head.fields.includes(MODIFIED)]).toEqual([304, true]);
  });

  test("HEAD is conditional too", () => {
    expect(answer(["If-None-Match", '"1"'], {}, "HEAD").head.status).toBe(304);
  });

  test.each([203, 204])("13.2.1 a %d is", (status) => {
    expect(answer(["If-None-Match", '"1"'], { status, content: "" }).head.status).toBe(304);
  });

  test.each([301, 404, 500])("13.2.1 a %d is not", (status) => {
    expect(answer(["If-None-Match", '"1"'], { status }).head.status).toBe(status);
    const stored = storedResponse({ status, fields: FIELDS });
    expect(preconditionOf(stored, ["If-Match", '"x"'], NOW_MS)).toBe("proceed");
  });
});

describe("RFC 9110 14 ranges of a whole stored response", () => {
  const range = (value: string, ...more: string[]) => answer(["Range", value, ...more]);

  test.each([
    ["bytes=0-1", "01", "bytes 0-1/10"],
    ["bytes=8-", "89", "bytes 8-9/10"],
    ["bytes=-1", "9", "bytes 9-9/10"],
    ["bytes=0-99", "0123456789", "bytes 0-9/10"],
  ])("%s", (value, content, contentRange) => {
    const { head, ...rest } = range(value);
    expect(head.status).toBe(206);
    expect(head.fields).toEqual([...FIELDS, "Content-Range", contentRange, ...OURS]);
    expect([text(rest.content), rest.length]).toEqual([content, content.length]);
  });

  test("15.5.17 not satisfiable: the length, without content", () => {
    const { head, content, length } = range("bytes=10-");
    expect([head.status, content, length]).toEqual([416, [], 0]);
    expect(head.fields).toContain("bytes */10");
    expect(head.fields).not.toContain("text/plain");
  });

  test.each<[string, string[], StoredOptions, string]>([
    ["another unit", ["Range", "lines=0-1"], {}, "GET"],
    ["HEAD", ["Range", "bytes=0-1"], {}, "HEAD"],
    ["another status", ["Range", "bytes=0-1"], { status: 404 }, "GET"],
    ["13.1.5 If-Range of something else", ["Range", "bytes=0-1", "If-Range", '"2"'], {}, "GET"],
  ])("14.2 ignored: %s", (_name, request, options, method) => {
    const { head, length } = answer(request, options, method);
    expect([head.status, length]).toEqual([options.status ?? 200, 10]);
  });

  test("15.3.7 If-Range that holds: no metadata that the client has", () => {
    const { head, content } = range("bytes=0-1", "If-Range", '"1"');
    expect([head.status, text(content)]).toEqual([206, "01"]);
    expect(head.fields).not.toContain("text/plain");
    expect(head.fields).toContain('"1"');
  });

  test("13.2.2 a condition that fails comes before the range", () => {
    expect(range("bytes=0-1", "If-None-Match", '"1"').head.status).toBe(304);
  });

  test("a range is a view of the stored content, not a copy", () => {
    const stored = storedResponse({ fields: FIELDS, content: "0123456789" });
    const { content } = answerFrom(
      stored,
      { method: "GET", fields: ["Range", "bytes=2-3"] },
      "",
      NOW_MS,
    );
    expect(content[0]?.buffer).toBe(stored.content.buffer);
  });
});
