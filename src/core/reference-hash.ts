// XXH3 with a seed for the reference, 64 and 128 bits (xxHash 0.8): the specification's formulas in
// big integers, one to one. It is an oracle and a fallback, and slow.

const MASK = 0xffff_ffff_ffff_ffffn;
const MASK32 = 0xffff_ffffn;
const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const PRIME_MX1 = 0x165667919e3779f9n;
const PRIME_MX2 = 0x9fb21c651e98df25n;

/** The default secret of XXH3. */
const SECRET_TEXT =
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
  "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
  "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
  "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
  "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
  "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e";
const SECRET = viewOf(
  Uint8Array.from({ length: SECRET_TEXT.length / 2 }, (_, index) =>
    Number.parseInt(SECRET_TEXT.slice(index * 2, index * 2 + 2), 16),
  ),
);
const SECRET_BYTES = SECRET.byteLength;
const STRIPE_BYTES = 64;
const STRIPES_PER_BLOCK = (SECRET_BYTES - STRIPE_BYTES) / 8;
const SHORT_BYTES_MAX = 240;

interface Wide {
  low: bigint;
  high: bigint;
}

export function xxh3Low(bytes: Uint8Array, seed: bigint): bigint {
  const input = viewOf(bytes);
  const length = bytes.length;
  if (length > SHORT_BYTES_MAX) {
    const secret = derivedSecret(seed);
    return merge(accumulate(input, secret), secret, 11, product(BigInt(length), PRIME64_1));
  }
  if (length > 128) return middle64(input, seed);
  if (length > 16) return short64(input, seed);
  if (length > 8) return nineToSixteen64(input, seed);
  if (length >= 4) return fourToEight64(input, seed);
  if (length > 0) {
    return xxh64Avalanche(combined(input) ^ add(word32(SECRET, 0) ^ word32(SECRET, 4), seed));
  }
  return xxh64Avalanche(seed ^ word(SECRET, 56) ^ word(SECRET, 64));
}

export function xxh3Wide(bytes: Uint8Array, seed: bigint): Wide {
  const input = viewOf(bytes);
  const length = bytes.length;
  if (length > SHORT_BYTES_MAX) {
    const secret = derivedSecret(seed);
    const sums = accumulate(input, secret);
    const high = MASK ^ product(BigInt(length), PRIME64_2);
    return {
      low: merge(sums, secret, 11, product(BigInt(length), PRIME64_1)),
      high: merge(sums, secret, SECRET_BYTES - STRIPE_BYTES - 11, high),
    };
  }
  if (length > 16) return mixed128(input, seed);
  if (length > 8) return nineToSixteen128(input, seed);
  if (length >= 4) return fourToEight128(input, seed);
  if (length > 0) return oneToThree128(input, seed);
  return {
    low: xxh64Avalanche(seed ^ word(SECRET, 64) ^ word(SECRET, 72)),
    high: xxh64Avalanche(seed ^ word(SECRET, 80) ^ word(SECRET, 88)),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const word = (view: DataView, at: number): bigint => view.getBigUint64(at, true);
const word32 = (view: DataView, at: number): bigint => BigInt(view.getUint32(at, true));
const add = (a: bigint, b: bigint): bigint => (a + b) & MASK;
const subtract = (a: bigint, b: bigint): bigint => (a - b) & MASK;
const product = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const folded = (a: bigint, b: bigint): bigint => ((a * b) & MASK) ^ ((a * b) >> 64n);
const rotated = (a: bigint, by: bigint): bigint => ((a << by) | (a >> (64n - by))) & MASK;

function swapped(value: bigint, byteCount: number): bigint {
  let result = 0n;
  for (let index = 0; index < byteCount; index++) {
    result = (result << 8n) | ((value >> BigInt(8 * index)) & 0xffn);
  }
  return result;
}

function avalanche(value: bigint): bigint {
  const hash = product(value ^ (value >> 37n), PRIME_MX1);
  return hash ^ (hash >> 32n);
}

function xxh64Avalanche(value: bigint): bigint {
  const first = product(value ^ (value >> 33n), PRIME64_2);
  const second = product(first ^ (first >> 29n), PRIME64_3);
  return second ^ (second >> 32n);
}

function mix16(input: DataView, at: number, secretAt: number, seed: bigint): bigint {
  return folded(
    word(input, at) ^ add(word(SECRET, secretAt), seed),
    word(input, at + 8) ^ subtract(word(SECRET, secretAt + 8), seed),
  );
}

/** One to three bytes and their count. */
function combined(input: DataView): bigint {
  const length = input.byteLength;
  const first = input.getUint8(0);
  const middle = input.getUint8(length >> 1);
  const last = input.getUint8(length - 1);
  return BigInt(((first << 16) | (middle << 24) | last | (length << 8)) >>> 0);
}

function swappedSeed(seed: bigint): bigint {
  return seed ^ (swapped(seed & MASK32, 4) << 32n);
}

function fourToEight64(input: DataView, seed: bigint): bigint {
  const length = BigInt(input.byteLength);
  const value = word32(input, input.byteLength - 4) + (word32(input, 0) << 32n);
  const keyed = value ^ subtract(word(SECRET, 8) ^ word(SECRET, 16), swappedSeed(seed));
  const first = product(keyed ^ rotated(keyed, 49n) ^ rotated(keyed, 24n), PRIME_MX2);
  const second = product(first ^ add(first >> 35n, length), PRIME_MX2);
  return second ^ (second >> 28n);
}

function nineToSixteen64(input: DataView, seed: bigint): bigint {
  const length = input.byteLength;
  const low = word(input, 0) ^ add(word(SECRET, 24) ^ word(SECRET, 32), seed);
  const high = word(input, length - 8) ^ subtract(word(SECRET, 40) ^ word(SECRET, 48), seed);
  const sum = BigInt(length) + swapped(low, 8) + high + folded(low, high);
  return avalanche(sum & MASK);
}

function short64(input: DataView, seed: bigint): bigint {
  const length = input.byteLength;
  let sum = product(BigInt(length), PRIME64_1);
  for (let pairs = (length - 1) >> 5; pairs >= 0; pairs--) {
    sum += mix16(input, pairs * 16, pairs * 32, seed);
    sum += mix16(input, length - 16 * (pairs + 1), pairs * 32 + 16, seed);
  }
  return avalanche(sum & MASK);
}

function middle64(input: DataView, seed: bigint): bigint {
  const length = input.byteLength;
  let sum = product(BigInt(length), PRIME64_1);
  for (let block = 0; block < 8; block++) sum += mix16(input, block * 16, block * 16, seed);
  sum = avalanche(sum & MASK);
  for (let block = 8; block < length >> 4; block++) {
    sum += mix16(input, block * 16, (block - 8) * 16 + 3, seed);
  }
  return avalanche((sum + mix16(input, length - 16, 119, seed)) & MASK);
}

function oneToThree128(input: DataView, seed: bigint): Wide {
  const low = combined(input);
  const turned = swapped(low, 4);
  const high = ((turned << 13n) | (turned >> 19n)) & MASK32;
  return {
    low: xxh64Avalanche(low ^ add(word32(SECRET, 0) ^ word32(SECRET, 4), seed)),
    high: xxh64Avalanche(high ^ subtract(word32(SECRET, 8) ^ word32(SECRET, 12), seed)),
  };
}

function fourToEight128(input: DataView, seed: bigint): Wide {
  const length = input.byteLength;
  const value = word32(input, 0) + (word32(input, length - 4) << 32n);
  const keyed = value ^ add(word(SECRET, 16) ^ word(SECRET, 24), swappedSeed(seed));
  const wide = keyed * add(PRIME64_1, BigInt(length << 2));
  const high = add(wide >> 64n, (wide << 1n) & MASK);
  const first = (wide & MASK) ^ (high >> 3n);
  const second = product(first ^ (first >> 35n), PRIME_MX2);
  return { low: second ^ (second >> 28n), high: avalanche(high) };
}

function nineToSixteen128(input: DataView, seed: bigint): Wide {
  const length = input.byteLength;
  const flipLow = subtract(word(SECRET, 32) ^ word(SECRET, 40), seed);
  const flipHigh = add(word(SECRET, 48) ^ word(SECRET, 56), seed);
  const last = word(input, length - 8);
  const wide = (word(input, 0) ^ last ^ flipLow) * PRIME64_1;
  const tail = last ^ flipHigh;
  const high = ((wide >> 64n) + tail + (tail & MASK32) * (PRIME32_2 - 1n)) & MASK;
  const low = add(wide & MASK, BigInt(length - 1) << 54n) ^ swapped(high, 8);
  const mixed = low * PRIME64_2;
  const mixedHigh = add(mixed >> 64n, product(high, PRIME64_2));
  return { low: avalanche(mixed & MASK), high: avalanche(mixedHigh) };
}

function mixed128(input: DataView, seed: bigint): Wide {
  const length = input.byteLength;
  const sum: Wide = { low: product(BigInt(length), PRIME64_1), high: 0n };
  if (length <= 128) {
    for (let pairs = (length - 1) >> 5; pairs >= 0; pairs--) {
      pair(sum, input, pairs * 16, length - 16 * (pairs + 1), pairs * 32, seed);
    }
  } else {
    for (let at = 0; at < 128; at += 32) pair(sum, input, at, at + 16, at, seed);
    sum.low = avalanche(sum.low);
    sum.high = avalanche(sum.high);
    for (let at = 128; at + 32 <= length; at += 32) {
      pair(sum, input, at, at + 16, at - 128 + 3, seed);
    }
    pair(sum, input, length - 16, length - 32, 103, subtract(0n, seed));
  }
  const high =
    sum.low * PRIME64_1 + sum.high * PRIME64_4 + product(subtract(BigInt(length), seed), PRIME64_2);
  return {
    low: avalanche(add(sum.low, sum.high)),
    high: subtract(0n, avalanche(high & MASK)),
  };
}

/** Mixes 16 bytes at `first` and 16 at `second` into the two halves of the sum. */
function pair(
  sum: Wide,
  input: DataView,
  first: number,
  second: number,
  secretAt: number,
  seed: bigint,
): void {
  const low = add(sum.low, mix16(input, first, secretAt, seed));
  sum.low = low ^ add(word(input, second), word(input, second + 8));
  const high = add(sum.high, mix16(input, second, secretAt + 16, seed));
  sum.high = high ^ add(word(input, first), word(input, first + 8));
}

function derivedSecret(seed: bigint): DataView {
  const secret = new DataView(new ArrayBuffer(SECRET_BYTES));
  for (let at = 0; at < SECRET_BYTES; at += 16) {
    secret.setBigUint64(at, add(word(SECRET, at), seed), true);
    secret.setBigUint64(at + 8, subtract(word(SECRET, at + 8), seed), true);
  }
  return secret;
}

/** The eight sums over all stripes of more than 240 bytes. */
function accumulate(input: DataView, secret: DataView): BigUint64Array {
  const sums = BigUint64Array.of(
    ...[PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1],
  );
  const stripes = Math.floor((input.byteLength - 1) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const inBlock = stripe % STRIPES_PER_BLOCK;
    addStripe(sums, input, stripe * STRIPE_BYTES, secret, inBlock * 8);
    if (inBlock === STRIPES_PER_BLOCK - 1) scramble(sums, secret);
  }
  const last = SECRET_BYTES - STRIPE_BYTES - 7;
  addStripe(sums, input, input.byteLength - STRIPE_BYTES, secret, last);
  return sums;
}

function addStripe(
  sums: BigUint64Array,
  input: DataView,
  at: number,
  secret: DataView,
  secretAt: number,
): void {
  for (let lane = 0; lane < sums.length; lane++) {
    const data = word(input, at + lane * 8);
    const keyed = data ^ word(secret, secretAt + lane * 8);
    sums[lane ^ 1] = (sums[lane ^ 1] ?? 0n) + data;
    sums[lane] = (sums[lane] ?? 0n) + (keyed & MASK32) * (keyed >> 32n);
  }
}

function scramble(sums: BigUint64Array, secret: DataView): void {
  for (let lane = 0; lane < sums.length; lane++) {
    const sum = sums[lane] ?? 0n;
    const key = word(secret, SECRET_BYTES - STRIPE_BYTES + lane * 8);
    sums[lane] = (sum ^ (sum >> 47n) ^ key) * PRIME32_1;
  }
}

function merge(sums: BigUint64Array, secret: DataView, secretAt: number, start: bigint): bigint {
  let result = start;
  for (let lane = 0; lane < sums.length; lane += 2) {
    const low = (sums[lane] ?? 0n) ^ word(secret, secretAt + lane * 8);
    result += folded(low, (sums[lane + 1] ?? 0n) ^ word(secret, secretAt + lane * 8 + 8));
  }
  return avalanche(result & MASK);
}
