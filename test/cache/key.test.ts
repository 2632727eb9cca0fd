// Cache keys: normalisation, comparison with the core's memory (RFC 9111 section 2, RFC 9110
// section 4.2).

import { describe, expect, test } from "vitest";
import { KEY_BYTES_MAX, keyOfQuery, keyOfTarget, keyOfUri } from "../../src/cache/key.ts";
import { FakeKeyMemory } from "../support/key-memory.ts";

const memory = new FakeKeyMemory();

describe("RFC 9110 4.2.3 normalisation", () => {
  test.each([
    ["as it is", "http://a.test/x?y", "http://a.test/x?y"],
    ["scheme and host in lower case", "HTTP://A.Test/X", "http://a.test/X"],
    ["an empty path", "http://a.test", "http://a.test/"],
    ["a query behind an empty path", "http://a.test?x", "http://a.test/?x"],
    ["the default port of http", "http://a.test:80/", "http://a.test/"],
    ["the default port of https", "https://a.test:443/", "https://a.test/"],
    ["another port", "http://a.test:443/", "http://a.test:443/"],
    ["IPv6", "http://[::1]:80/", "http://[::1]/"],
    ["a fragment is no part of it", "http://a.test/x#y", "http://a.test/x"],
    [
      "percent encoding and case of the path stay",
      "http://a.test/%7ea/../B",
      "http://a.test/%7ea/../B",
    ],
  ])("%s", (_name, uri, expected) => {
    expect(keyOfUri(memory, uri)?.uri).toBe(expected);
  });

  test.each([
    ["another scheme", "ftp://a.test/"],
    ["no authority", "http:///x"],
    ["relative", "/x"],
    ["user information", "http://u:p@a.test/"],
    ["a space", "http://a.test/a b"],
    ["a control", "http://a.test/\u0001"],
    ["too long", `http://a.test/${"x".repeat(KEY_BYTES_MAX)}`],
  ])("no key: %s", (_name, uri) => {
    expect(keyOfUri(memory, uri)).toBeUndefined();
  });

  test("the asterisk form has none", () => {
    expect(keyOfTarget(memory, "http", "a.test", "*")).toBeUndefined();
  });
});

describe("comparison with memory, at every length", () => {
  const lengths = Array.from({ length: 12 }, (_, index) => index);

  test.each(lengths)("%d more bytes", (extra) => {
    const uri = `http://a.test/${"x".repeat(extra)}`;
    const key = memory.key(uri);
    // What lies behind the key in memory is not part of it.
    memory.bytes.fill(0xff, memory.keyAddress, memory.keyAddress + 64);
    const length = memory.write(uri);
    expect(key.matchesMemory(memory, memory.keyAddress, length)).toBe(true);
    expect(key.matchesMemory(memory, memory.keyAddress, length - 1)).toBe(false);
    for (let index = 0; index < length; index++) {
      memory.write(uri);
      memory.bytes[memory.keyAddress + index] = 0x21;
      expect(key.matchesMemory(memory, memory.keyAddress, length)).toBe(false);
    }
  });

  test("keys are equal when all bytes are", () => {
    expect(memory.key("http://a.test/x").equals(memory.key("http://A.test:80/x"))).toBe(true);
    memory.forcedHash = [1, 2, 3, 4];
    const pair = [memory.key("http://a.test/x"), memory.key("http://a.test/y")] as const;
    memory.forcedHash = null;
    expect(pair[0].equals(pair[1])).toBe(false);
  });
});

describe("a QUERY", () => {
  const target = memory.key("http://a.test/q");
  const key = (content: string, ...fields: string[]) =>
    keyOfQuery(memory, target, fields, Buffer.from(content));

  test("is its target, what describes its content, and all of that", () => {
    const one = key("select 1", "Content-Type", "a/b");
    expect(one?.target).toBe("http://a.test/q");
    expect([one?.isQuery, target.isQuery]).toEqual([true, false]);
    expect(one?.uri.endsWith("select 1")).toBe(true);
    expect(one?.length).toBeGreaterThan("http://a.test/qselect 1".length);
  });

  test("equal hashes are not enough: all of the content is compared", () => {
    memory.forcedHash = [1, 2, 3, 4];
    const [one, same, other] = [key("select 1"), key("select 1"), key("select 2")];
    memory.forcedHash = null;
    if (one === undefined || same === undefined || other === undefined) throw new Error("no key");
    expect([one.h0, one.h3]).toEqual([other.h0, other.h3]);
    expect([one.equals(same), one.equals(other), one.equals(target)]).toEqual([true, false, false]);
  });
});
