// Hot on hits. Owns how often each key was asked for lately, stored or not: a count-min sketch of
// bytes that are halved now and then (Einziger, Friedman, Manes: TinyLFU, 2017). Knows no keys: two
// words of a hash name one. A count is never too low, but for the halving, and seldom too high.

/** Stops here: what is asked for more often than that between two halvings is a favourite. */
const COUNT_MAX = 255;
/** Halved after this many requests for each entry: the past fades with the store's turnover. */
const REQUESTS_PER_ENTRY = 16;
/** A store with few entries keeps some past all the same … */
const REQUESTS_MIN = 1024;
/** … and no more requests are counted than the counters can tell apart. */
const REQUESTS_PER_COUNTER = 4;

export class FrequencySketch {
  readonly #counts: Uint8Array;
  readonly #words: Uint32Array;
  readonly #mask: number;
  #requests = 0;

  /** `counterCount` is rounded up to a power of two. */
  constructor(counterCount: number) {
    const size = 1 << (32 - Math.clz32(Math.max(4, counterCount) - 1));
    this.#counts = new Uint8Array(size);
    this.#words = new Uint32Array(this.#counts.buffer);
    this.#mask = size - 1;
  }

  get bytes(): number {
    return this.#counts.length;
  }

  /** Hot. One more request for the key. Only the lowest of its counts rise. */
  add(h0: number, h1: number): void {
    const counts = this.#counts;
    const mask = this.#mask;
    const a = h0 & mask;
    const b = h1 & mask;
    const c = ((h0 >>> 16) ^ (h1 << 5)) & mask;
    const count = this.estimate(h0, h1);
    this.#requests++;
    if (count >= COUNT_MAX) return;
    if (counts[a] === count) counts[a] = count + 1;
    if (counts[b] === count) counts[b] = count + 1;
    if (counts[c] === count) counts[c] = count + 1;
  }

  /** Requests for the key, as far as they are remembered. */
  estimate(h0: number, h1: number): number {
    const counts = this.#counts;
    const mask = this.#mask;
    const a = counts[h0 & mask] as number;
    const b = counts[h1 & mask] as number;
    const c = counts[((h0 >>> 16) ^ (h1 << 5)) & mask] as number;
    return a < b ? (a < c ? a : c) : b < c ? b : c;
  }

  /** Halves all counts when it is time to; called where something is stored, not on hits. */
  age(entryCount: number): void {
    const wanted = Math.max(REQUESTS_MIN, entryCount * REQUESTS_PER_ENTRY);
    if (this.#requests < Math.min(wanted, this.#counts.length * REQUESTS_PER_COUNTER)) return;
    this.#requests = 0;
    const words = this.#words;
    for (let index = 0; index < words.length; index++) {
      words[index] = ((words[index] as number) >>> 1) & 0x7f7f7f7f;
    }
  }
}
