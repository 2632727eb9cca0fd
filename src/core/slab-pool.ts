// Fixed slabs of a memory, kept in TypeScript: which are free, which are in use, and the most that
// ever were. O(1), like the pools of the Wasm core; for the reference and for embedded parsers.

export class SlabPool {
  readonly #address: number;
  readonly #slabBytes: number;
  readonly #free: number[] = [];
  readonly #used: Uint8Array;
  #highWater = 0;

  constructor(address: number, count: number, slabBytes: number) {
    this.#address = address;
    this.#slabBytes = slabBytes;
    this.#used = new Uint8Array(count);
    for (let index = count - 1; index >= 0; index--) this.#free.push(index);
  }

  /** Address of a free slab, 0 when there is none. */
  acquire(): number {
    const index = this.#free.pop();
    if (index === undefined) return 0;
    this.#used[index] = 1;
    this.#highWater = Math.max(this.#highWater, this.inUse());
    return this.#address + index * this.#slabBytes;
  }

  /** Throws when `slab` is not in use. */
  release(slab: number): void {
    const index = (slab - this.#address) / this.#slabBytes;
    if (this.#used[index] !== 1) throw new RangeError("this address is no slab in use");
    this.#used[index] = 0;
    this.#free.push(index);
  }

  inUse(): number {
    return this.#used.length - this.#free.length;
  }

  highWater(): number {
    return this.#highWater;
  }
}
