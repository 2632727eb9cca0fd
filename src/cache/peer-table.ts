// Owns who asks the origin server for what, among the workers of one gateway: one word of shared
// memory for each of many slots, claimed by compare-and-swap and never locked. A slot says which
// worker answers for the keys that fall on it; the key itself is compared by that worker. See
// docs/adr for the protocol and its invariants.

import type { CacheKey } from "./key.ts";

/** 256 KiB. With 1,000 fills open, one claim in 66 meets another key and goes uncoordinated. */
const SLOTS = 65_536;

export const PEER_TABLE_BYTES = SLOTS * 4;

/** Workers have one byte of a slot, and 0 means that it is free. */
export const PEERS_MAX = 255;

/** Where this worker stands. */
export interface PeerSetup {
  readonly index: number;
  /** Offset of the table in the shared memory. */
  readonly offset: number;
}

/** What a claim found. */
export type Claim =
  /** This worker answers for the key until it releases it. */
  | "mine"
  /** Another key has the slot: nobody coordinates this one. */
  | "nobody"
  /** The worker that answers for it, by index. */
  | number;

export class PeerTable {
  readonly #slots: Int32Array;
  readonly #self: number;

  constructor(memory: SharedArrayBuffer, { index, offset }: PeerSetup) {
    this.#slots = new Int32Array(memory, offset, SLOTS);
    this.#self = index + 1;
  }

  /** Takes the slot of a key unless it is taken. */
  claim(key: CacheKey): Claim {
    const mine = (key.h1 << 8) | this.#self;
    const found = Atomics.compareExchange(this.#slots, slotOf(key), 0, mine);
    if (found === 0) return "mine";
    if (found >>> 8 !== mine >>> 8) return "nobody";
    const owner = found & 0xff;
    // Ours already: an earlier fill of this worker, which this request could not join.
    return owner === this.#self ? "nobody" : owner - 1;
  }

  /** Gives the slot back; nothing happens where it is not this worker's for this key. */
  release(key: CacheKey): void {
    const mine = (key.h1 << 8) | this.#self;
    Atomics.compareExchange(this.#slots, slotOf(key), mine, 0);
  }
}

/** Frees what a worker that has ended held. Its successor must not run yet. */
export function releaseAll(memory: SharedArrayBuffer, { index, offset }: PeerSetup): number {
  const slots = new Int32Array(memory, offset, SLOTS);
  let count = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    const found = Atomics.load(slots, slot);
    if ((found & 0xff) !== index + 1) continue;
    if (Atomics.compareExchange(slots, slot, found, 0) === found) count++;
  }
  return count;
}

function slotOf(key: CacheKey): number {
  return key.h0 & (SLOTS - 1);
}
