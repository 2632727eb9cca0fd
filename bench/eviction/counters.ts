// Owns the simulated policies that count requests: W-TinyLFU (Einziger, Friedman, Manes 2017) with
// the store's own sketch, GDSF (Cherkasova 1998) in exact order, and the store's rule with other
// exponents and samples. What is fetched again, because it was stale, keeps its place.

import { FrequencySketch } from "../../src/cache/frequency-sketch.ts";
import { type EvictionPolicy, Queue, type Stored } from "./policy.ts";

/** Requests for objects, with words of a hash as keys have them. */
class Counts {
  readonly #sketch = new FrequencySketch(1 << 16);

  add(object: number): void {
    this.#sketch.add(hash(object, 0x9e3779b1), hash(object, 0x85ebca6b));
  }

  of(object: number): number {
    return this.#sketch.estimate(hash(object, 0x9e3779b1), hash(object, 0x85ebca6b));
  }

  age(entryCount: number): void {
    this.#sketch.age(entryCount);
  }
}

/** The finaliser of MurmurHash3 over a product. */
function hash(object: number, factor: number): number {
  let word = Math.imul(object + 1, factor);
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

/** An LRU window of 1 %, then a segmented LRU that lets in what is asked for more. */
export class WTinyLfu implements EvictionPolicy {
  readonly #counts = new Counts();
  readonly #window = new Queue<Stored>();
  readonly #probation = new Queue<Stored>();
  readonly #protected = new Queue<Stored>();
  readonly #windowBytesMax: number;
  readonly #mainBytesMax: number;

  constructor(bytesMax: number) {
    this.#windowBytesMax = bytesMax / 100;
    this.#mainBytesMax = bytesMax - this.#windowBytesMax;
  }

  request(object: number): number {
    this.#counts.add(object);
    const waiting = this.#probation.get(object);
    if (waiting !== undefined) {
      this.#probation.remove(waiting);
      this.#protected.add(waiting);
      this.#demote();
      return waiting.freshUntil;
    }
    for (const queue of [this.#window, this.#protected]) {
      const stored = queue.get(object);
      if (stored === undefined) continue;
      queue.moveToEnd(stored);
      return stored.freshUntil;
    }
    return 0;
  }

  offer(object: number, bytes: number, freshUntil: number): void {
    this.#counts.age(this.#window.count + this.#probation.count + this.#protected.count);
    const known =
      this.#window.get(object) ?? this.#probation.get(object) ?? this.#protected.get(object);
    if (known !== undefined) {
      known.freshUntil = freshUntil;
      return;
    }
    if (bytes > this.#mainBytesMax) return;
    this.#window.add({ object, bytes, freshUntil });
    while (this.#window.bytes > this.#windowBytesMax) {
      const candidate = this.#window.shift();
      if (candidate !== undefined) this.#admit(candidate);
    }
  }

  #demote(): void {
    while (this.#protected.bytes > this.#mainBytesMax * 0.8) {
      const stored = this.#protected.shift();
      if (stored !== undefined) this.#probation.add(stored);
    }
  }

  #admit(candidate: Stored): void {
    const bytesMax = this.#mainBytesMax - candidate.bytes;
    while (this.#probation.bytes + this.#protected.bytes > bytesMax) {
      const queue = this.#probation.count > 0 ? this.#probation : this.#protected;
      const victim = queue.first();
      if (victim === undefined) return;
      if (this.#counts.of(candidate.object) <= this.#counts.of(victim.object)) return;
      queue.remove(victim);
    }
    this.#probation.add(candidate);
  }
}

interface Ranked extends Stored {
  uses: number;
  rank: number;
}

/** Goes by L + uses / bytes, where L is the rank of what went last. */
export class Gdsf implements EvictionPolicy {
  readonly #stored = new Map<number, Ranked>();
  /** A binary heap by rank, with old ranks of what was used since: they sink when they are met. */
  readonly #heap: { readonly rank: number; readonly item: Ranked }[] = [];
  readonly #bytesMax: number;
  #bytes = 0;
  #lastRank = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  request(object: number): number {
    const item = this.#stored.get(object);
    if (item === undefined) return 0;
    item.uses++;
    item.rank = this.#lastRank + item.uses / item.bytes;
    return item.freshUntil;
  }

  offer(object: number, bytes: number, freshUntil: number): void {
    const known = this.#stored.get(object);
    if (known !== undefined) {
      known.freshUntil = freshUntil;
      return;
    }
    if (bytes > this.#bytesMax) return;
    while (this.#bytes + bytes > this.#bytesMax) this.#evict();
    const item = { object, bytes, freshUntil, uses: 1, rank: this.#lastRank + 1 / bytes };
    this.#stored.set(object, item);
    this.#bytes += bytes;
    this.#push(item);
  }

  #evict(): void {
    for (let top = this.#pop(); top !== undefined; top = this.#pop()) {
      const { item, rank } = top;
      if (item.rank > rank) {
        this.#push(item);
        continue;
      }
      this.#lastRank = rank;
      this.#stored.delete(item.object);
      this.#bytes -= item.bytes;
      return;
    }
  }

  #push(item: Ranked): void {
    const heap = this.#heap;
    const added = { rank: item.rank, item };
    let at = heap.push(added) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || above.rank <= added.rank) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = added;
  }

  #pop(): { readonly rank: number; readonly item: Ranked } | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const isRight = right !== undefined && left !== undefined && right.rank < left.rank;
      const least = isRight ? right : left;
      if (least === undefined || least.rank >= last.rank) break;
      heap[at] = least;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return top;
  }
}

export interface DrawnOptions {
  /** Of the bytes in requests / bytes^exponent: 0 counts requests alone. */
  readonly exponent: number;
  /** Entries that are drawn for one that goes. */
  readonly sampleSize: number;
}

/** The rule of the store without its bookkeeping, so that its parameters can be varied. */
export class Drawn implements EvictionPolicy {
  readonly #options: DrawnOptions;
  readonly #counts = new Counts();
  readonly #stored = new Map<number, Stored & { position: number }>();
  readonly #list: (Stored & { position: number })[] = [];
  readonly #bytesMax: number;
  #bytes = 0;
  #draw = 0x9e3779b9;

  constructor(bytesMax: number, options: DrawnOptions) {
    this.#bytesMax = bytesMax;
    this.#options = options;
  }

  request(object: number): number {
    this.#counts.add(object);
    return this.#stored.get(object)?.freshUntil ?? 0;
  }

  offer(object: number, bytes: number, freshUntil: number, seconds: number): void {
    this.#counts.age(this.#list.length);
    const known = this.#stored.get(object);
    if (known !== undefined) {
      known.freshUntil = freshUntil;
      return;
    }
    if (bytes > this.#bytesMax) return;
    const item = { object, bytes, freshUntil, position: 0 };
    while (this.#bytes + bytes > this.#bytesMax) {
      const victim = this.#least(seconds);
      const isSpent = victim.freshUntil <= seconds;
      if (!isSpent && this.#worth(victim) > this.#worth(item)) return;
      this.#remove(victim);
    }
    item.position = this.#list.push(item) - 1;
    this.#stored.set(object, item);
    this.#bytes += bytes;
  }

  #least(seconds: number): Stored & { position: number } {
    let least: (Stored & { position: number }) | undefined;
    for (let index = 0; index < this.#options.sampleSize; index++) {
      this.#draw ^= this.#draw << 13;
      this.#draw ^= this.#draw >>> 17;
      this.#draw ^= this.#draw << 5;
      const item = this.#list[(this.#draw >>> 0) % this.#list.length];
      if (item === undefined) continue;
      if (item.freshUntil <= seconds) return item;
      if (least === undefined || this.#worth(item) < this.#worth(least)) least = item;
    }
    if (least === undefined) throw new Error("nothing is stored, and yet there is no room");
    return least;
  }

  #worth({ object, bytes }: Stored): number {
    return Math.max(0.5, this.#counts.of(object)) / bytes ** this.#options.exponent;
  }

  #remove(item: Stored & { position: number }): void {
    const last = this.#list.pop();
    if (last !== undefined && last !== item) {
      this.#list[item.position] = last;
      last.position = item.position;
    }
    this.#stored.delete(item.object);
    this.#bytes -= item.bytes;
  }
}
