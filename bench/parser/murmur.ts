// MurmurHash3 with 128 bits in 32-bit arithmetic: the fastest pure JavaScript hash of that width.
// Weaker than XXH3: inputs are known that collide under every seed, so a seed protects no table.

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

function finalMix(word: number): number {
  const first = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return second ^ (second >>> 16);
}

/** Writes the four words of the hash to `out`. */
export function murmur128(bytes: Uint8Array, seed: number, out: Uint32Array): void {
  const { length } = bytes;
  let [a, b, c, d] = [seed, seed, seed, seed];
  const word = (at: number): number =>
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  let at = 0;
  for (; at + 16 <= length; at += 16) {
    a ^= Math.imul(rotated(Math.imul(word(at), C1), 15), C2);
    a = (Math.imul((rotated(a, 19) + b) | 0, 5) + 0x561ccd1b) | 0;
    b ^= Math.imul(rotated(Math.imul(word(at + 4), C2), 16), C3);
    b = (Math.imul((rotated(b, 17) + c) | 0, 5) + 0x0bcaa747) | 0;
    c ^= Math.imul(rotated(Math.imul(word(at + 8), C3), 17), C4);
    c = (Math.imul((rotated(c, 15) + d) | 0, 5) + 0x96cd1c35) | 0;
    d ^= Math.imul(rotated(Math.imul(word(at + 12), C4), 18), C1);
    d = (Math.imul((rotated(d, 13) + a) | 0, 5) + 0x32ac3b17) | 0;
  }
  const tail = [0, 0, 0, 0];
  for (let index = at; index < length; index++) {
    const lane = (index - at) >> 2;
    tail[lane] = (tail[lane] as number) | ((bytes[index] as number) << (8 * ((index - at) & 3)));
  }
  const [t0 = 0, t1 = 0, t2 = 0, t3 = 0] = tail;
  d ^= Math.imul(rotated(Math.imul(t3, C4), 18), C1);
  c ^= Math.imul(rotated(Math.imul(t2, C3), 17), C4);
  b ^= Math.imul(rotated(Math.imul(t1, C2), 16), C3);
  a ^= Math.imul(rotated(Math.imul(t0, C1), 15), C2);
  a ^= length;
  b ^= length;
  c ^= length;
  d ^= length;
  a = (a + b + c + d) | 0;
  b = (b + a) | 0;
  c = (c + a) | 0;
  d = (d + a) | 0;
  a = finalMix(a);
  b = finalMix(b);
  c = finalMix(c);
  d = finalMix(d);
  a = (a + b + c + d) | 0;
  out[0] = a;
  out[1] = b + a;
  out[2] = c + a;
  out[3] = d + a;
}
