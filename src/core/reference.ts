// The reference core: the same results, codes and offsets as the Wasm core, in TypeScript, over the
// same memory map. Oracle of the tests, baseline of the benchmarks, and what engines without SIMD
// get. Assembles its parts; owns none of the rules.

import { CHUNKED_STATE_BYTES, KEY_ADDRESS, KEY_HASH_ADDRESS, SLAB_BYTES } from "#wasm/limits.js";
import type { CoreFunctions, PoolLayout } from "./core.ts";
import { decodeChunkedIn, resetChunkedIn } from "./reference-chunked.ts";
import { xxh3Low, xxh3Wide } from "./reference-hash.ts";
import { parseRequestHeadIn, parseResponseHeadIn, resetRecordIn } from "./reference-head.ts";
import { writeRequestKey } from "./reference-key.ts";
import { ReferencePool } from "./reference-pool.ts";
import type { ReferenceMemory } from "./reference-record.ts";

const HALF_BYTES = 8;

/** A fresh core with pools and hash ready. */
export function createReference(
  layout: PoolLayout,
  seed: bigint,
): { buffer: ArrayBuffer; functions: CoreFunctions } {
  const buffer = new ArrayBuffer(layout.memoryBytes);
  const memory = { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
  const functions = { ...parserOf(memory), ...keysOf(memory, seed), ...poolsOf(memory, layout) };
  return { buffer, functions };
}

function parserOf(memory: ReferenceMemory) {
  return {
    parseRequestHead: (record: number, input: number, length: number) =>
      parseRequestHeadIn(memory, record, input, length),
    parseResponseHead: (record: number, input: number, length: number, requestMethodId: number) =>
      parseResponseHeadIn(memory, record, input, length, requestMethodId),
    resetRecord: (record: number) => resetRecordIn(memory, record),
    decodeChunked: (state: number, input: number, length: number) =>
      decodeChunkedIn(memory, state, input, length),
    resetChunked: (state: number) => resetChunkedIn(memory, state),
  };
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
  const slabs = new ReferencePool(layout.slabs, layout.slabCount, SLAB_BYTES);
  const states = new ReferencePool(layout.states, layout.stateCount, CHUNKED_STATE_BYTES);
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
