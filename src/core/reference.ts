// The reference core: the same results, codes and offsets as the Wasm core, in TypeScript, over the
// same memory map. Oracle of the tests, baseline of the benchmarks, and what engines without SIMD
// get. Assembles its parts; owns none of the rules.

import { CHUNKED_STATE_BYTES, KEY_ADDRESS, KEY_HASH_ADDRESS, SLAB_BYTES } from "#wasm/limits.js";
import type { CoreFunctions, PoolLayout } from "./core.ts";
import { resetChunkedIn } from "./reference-chunked.ts";
import { xxh3Low, xxh3Wide } from "./reference-hash.ts";
import { resetRecordIn } from "./reference-head.ts";
import { writeRequestKey } from "./reference-key.ts";
import { referenceParser } from "./reference-parser.ts";
import type { ReferenceMemory } from "./reference-record.ts";
import { SlabPool } from "./slab-pool.ts";

const HALF_BYTES = 8;

/** A fresh core with pools and hash ready. */
export function createReference(
  layout: PoolLayout,
  seed: bigint,
): { buffer: ArrayBuffer; functions: CoreFunctions } {
  const buffer = new ArrayBuffer(layout.memoryBytes);
  const memory = { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
  const functions = {
    ...referenceParser(memory),
    ...keysOf(memory, seed),
    ...poolsOf(memory, layout),
  };
  return { buffer, functions };
}

function keysOf(memory: ReferenceMemory, seed: bigint) {
  const hashes = new DataView(memory.bytes.buffer, KEY_HASH_ADDRESS, 2 * HALF_BYTES);
  const hashKey = (address: number, length: number): void => {
    const { low, high } = xxh3Wide(memory.bytes.subarray(address, address + length), seed);
    hashes.setBigUint64(0, low, true);
    hashes.setBigUint64(HALF_BYTES, high, true);
  };
  return {
    hashKey,
    hashKey64: (address: number, length: number): void => {
      const bytes = memory.bytes.subarray(address, address + length);
      hashes.setBigUint64(0, xxh3Low(bytes, seed), true);
    },
    requestKey: (record: number, input: number, secure: 0 | 1): number => {
      const length = writeRequestKey(memory, record, input, secure);
      if (length > 0) hashKey(KEY_ADDRESS, length);
      return length;
    },
  };
}

function poolsOf(memory: ReferenceMemory, layout: PoolLayout) {
  const slabs = new SlabPool(layout.slabs, layout.slabCount, SLAB_BYTES);
  const states = new SlabPool(layout.states, layout.stateCount, CHUNKED_STATE_BYTES);
  return {
    acquireSlab: (): number => {
      const slab = slabs.acquire();
      if (slab !== 0) resetRecordIn(memory, slab);
      return slab;
    },
    releaseSlab: (record: number) => slabs.release(record),
    slabsInUse: () => slabs.inUse(),
    slabsHighWater: () => slabs.highWater(),
    acquireChunked: (): number => {
      const state = states.acquire();
      if (state !== 0) resetChunkedIn(memory, state);
      return state;
    },
    releaseChunked: (state: number) => states.release(state),
    chunkedInUse: () => states.inUse(),
    chunkedHighWater: () => states.highWater(),
  };
}
