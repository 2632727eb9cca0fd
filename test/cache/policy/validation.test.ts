// Validation with the origin server and invalidation (RFC 9111 sections 3.2, 4.3 and 4.4).

import { describe, expect, test } from "vitest";
import { responseDirectives } from "../../../src/cache/policy/directives.ts";
import { FRESHNESS_DEFAULTS, metadataOf } from "../../../src/cache/policy/freshness.ts";
import { invalidatedUris } from "../../../src/cache/policy/invalidation.ts";
import {
  headAgrees,
  isAboutStored,
  updatedFields,
  validatingFields,
} from "../../../src/cache/policy/validation.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const MODIFIED = "Mon, 22 Dec 2025 00:00:00 GMT";
const LATER = "Tue, 23 Dec 2025 00:00:00 GMT";

function stored(...fields: string[]) {
  return metadataOf(
    { status: 200, reason: "", fields },
    responseDirectives(fields, []),
    { requestMs: NOW_MS, responseMs: NOW_MS },
    { kind: "auto" },
    FRESHNESS_DEFAULTS,
  );
}

describe("RFC 9111 4.3.1 conditions", () => {
  test.each<[string, string[], string[]]>([
    ["entity tag", ["ETag", 'W/"a"'], ["If-None-Match", 'W/"a"']],
    [
      "date as it was sent",
      ["Last-Modified", MODIFIED.toUpperCase()],
      ["If-Modified-Since", MODIFIED.toUpperCase()],
    ],
    [
      "both",
      ["ETag", '"a"', "Last-Modified", MODIFIED],
      ["If-None-Match", '"a"', "If-Modified-Since", MODIFIED],
    ],
    ["an invalid tag is no validator", ["ETag", "a"], []],
    ["two tags are none", ["ETag", '"a"', "ETag", '"b"'], []],
    ["an invalid date is none", ["Last-Modified", "x"], []],
  ])("%s", (_name, fields, expected) => {
    const request = ["If-None-Match", '"client"', "Range", "bytes=0-1", "Accept", "*/*"];
    expect(validatingFields(request, stored(...fields))).toEqual(["Accept", "*/*", ...expected]);
  });
});

describe("RFC 9111 4.3.4 which stored response a 304 is about", () => {
  test.each<[string, string[], string[], boolean]>([
    ["the same tag", ["ETag", '"a"'], ["ETag", '"a"'], true],
    ["another tag", ["ETag", '"a"'], ["ETag", '"b"'], false],
    ["a strong tag of a weak one", ["ETag", 'W/"a"'], ["ETag", '"a"'], false],
    ["a weak tag", ["ETag", '"a"'], ["ETag", 'W/"a"'], true],
    ["the same date", ["Last-Modified", MODIFIED], ["Last-Modified", MODIFIED], true],
    ["another date", ["Last-Modified", MODIFIED], ["Last-Modified", LATER], false],
    ["no validator", ["ETag", '"a"'], [], true],
    [
      "the tag decides over the date",
      ["ETag", '"a"', "Last-Modified", MODIFIED],
      ["ETag", '"a"', "Last-Modified", LATER],
      true,
    ],
  ])("%s", (_name, old, newer, expected) => {
    expect(isAboutStored(stored(...old), newer, NOW_MS)).toBe(expected);
  });
});

describe("RFC 9111 4.3.5 HEAD", () => {
  const metadata = stored("ETag", '"a"', "Last-Modified", MODIFIED);
  const same = ["ETag", '"a"', "Last-Modified", MODIFIED];

  test.each<[string, number, string[], boolean]>([
    ["the same validators", 200, same, true],
    ["and length", 200, [...same, "Content-Length", "10"], true],
    ["another length", 200, [...same, "Content-Length", "11"], false],
    ["another tag", 200, ["ETag", '"b"', "Last-Modified", MODIFIED], false],
    ["no tag", 200, ["Last-Modified", MODIFIED], false],
    ["another date", 200, ["ETag", '"a"', "Last-Modified", LATER], false],
    ["another status", 404, same, false],
  ])("%s", (_name, status, fields, expected) => {
    const head = { status, reason: "", fields };
    expect(headAgrees(metadata, 10, head, NOW_MS)).toBe(expected);
  });
});

describe("RFC 9111 3.2 updating", () => {
  const old = ["Date", "old", "X-A", "1", "X-A", "2", "X-B", "3", "Content-Length", "5"];

  test("each field of the newer response replaces all lines of the stored one", () => {
    expect(updatedFields(old, ["Date", "new", "x-a", "4"], NOW_MS)).toEqual([
      "X-B",
      "3",
      "Content-Length",
      "5",
      "Date",
      "new",
      "x-a",
      "4",
    ]);
  });

  test("length, range, hop-by-hop fields and cookies do not", () => {
    const newer = ["Content-Length", "0", "Content-Range", "x", "Connection", "X-B", "X-B", "9"];
    expect(updatedFields(old, [...newer, "Set-Cookie", "a=b", "Date", "new"], NOW_MS)).toEqual([
      "X-A",
      "1",
      "X-A",
      "2",
      "X-B",
      "3",
      "Content-Length",
      "5",
      "Date",
      "new",
    ]);
  });

  test("without a Date the newer response is from now", () => {
    expect(updatedFields(old, [], NOW_MS).slice(-2)).toEqual([
      "Date",
      "Thu, 01 Jan 2026 00:00:00 GMT",
    ]);
  });
});

describe("RFC 9111 4.4 invalidation", () => {
  const request = (method: string) => ({
    method,
    scheme: "http" as const,
    authority: "example.com",
    path: "/a/b?c",
    version: "1.1",
    fields: [],
  });
  const uris = (method: string, status: number, ...fields: string[]) =>
    invalidatedUris(request(method), { status, reason: "", fields });
  const own = "http://example.com/a/b?c";

  test.each(["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])("after %s", (method) => {
    expect(uris(method, 204)).toEqual([own]);
  });

  test.each(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"])("not after %s", (method) => {
    expect(uris(method, 200)).toEqual([]);
  });

  test.each([
    [199, 0],
    [200, 1],
    [303, 1],
    [399, 1],
    [400, 0],
    [500, 0],
  ])("after status %d: %d", (status, count) => {
    expect(uris("POST", status)).toHaveLength(count);
  });

  test.each<[string, string, string[]]>([
    ["relative", "d", ["http://example.com/a/d"]],
    ["absolute path", "/d?e", ["http://example.com/d?e"]],
    ["absolute, default port", "http://EXAMPLE.com:80/d", ["http://example.com/d"]],
    ["another host", "http://example.org/d", []],
    ["another scheme", "https://example.com/d", []],
    ["another port", "http://example.com:8080/d", []],
    ["no URI", "http://[", []],
  ])("Location and Content-Location of the same origin: %s", (_name, value, expected) => {
    expect(uris("POST", 201, "Location", value)).toEqual([own, ...expected]);
    expect(uris("POST", 201, "Content-Location", value)).toEqual([own, ...expected]);
  });
});
