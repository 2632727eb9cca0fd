// Tests who answers for a key among workers: one owner at a time, a claim that meets another key
// goes uncoordinated, and what a dead worker held is free again.

import { expect, test } from "vitest";
import { PEER_TABLE_BYTES, PeerTable, releaseAll } from "../../src/cache/peer-table.ts";
import { FakeKeyMemory } from "../support/key-memory.ts";

const keys = new FakeKeyMemory();
const OFFSET = 64;

function tables(count: number): { memory: SharedArrayBuffer; of: PeerTable[] } {
  const memory = new SharedArrayBuffer(OFFSET + PEER_TABLE_BYTES);
  const of = Array.from({ length: count }, (_, index) => {
    return new PeerTable(memory, { index, offset: OFFSET });
  });
  return { memory, of };
}

test("the first claim wins, until it is released by its owner", () => {
  const [a, b] = tables(2).of;
  const key = keys.key("http://h/one");
  expect(a?.claim(key)).toBe("mine");
  expect(b?.claim(key)).toBe(0);
  b?.release(key);
  expect(b?.claim(key)).toBe(0);
  a?.release(key);
  expect(b?.claim(key)).toBe("mine");
  expect(a?.claim(key)).toBe(1);
});

test("a second fill of the owner is nobody's to share", () => {
  const [a] = tables(1).of;
  const key = keys.key("http://h/two");
  expect(a?.claim(key)).toBe("mine");
  expect(a?.claim(key)).toBe("nobody");
});

test("a key that falls on another one's slot goes uncoordinated, and does not free it", () => {
  const [a, b] = tables(2).of;
  keys.forcedHash = [7, 1, 0, 0];
  const one = keys.key("http://h/one");
  keys.forcedHash = [7, 2, 0, 0];
  const other = keys.key("http://h/other");
  keys.forcedHash = null;
  expect(a?.claim(one)).toBe("mine");
  expect(b?.claim(other)).toBe("nobody");
  b?.release(other);
  a?.release(other);
  expect(b?.claim(one)).toBe(0);
});

test("what a dead worker held is free, what others hold is not", () => {
  const { memory, of } = tables(2);
  const [a, b] = of;
  const lost = [1, 2, 3].map((n) => keys.key(`http://h/lost${n}`));
  const kept = keys.key("http://h/kept");
  for (const key of lost) a?.claim(key);
  b?.claim(kept);
  expect(releaseAll(memory, { index: 0, offset: OFFSET })).toBe(3);
  for (const key of lost) expect(b?.claim(key)).toBe("mine");
  expect(a?.claim(kept)).toBe(1);
});
