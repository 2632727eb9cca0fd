// Cache keys on both engines (RFC 9110 section 4.2.3): the normalised target URI and its hash.

import { describe, expect, test } from "vitest";
import { STATUS_COMPLETE } from "../../assembly/layout.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";
import { parseRequest, parseWhole } from "./head-run.ts";

type Row = readonly [title: string, head: string, secure: 0 | 1, key: string];

const get = (target: string, host: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const ROWS: readonly Row[] = [
  ["origin form", get("/a?b", "example.com"), 0, "http://example.com/a?b"],
  ["secure", get("/", "example.com"), 1, "https://example.com/"],
  ["host in lower case, path as sent", get("/A%7e", "EXAMPLE.com"), 0, "http://example.com/A%7e"],
  ["default port", get("/", "a:80"), 0, "http://a/"],
  ["default port of the other scheme", get("/", "a:80"), 1, "https://a:80/"],
  ["default port, secure", get("/", "a:443"), 1, "https://a/"],
  ["other port", get("/", "a:8080"), 0, "http://a:8080/"],
  ["IPv6", get("/", "[2001:DB8::1]:80"), 0, "http://[2001:db8::1]/"],
  ["absolute form", get("http://A:80/x", "a"), 0, "http://a/x"],
  ["absolute form with an empty path", get("http://a", "a"), 0, "http://a/"],
  ["absolute form, empty path, query", get("http://a?q", "a"), 0, "http://a/?q"],
  ["no Host", "GET /x HTTP/1.0\r\n\r\n", 0, "http:///x"],
  ["asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, ""],
  ["authority form", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 0, ""],
  [
    "the longest",
    get(`/${"x".repeat(8191)}`, "h".repeat(255)),
    1,
    `https://${"h".repeat(255)}/${"x".repeat(8191)}`,
  ],
  [
    "the longest, with a port",
    get(`/${"x".repeat(8191)}`, `${"h".repeat(255)}:65535`),
    1,
    `https://${"h".repeat(255)}:65535/${"x".repeat(8191)}`,
  ],
  ["a port with leading zeros is still the default", get("/", "a:00080"), 0, "http://a/"],
  ["the connection's scheme, not the one that is claimed", get("https://a/", "a"), 0, "http://a/"],
];

/** Requests that must not share an entry, though their parts written in a row are alike. */
const DISTINCT: readonly (readonly [head: string, secure: 0 | 1])[] = [
  [get("/b/c", "a"), 0],
  [get("/c", "a.b"), 0],
  [get("//b/c", "a"), 0],
  [get("/b%2fc", "a"), 0],
  [get("/b/c?", "a"), 0],
  [get("/b/c", "a:1"), 0],
  [get("/b/c", "a:11"), 0],
  [get("/b/c", "a"), 1],
  [get("/b/c", "a:80"), 1],
  [get("/b/c", "a:443"), 0],
  [get("/http://a/b/c", "a"), 0],
  [get("/B/c", "a"), 0],
];

describe.each(ENGINES)("cache keys on %s", (engine) => {
  const core = coreOf(engine);

  test("no two of different scheme, authority, path or query are alike", () => {
    const keys = DISTINCT.map(([head, secure]) => {
      const { status } = parseWhole(core, parseRequest, latin1(head));
      expect(status, head).toBe(STATUS_COMPLETE);
      const length = core.requestKey(core.scratchRecord, core.scratchInput, secure);
      const hashAt = core.keyHashAddress / 4;
      const key = core.bytes.subarray(core.keyAddress, core.keyAddress + length);
      return [String.fromCharCode(...key), core.words.subarray(hashAt, hashAt + 4).join(" ")];
    });
    expect(new Set(keys.map(([key]) => key)).size).toBe(DISTINCT.length);
    expect(new Set(keys.map(([, hash]) => hash)).size).toBe(DISTINCT.length);
  });

  test.each(ROWS)("%s", (_title, head, secure, key) => {
    parseWhole(core, parseRequest, latin1(head));
    const length = core.requestKey(core.scratchRecord, core.scratchInput, secure);
    const written = core.bytes.subarray(core.keyAddress, core.keyAddress + length);
    expect(String.fromCharCode(...written)).toBe(key);
    if (length === 0) return;
    const hashAt = core.keyHashAddress / 4;
    const hash = [...core.words.subarray(hashAt, hashAt + 4)];
    core.words.fill(0, hashAt, hashAt + 4);
    core.bytes.set(latin1(key), core.keyAddress);
    core.hashKey(core.keyAddress, key.length);
    expect([...core.words.subarray(hashAt, hashAt + 4)]).toEqual(hash);
  });
});
