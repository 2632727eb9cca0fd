// Field look-ups, list members and hop-by-hop removal (RFC 9110 sections 5.3, 5.6.1 and 7.6.1).

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import {
  acceptsTrailers,
  FIELD_NAMES,
  fieldId,
  fieldValues,
  getField,
  hasField,
  listMembers,
  mayBeTrailer,
  trimOws,
  withoutFields,
  withoutHopByHop,
} from "../../src/http/fields.ts";

describe("FIELD_NAMES", () => {
  const notIds = new Set(["FIELD_COUNT", "FIELD_OTHER", "FIELD_WORDS"]);
  const ids = Object.entries(layout).filter(
    ([name]) =>
      name.startsWith("FIELD_") && !notIds.has(name) && !/^FIELD_(NAME|VALUE)_/.test(name),
  );

  test.each(ids)("%s has its own name", (name, id) => {
    const expected = name.slice("FIELD_".length).toLowerCase().replaceAll("_", "-");
    expect(FIELD_NAMES[id]).toBe(expected);
    expect(fieldId(expected)).toBe(id);
  });

  test("covers every id and nothing else", () => {
    expect(ids).toHaveLength(layout.FIELD_COUNT - 1);
    expect(FIELD_NAMES).toHaveLength(layout.FIELD_COUNT);
    expect(fieldId("x-unknown")).toBe(layout.FIELD_OTHER);
  });
});

describe("look-ups", () => {
  const fields = ["Accept", "a", "X-Other", "o", "ACCEPT", "b"];

  test("RFC 9110 5.3 lines of one name are one list", () => {
    expect(getField(fields, "accept")).toBe("a, b");
    expect(fieldValues(fields, "accept")).toEqual(["a", "b"]);
    expect(getField(fields, "x-none")).toBeUndefined();
    expect(hasField(fields, "x-other")).toBe(true);
    expect(hasField(fields, "x-othe")).toBe(false);
  });

  test("a field removed is gone in every case and line", () => {
    expect(withoutFields(fields, new Set(["accept"]))).toEqual(["X-Other", "o"]);
  });
});

describe("RFC 9110 5.6.1 list members", () => {
  test.each([
    ["absent", undefined, []],
    ["empty", "", []],
    ["one", "a", ["a"]],
    ["OWS of both kinds", " a\t, \tb ", ["a", "b"]],
    ["empty members", ",a,,b, ,", ["a", "b"]],
    ["a quoted comma", 'a="1,2", b', ['a="1,2"', "b"]],
    ["an escaped quote", 'a="1\\",2", b', ['a="1\\",2"', "b"]],
    ["a quote that never ends", 'a="1, b', ['a="1, b']],
    ["a backslash at the end", 'a="1\\', ['a="1\\']],
  ])("%s", (_name, value, expected) => {
    expect(listMembers(value)).toEqual(expected);
  });

  test("OWS is space and tab only", () => {
    expect(trimOws(" \ta\u00a0\t")).toBe("a\u00a0");
  });
});

describe("RFC 9110 7.6.1 hop-by-hop fields", () => {
  test.each([
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
  ])("%s ends here", (name) => {
    expect(withoutHopByHop(["X-Kept", "1", name, "x", name.toLowerCase(), "y"])).toEqual([
      "X-Kept",
      "1",
    ]);
  });

  test("a nominated field ends here, in any case and over several lines", () => {
    const fields = ["Connection", "close, x-A", "X-a", "1", "connection", "X-B", "x-b", "2"];
    expect(withoutHopByHop([...fields, "X-C", "3"])).toEqual(["X-C", "3"]);
  });

  test.each([
    "Authorization",
    "Cookie",
    "Host",
    "Cache-Control",
    "Content-Length",
    "Set-Cookie",
    "Vary",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "Forwarded",
    "Via",
    "Range",
    "CDN-Cache-Control",
    "Access-Control-Allow-Origin",
    "Content-Security-Policy",
    "Sec-Fetch-Site",
  ])("%s cannot be stripped by nominating it", (name) => {
    expect(withoutHopByHop(["Connection", name, name, "kept"])).toEqual([name, "kept"]);
  });
});

test.each([
  ["trailers", true],
  ["gzip;q=0.5, Trailers", true],
  ["gzip", false],
  ["x-trailers", false],
])("RFC 9110 10.1.4 TE: %s", (value, expected) => {
  expect(acceptsTrailers(["TE", value])).toBe(expected);
});

describe("RFC 9110 6.5.1 mayBeTrailer", () => {
  test.each([
    ["framing", ["content-length", "transfer-encoding"]],
    ["routing", ["host", "max-forwards", "forwarded", "x-forwarded-for", "via"]],
    ["request modifiers", ["cache-control", "expect", "range", "if-match", "te", "pragma"]],
    ["authentication", ["authorization", "proxy-authorization", "www-authenticate", "cookie"]],
    ["response control", ["set-cookie", "age", "expires", "vary", "location", "retry-after"]],
    ["how content is processed", ["content-type", "content-encoding", "content-range", "trailer"]],
    ["the connection", ["connection", "keep-alive", "upgrade", "http2-settings"]],
  ])("not for %s", (_kind, names) => {
    expect(names.filter(mayBeTrailer)).toEqual([]);
  });

  test("what is known only at the end may", () => {
    const names = ["etag", "last-modified", "x-sum", "digest", "server-timing", "grpc-status"];
    expect(names.filter((name) => !mayBeTrailer(name))).toEqual([]);
  });
});
