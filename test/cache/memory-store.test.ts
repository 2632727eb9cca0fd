// The L1 store: look-up by hash and full key, bounds in bytes, variants (RFC 9111 sections 2 and
// 4.1).

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { ENTRY_OVERHEAD_BYTES } from "../../src/cache/cache-entry.ts";
import { MemoryStore } from "../../src/cache/memory-store.ts";
import type { RawFields } from "../../src/cache/policy/vary.ts";
import type { StoredResponse } from "../../src/cache/stored-response.ts";
import { FakeKeyMemory } from "../support/key-memory.ts";
import { DATE, NOW_MS, storedResponse, text } from "../support/stored.ts";

const OPTIONS = { bytesMax: 1_000_000, objectBytesMax: 100_000, variantsMax: 3 };
const nothing = () => false;
const everything = () => true;
const memory = new FakeKeyMemory();

function find(store: MemoryStore, uri: string): StoredResponse | null | undefined {
  const length = memory.write(uri);
  return store.lookup(memory, memory.keyAddress, length, memory.hash(0), memory.hash(1))?.plain;
}

function put(store: MemoryStore, uri: string, content: string): boolean {
  return store.put(memory.key(uri), storedResponse({ content }), everything);
}

describe("look-up", () => {
  test("finds the key and nothing else", () => {
    const store = new MemoryStore(OPTIONS);
    put(store, "http://a.test/1", "one");
    put(store, "http://a.test/2", "two");
    expect(text(find(store, "http://a.test/1")?.content ?? null)).toBe("one");
    expect(text(find(store, "http://a.test/2")?.content ?? null)).toBe("two");
    expect(find(store, "http://a.test/3")).toBeUndefined();
  });

  test("keys with the same hash do not meet: the full key decides", () => {
    const store = new MemoryStore(OPTIONS);
    memory.forcedHash = [7, 8, 9, 10];
    put(store, "http://a.test/1", "one");
    expect(find(store, "http://a.test/2")).toBeUndefined();
    put(store, "http://a.test/2", "two");
    expect(text(find(store, "http://a.test/1")?.content ?? null)).toBe("one");
    expect(text(find(store, "http://a.test/2")?.content ?? null)).toBe("two");
    put(store, "http://a.test/3", "three");
    expect(text(find(store, "http://a.test/3")?.content ?? null)).toBe("three");
    expect(store.remove(memory.key("http://a.test/1"))).toBe(1);
    expect(find(store, "http://a.test/1")).toBeUndefined();
    expect(store.get(memory.key("http://a.test/3"))).toBeDefined();
    memory.forcedHash = null;
  });
});

describe("bounds", () => {
  test("bytes are those of the entries, and come back when they go", () => {
    const store = new MemoryStore(OPTIONS);
    const key = memory.key("http://a.test/1");
    const stored = storedResponse({ content: "x".repeat(5000) });
    store.put(key, stored, everything);
    expect(store.bytes).toBe(stored.sizeBytes + ENTRY_OVERHEAD_BYTES + key.length);
    expect(stored.sizeBytes).toBeGreaterThan(5000);
    store.put(key, storedResponse({ content: "" }), everything);
    expect(store.bytes).toBeLessThan(5000);
    expect(store.count).toBe(1);
    store.remove(key);
    expect([store.bytes, store.count, store.counts.evictions]).toEqual([0, 0, 0]);
  });

  test("an object over its limit is not stored, and what it supersedes is gone", () => {
    const store = new MemoryStore(OPTIONS);
    put(store, "http://a.test/1", "old");
    expect(put(store, "http://a.test/1", "x".repeat(100_001))).toBe(false);
    expect(find(store, "http://a.test/1")).toBeUndefined();
    expect(store.bytes).toBe(0);
  });
});

test("what is counted covers what the heap and the buffers take, and not much more", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 100_000_000 });
  const before = used();
  for (let index = 0; index < 5000; index++) {
    const stored = storedResponse({ content: "x".repeat(index % 100) });
    store.put(memory.key(`http://a.test/some/usual/path/${index}`), stored, everything);
    stored.view(NOW_MS, index);
  }
  const taken = used() - before;
  expect(store.count).toBe(5000);
  expect(taken).toBeLessThan(store.bytes);
  expect(taken).toBeGreaterThan(store.bytes / 3);
});

describe("RFC 9111 4.1 variants", () => {
  const key = memory.key("http://a.test/v");
  const variant = (foo: string, date = DATE, vary = "Foo") =>
    storedResponse({
      content: foo,
      fields: ["Date", date, "Cache-Control", "max-age=60", "Vary", vary],
      requestFields: ["Foo", foo],
    });
  const raw = (foo: string): RawFields => ({
    fieldEquals: (_id, _name, value) => value === foo,
  });

  test("raw values select on the hit path, any form of them elsewhere", () => {
    const store = new MemoryStore(OPTIONS);
    store.put(key, variant("1,2"), nothing);
    store.put(key, variant("3"), nothing);
    const entry = store.get(key);
    expect(entry?.plain).toBeNull();
    expect(text(entry?.selectRaw(raw("1,2"))?.content ?? null)).toBe("1,2");
    expect(entry?.selectRaw(raw("1, 2"))).toBeNull();
    expect(text(entry?.select(["Foo", "1, 2"])?.content ?? null)).toBe("1,2");
    expect(entry?.select(["Foo", "4"])).toBeUndefined();
  });

  test("variants of different fields are never chosen by raw values alone", () => {
    const store = new MemoryStore(OPTIONS);
    store.put(key, variant("1"), nothing);
    store.put(key, variant("1", DATE, "Foo, Bar"), nothing);
    expect(store.get(key)?.selectRaw(raw("1"))).toBeNull();
  });

  test("the most recent by Date is selected, whichever was stored last", () => {
    const store = new MemoryStore(OPTIONS);
    const newer = variant("1", "Thu, 01 Jan 2026 00:00:10 GMT");
    store.put(key, newer, nothing);
    store.put(key, variant("1"), nothing);
    expect(store.get(key)?.select(["Foo", "1"])).toBe(newer);
  });

  test("what is superseded goes, the others stay", () => {
    const store = new MemoryStore(OPTIONS);
    const first = variant("1");
    store.put(key, first, nothing);
    store.put(key, variant("2"), nothing);
    store.put(key, variant("1"), (one) => one === first);
    expect(store.get(key)?.variants).toHaveLength(2);
    expect(store.get(key)?.variants).not.toContain(first);
  });

  test("one more than the cap drops the oldest", () => {
    const store = new MemoryStore(OPTIONS);
    for (const second of [3, 1, 2, 4]) {
      store.put(key, variant(`${second}`, `Thu, 01 Jan 2026 00:00:0${second} GMT`), nothing);
    }
    const contents = store.get(key)?.variants.map((one) => text(one.content));
    expect(contents).toEqual(["4", "3", "2"]);
  });

  test("one variant can be removed", () => {
    const store = new MemoryStore(OPTIONS);
    const [one, two] = [variant("1"), variant("2")];
    store.put(key, one, nothing);
    store.put(key, two, nothing);
    store.removeVariant(key, one);
    expect(store.get(key)?.variants).toEqual([two]);
    store.removeVariant(key, one);
    store.removeVariant(key, two);
    expect(store.get(key)).toBeUndefined();
  });
});
