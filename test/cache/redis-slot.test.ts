// Slots of keys, by the examples and rules of the Redis Cluster specification, and CLUSTER KEYSLOT.

import { expect, test } from "vitest";
import { slotOf } from "../../src/cache/redis-slot.ts";

test.each([
  ["CRC16 of its reference, 0x31c3", "123456789", 0x31c3],
  ["a word", "foo", 12_182],
  ["another", "somekey", 11_058],
  ["the first braces alone count", "foo{hash_tag}", 2515],
  ["whatever is around them", "bar{hash_tag}", 2515],
  ["an inner brace belongs to them", "foo{{bar}}zap", 4015],
  ["later ones do not", "foo{bar}{zap}", 5061],
  ["empty ones are no braces", "foo{}{bar}", 8363],
  ["bytes of UTF-8 count", "ключ", 10_303],
])("%s: %s", (_name, key, slot) => {
  expect(slotOf(key)).toBe(slot);
});
