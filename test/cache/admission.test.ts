// What the L1 store lets in and what goes to make room: by requests and size, the expired first.

import { expect, test } from "vitest";
import { MemoryStore } from "../../src/cache/memory-store.ts";
import type { StoredResponse } from "../../src/cache/stored-response.ts";
import { FakeKeyMemory } from "../support/key-memory.ts";
import { NOW_MS, storedResponse, text } from "../support/stored.ts";

const OPTIONS = { objectBytesMax: 100_000, variantsMax: 3 };
const nothing = () => false;
const everything = () => true;
const memory = new FakeKeyMemory();

function has(store: MemoryStore, path: string): boolean {
  return store.peek(memory.key(`http://a.test/${path}`)) !== undefined;
}

/** Asks `times` times, as requests do, then stores. */
function ask(store: MemoryStore, path: string, times: number, stored: StoredResponse): boolean {
  const key = memory.key(`http://a.test/${path}`);
  for (let time = 0; time < times; time++) store.get(key);
  return store.put(key, stored, everything);
}
const sized = (bytes: number) => storedResponse({ content: "x".repeat(bytes) });

test("one-hit wonders do not evict a favourite, and never take more than the limit", () => {
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 104_000 });
  const favourites = [0, 1, 2].map((index) => `favourite-${index}`);
  for (const path of favourites) ask(store, path, 5, sized(10_000));
  for (let index = 0; index < 1000; index++) {
    ask(store, `wonder-${1000 + index}`, 1, sized(5000));
    expect(store.bytes).toBeLessThanOrEqual(104_000);
  }
  for (const path of favourites) expect(has(store, path)).toBe(true);
  expect(store.counts.evictions).toBeGreaterThan(500);
  expect(store.count).toBeGreaterThan(8);
});

test("a large response that few ask for does not drive out small ones that many do", () => {
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 134_000 });
  for (let index = 0; index < 20; index++) ask(store, `${index}`, 3, sized(2000));
  const count = store.count;
  expect(ask(store, "large", 2, sized(90_000))).toBe(false);
  expect([store.count, store.counts.rejections, store.counts.evictions]).toEqual([count, 1, 0]);
  // Asked for often enough it does.
  expect(ask(store, "large", 60, sized(90_000))).toBe(true);
  expect(store.bytes).toBeLessThanOrEqual(134_000);
});

test("what is spent goes before what is not, however popular it was", () => {
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 64_000 });
  for (let index = 0; index < 4; index++) ask(store, `old-${index}`, 50, sized(10_000));
  const later = { responseMs: NOW_MS + 61_000, fields: ["Cache-Control", "max-age=60"] };
  for (let index = 0; index < 4; index++) {
    const stored = storedResponse({ ...later, content: "x".repeat(10_000) });
    expect(ask(store, `new-${index}`, 1, stored)).toBe(true);
  }
  expect(store.counts.evictions).toBe(0);
  expect([store.counts.expirations, store.counts.expiredUnused]).toEqual([4, 4]);
});

test("a favourite of yesterday gives way when nobody asks for it any more", () => {
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 64_000 });
  ask(store, "yesterday", 200, sized(20_000));
  for (let index = 0; index < 60_000; index++) ask(store, `${index % 500}`, 1, sized(9000));
  expect(has(store, "yesterday")).toBe(false);
});

test("a new variant that is refused leaves the others", () => {
  const store = new MemoryStore({ ...OPTIONS, bytesMax: 64_000 });
  for (let index = 0; index < 4; index++) ask(store, `${index}`, 20, sized(9000));
  const key = memory.key("http://a.test/v");
  store.put(key, storedResponse({ content: "small" }), nothing);
  expect(store.put(key, sized(50_000), nothing)).toBe(false);
  expect(text(store.get(key)?.variants[0]?.content ?? null)).toBe("small");
});
