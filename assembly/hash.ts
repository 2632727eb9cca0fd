// XXH3 with a seed, 64 and 128 bits (xxHash 0.8, little-endian), for cache keys. A random seed per
// process keeps anybody from aiming collisions. Inputs of more than 240 bytes go through the
// striped loop in hash-long.ts.

import { hashLong128, hashLong64 } from "./hash-long";
import {
  avalanche,
  foldedProduct,
  mix16,
  PRIME32_2,
  PRIME64_1,
  PRIME64_2,
  PRIME64_4,
  PRIME_MX2,
  productHigh,
  SECRET,
  swapWord,
  xxh64Avalanche,
} from "./hash-mix";

const SHORT_BYTES_MAX: u32 = 240;
/** Offsets into the secret that the algorithm fixes for inputs of 129 to 240 bytes. */
const MIDDLE_START: usize = 3;
const MIDDLE_LAST: usize = 119;

export function xxh3Low(input: usize, length: u32, seed: u64): u64 {
  if (length > SHORT_BYTES_MAX) return hashLong64(input, length);
  if (length > 128) return middle64(input, length, seed);
  if (length > 16) return short64(input, length, seed);
  return tiny64(input, length, seed);
}

/** Writes the 128 bits, low half first, to `out`. */
export function xxh3Wide(input: usize, length: u32, seed: u64, out: usize): void {
  if (length > SHORT_BYTES_MAX) hashLong128(input, length, out);
  else if (length > 16) mixed128(input, length, seed, out);
  else tiny128(input, length, seed, out);
}

function swappedSeed(seed: u64): u64 {
  return seed ^ (<u64>bswap<u32>(<u32>seed) << 32);
}

function tiny64(input: usize, length: u32, seed: u64): u64 {
  if (length > 8) {
    const low = load<u64>(input) ^ ((load<u64>(SECRET, 24) ^ load<u64>(SECRET, 32)) + seed);
    const flip = (load<u64>(SECRET, 40) ^ load<u64>(SECRET, 48)) - seed;
    const high = load<u64>(input + <usize>length - 8) ^ flip;
    return avalanche(<u64>length + bswap<u64>(low) + high + foldedProduct(low, high));
  }
  if (length >= 4) {
    const word = (<u64>load<u32>(input) << 32) + <u64>load<u32>(input + <usize>length - 4);
    const flip = (load<u64>(SECRET, 8) ^ load<u64>(SECRET, 16)) - swappedSeed(seed);
    return mixLength(word ^ flip, length);
  }
  if (length == 0) return xxh64Avalanche(seed ^ load<u64>(SECRET, 56) ^ load<u64>(SECRET, 64));
  return xxh64Avalanche(
    <u64>combined(input, length) ^ (<u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)) + seed),
  );
}

function mixLength(word: u64, length: u32): u64 {
  let hash = word ^ rotl<u64>(word, 49) ^ rotl<u64>(word, 24);
  hash *= PRIME_MX2;
  hash ^= (hash >> 35) + <u64>length;
  hash *= PRIME_MX2;
  return hash ^ (hash >> 28);
}

/** One to three bytes and their count in one word. */
function combined(input: usize, length: u32): u32 {
  const first = <u32>load<u8>(input);
  const middle = <u32>load<u8>(input + <usize>(length >> 1));
  const last = <u32>load<u8>(input + <usize>length - 1);
  return (first << 16) | (middle << 24) | last | (length << 8);
}

function short64(input: usize, length: u32, seed: u64): u64 {
  const end = input + <usize>length;
  let sum = <u64>length * PRIME64_1;
  if (length > 32) {
    if (length > 64) {
      if (length > 96) {
        sum += mix16(input + 48, SECRET + 96, seed) + mix16(end - 64, SECRET + 112, seed);
      }
      sum += mix16(input + 32, SECRET + 64, seed) + mix16(end - 48, SECRET + 80, seed);
    }
    sum += mix16(input + 16, SECRET + 32, seed) + mix16(end - 32, SECRET + 48, seed);
  }
  return avalanche(sum + mix16(input, SECRET, seed) + mix16(end - 16, SECRET + 16, seed));
}

function middle64(input: usize, length: u32, seed: u64): u64 {
  let sum = <u64>length * PRIME64_1;
  for (let at: usize = 0; at < 128; at += 16) sum += mix16(input + at, SECRET + at, seed);
  sum = avalanche(sum);
  const blocksEnd = <usize>(length & ~15);
  for (let at: usize = 128; at < blocksEnd; at += 16) {
    sum += mix16(input + at, SECRET + at - 128 + MIDDLE_START, seed);
  }
  return avalanche(sum + mix16(input + <usize>length - 16, SECRET + MIDDLE_LAST, seed));
}

// @ts-ignore: decorator
@inline
function store128(out: usize, low: u64, high: u64): void {
  store<u64>(out, low);
  store<u64>(out, high, 8);
}

function tiny128(input: usize, length: u32, seed: u64, out: usize): void {
  if (length > 8) return nineToSixteen128(input, length, seed, out);
  if (length >= 4) return fourToEight128(input, length, seed, out);
  if (length == 0) {
    const low = seed ^ load<u64>(SECRET, 64) ^ load<u64>(SECRET, 72);
    const high = seed ^ load<u64>(SECRET, 80) ^ load<u64>(SECRET, 88);
    return store128(out, xxh64Avalanche(low), xxh64Avalanche(high));
  }
  const word = combined(input, length);
  const flipLow = <u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)) + seed;
  const flipHigh = <u64>(load<u32>(SECRET, 8) ^ load<u32>(SECRET, 12)) - seed;
  const turned = rotl<u32>(bswap<u32>(word), 13);
  store128(out, xxh64Avalanche(<u64>word ^ flipLow), xxh64Avalanche(<u64>turned ^ flipHigh));
}

function fourToEight128(input: usize, length: u32, seed: u64, out: usize): void {
  const word = <u64>load<u32>(input) + (<u64>load<u32>(input + <usize>length - 4) << 32);
  const keyed = word ^ ((load<u64>(SECRET, 16) ^ load<u64>(SECRET, 24)) + swappedSeed(seed));
  const factor = PRIME64_1 + (<u64>length << 2);
  let low = keyed * factor;
  const high = productHigh(keyed, factor) + (low << 1);
  low ^= high >> 3;
  low = (low ^ (low >> 35)) * PRIME_MX2;
  store128(out, low ^ (low >> 28), avalanche(high));
}

function nineToSixteen128(input: usize, length: u32, seed: u64, out: usize): void {
  const flipLow = (load<u64>(SECRET, 32) ^ load<u64>(SECRET, 40)) - seed;
  const flipHigh = (load<u64>(SECRET, 48) ^ load<u64>(SECRET, 56)) + seed;
  let last = load<u64>(input + <usize>length - 8);
  const keyed = load<u64>(input) ^ last ^ flipLow;
  last ^= flipHigh;
  let low = keyed * PRIME64_1 + (<u64>(length - 1) << 54);
  const high = productHigh(keyed, PRIME64_1) + last + (last & 0xffffffff) * (PRIME32_2 - 1);
  low ^= swapWord(high);
  const wideHigh = productHigh(low, PRIME64_2) + high * PRIME64_2;
  store128(out, avalanche(low * PRIME64_2), avalanche(wideHigh));
}

/**
 * 17 to 240 bytes. The two halves of the sum are `low` and `high`; `pair` mixes 32 bytes into them.
 */
function mixed128(input: usize, length: u32, seed: u64, out: usize): void {
  const end = input + <usize>length;
  sumLow = <u64>length * PRIME64_1;
  sumHigh = 0;
  if (length <= 128) {
    if (length > 96) pair(input + 48, end - 64, SECRET + 96, seed);
    if (length > 64) pair(input + 32, end - 48, SECRET + 64, seed);
    if (length > 32) pair(input + 16, end - 32, SECRET + 32, seed);
    pair(input, end - 16, SECRET, seed);
  } else {
    for (let at: usize = 0; at < 128; at += 32) {
      pair(input + at, input + at + 16, SECRET + at, seed);
    }
    sumLow = avalanche(sumLow);
    sumHigh = avalanche(sumHigh);
    for (let at: usize = 128; at + 32 <= <usize>length; at += 32) {
      pair(input + at, input + at + 16, SECRET + MIDDLE_START + at - 128, seed);
    }
    pair(end - 16, end - 32, SECRET + MIDDLE_LAST - 16, 0 - seed);
  }
  const high = sumLow * PRIME64_1 + sumHigh * PRIME64_4 + (<u64>length - seed) * PRIME64_2;
  store128(out, avalanche(sumLow + sumHigh), 0 - avalanche(high));
}

let sumLow: u64 = 0;
let sumHigh: u64 = 0;

// @ts-ignore: decorator
@inline
function pair(first: usize, second: usize, secret: usize, seed: u64): void {
  sumLow = (sumLow + mix16(first, secret, seed)) ^ (load<u64>(second) + load<u64>(second, 8));
  sumHigh = (sumHigh + mix16(second, secret + 16, seed)) ^ (load<u64>(first) + load<u64>(first, 8));
}
