// SipHash-1-3 with 64 bits in 32-bit halves: of the hashes as strong as XXH3 (64 bits or more, and
// no collisions known that hold whatever the seed) the fastest found in pure JavaScript.
// XXH64 in 32-bit halves takes 1.6 to 2.6 times as long, anything with BigInt many times.

/** Hashes the first `length` bytes under four words of key; writes low and high half to `out`. */
// One function over local variables: calls or a state in an array would make the baseline slow.
// oxlint-disable-next-line eslint/max-lines-per-function
export function sipHash13(
  words: DataView,
  length: number,
  key: Int32Array,
  out: Uint32Array,
): void {
  let aLow = 0x70736575 ^ (key[0] as number);
  let aHigh = 0x736f6d65 ^ (key[1] as number);
  let bLow = 0x6e646f6d ^ (key[2] as number);
  let bHigh = 0x646f7261 ^ (key[3] as number);
  let cLow = 0x6e657261 ^ (key[0] as number);
  let cHigh = 0x6c796765 ^ (key[1] as number);
  let dLow = 0x79746573 ^ (key[2] as number);
  let dHigh = 0x74656462 ^ (key[3] as number);
  const blocks = length >>> 3;
  for (let block = 0; block <= blocks + 3; block++) {
    let wordLow = 0;
    let wordHigh = 0;
    if (block < blocks) {
      wordLow = words.getInt32(block * 8, true);
      wordHigh = words.getInt32(block * 8 + 4, true);
    } else if (block === blocks) {
      wordLow = tailWord(words, blocks * 8, length);
      wordHigh = tailWord(words, blocks * 8 + 4, length) | (length << 24);
    } else if (block === blocks + 1) {
      cLow ^= 0xff;
    }
    dLow ^= wordLow;
    dHigh ^= wordHigh;
    // a += b; b = rotl(b, 13) ^ a; a = rotl(a, 32)
    let sum = (aLow >>> 0) + (bLow >>> 0);
    let newLow = sum | 0;
    let newHigh = (aHigh + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
    let turned = ((bLow << 13) | (bHigh >>> 19)) ^ newLow;
    bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ newHigh;
    bLow = turned;
    aLow = newHigh;
    aHigh = newLow;
    // c += d; d = rotl(d, 16) ^ c
    sum = (cLow >>> 0) + (dLow >>> 0);
    cLow = sum | 0;
    cHigh = (cHigh + dHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
    turned = ((dLow << 16) | (dHigh >>> 16)) ^ cLow;
    dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
    dLow = turned;
    // a += d; d = rotl(d, 21) ^ a
    sum = (aLow >>> 0) + (dLow >>> 0);
    aLow = sum | 0;
    aHigh = (aHigh + dHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
    turned = ((dLow << 21) | (dHigh >>> 11)) ^ aLow;
    dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh;
    dLow = turned;
    // c += b; b = rotl(b, 17) ^ c; c = rotl(c, 32)
    sum = (cLow >>> 0) + (bLow >>> 0);
    newLow = sum | 0;
    newHigh = (cHigh + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
    turned = ((bLow << 17) | (bHigh >>> 15)) ^ newLow;
    bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ newHigh;
    bLow = turned;
    cLow = newHigh;
    cHigh = newLow;
    aLow ^= wordLow;
    aHigh ^= wordHigh;
  }
  out[0] = aLow ^ bLow ^ cLow ^ dLow;
  out[1] = aHigh ^ bHigh ^ cHigh ^ dHigh;
}

/** Up to four bytes from `start` on, zeros behind the end. */
function tailWord(words: DataView, start: number, end: number): number {
  let word = 0;
  for (let at = Math.min(end, start + 4) - 1; at >= start; at--) {
    word = (word << 8) | words.getUint8(at);
  }
  return word;
}
