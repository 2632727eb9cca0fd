// XXH3 for more than 240 bytes: eight 64-bit lanes in four vectors, 64 bytes a stripe, 16 stripes a
// block, under a secret that was derived from the seed once.

import {
  avalanche,
  foldedProduct,
  PRIME32_1,
  PRIME32_2,
  PRIME32_3,
  PRIME64_1,
  PRIME64_2,
  PRIME64_3,
  PRIME64_4,
  PRIME64_5,
  SECRET,
  SECRET_BYTES,
} from "./hash-mix";
import { SECRET_ADDRESS } from "../build/wasm/assembly/limits";

const STRIPE: usize = 64;
const STRIPES_PER_BLOCK: usize = (SECRET_BYTES - STRIPE) / 8;
const BLOCK: usize = STRIPE * STRIPES_PER_BLOCK;
/** Where in the secret the last stripe and the two merges begin. */
const LAST_STRIPE_SECRET: usize = SECRET_BYTES - STRIPE - 7;
const MERGE_SECRET: usize = 11;

const lanes: usize = memory.data(64, 16);

/** Derives the secret for long inputs. */
export function deriveSecret(seed: u64): void {
  for (let at: usize = 0; at < SECRET_BYTES; at += 16) {
    store<u64>(SECRET_ADDRESS + at, load<u64>(SECRET + at) + seed);
    store<u64>(SECRET_ADDRESS + at, load<u64>(SECRET + at, 8) - seed, 8);
  }
}

export function hashLong64(input: usize, length: u32): u64 {
  accumulateAll(input, <usize>length);
  return merge(SECRET_ADDRESS + MERGE_SECRET, <u64>length * PRIME64_1);
}

export function hashLong128(input: usize, length: u32, out: usize): void {
  accumulateAll(input, <usize>length);
  store<u64>(out, merge(SECRET_ADDRESS + MERGE_SECRET, <u64>length * PRIME64_1));
  const secret = SECRET_ADDRESS + SECRET_BYTES - STRIPE - MERGE_SECRET;
  store<u64>(out, merge(secret, ~(<u64>length * PRIME64_2)), 8);
}

function accumulateAll(input: usize, length: usize): void {
  v128.store(lanes, i64x2(PRIME32_3, PRIME64_1));
  v128.store(lanes, i64x2(PRIME64_2, PRIME64_3), 16);
  v128.store(lanes, i64x2(PRIME64_4, PRIME32_2), 32);
  v128.store(lanes, i64x2(PRIME64_5, PRIME32_1), 48);
  let p = input;
  for (let blocks = (length - 1) / BLOCK; blocks > 0; blocks--) {
    p = accumulate(p, STRIPES_PER_BLOCK);
    scramble();
  }
  accumulate(p, (length - 1 - (p - input)) / STRIPE);
  accumulateStripe(input + length - STRIPE, SECRET_ADDRESS + LAST_STRIPE_SECRET);
}

function accumulate(input: usize, stripes: usize): usize {
  let p = input;
  let secret: usize = SECRET_ADDRESS;
  for (let count = stripes; count > 0; count--) {
    accumulateStripe(p, secret);
    p += STRIPE;
    secret += 8;
  }
  return p;
}

// @ts-ignore: decorator
@inline
function accumulateStripe(p: usize, secret: usize): void {
  accumulateLane(lanes, p, secret);
  accumulateLane(lanes + 16, p + 16, secret + 16);
  accumulateLane(lanes + 32, p + 32, secret + 32);
  accumulateLane(lanes + 48, p + 48, secret + 48);
}

// @ts-ignore: decorator
@inline
function accumulateLane(lane: usize, p: usize, secret: usize): void {
  const data = v128.load(p);
  const keyed = v128.xor(data, v128.load(secret));
  const product = product32(keyed);
  const swapped = v128.shuffle<u64>(data, data, 1, 0);
  v128.store(lane, i64x2.add(i64x2.add(v128.load(lane), swapped), product));
}

/** Low times high 32 bits of each 64-bit lane. */
// @ts-ignore: decorator
@inline
function product32(keyed: v128): v128 {
  const low = v128.shuffle<u32>(keyed, keyed, 0, 2, 0, 2);
  const high = v128.shuffle<u32>(keyed, keyed, 1, 3, 1, 3);
  return i64x2.extmul_low_i32x4_u(low, high);
}

function scramble(): void {
  const secret: usize = SECRET_ADDRESS + SECRET_BYTES - STRIPE;
  for (let at: usize = 0; at < STRIPE; at += 16) {
    const lane = v128.load(lanes + at);
    const mixed = v128.xor(v128.xor(lane, i64x2.shr_u(lane, 47)), v128.load(secret + at));
    v128.store(lanes + at, i64x2.mul(mixed, i64x2.splat(PRIME32_1)));
  }
}

function merge(secret: usize, start: u64): u64 {
  let sum = start;
  for (let at: usize = 0; at < STRIPE; at += 16) {
    const low = load<u64>(lanes + at) ^ load<u64>(secret + at);
    sum += foldedProduct(low, load<u64>(lanes + at, 8) ^ load<u64>(secret + at, 8));
  }
  return avalanche(sum);
}
