// Entry of core.wasm: the parser, cache keys with their hash, and the pools, over one memory.

import { acquire, createPool, highWater, inUse, release } from "./pool";
import { resetRecord } from "./parser";
import { resetChunked } from "./chunked";
import {
  CHUNKED_POOL_ADDRESS,
  CHUNKED_STATE_BYTES,
  SLAB_BYTES,
  SLAB_POOL_ADDRESS,
} from "../build/wasm/assembly/limits";

export { parseRequestHead, parseResponseHead } from "./head";
export { decodeChunked, resetChunked } from "./chunked";
export { resetRecord, staticEnd } from "./parser";
export { hashKey, hashKey64, requestKey, seedHash } from "./cache-key";

/** Lays out both pools: slabs at `slabs`, states of the chunked decoder at `states`. */
export function createPools(slabs: usize, slabCount: u32, states: usize, stateCount: u32): void {
  createPool(SLAB_POOL_ADDRESS, slabs, slabCount, SLAB_BYTES);
  createPool(CHUNKED_POOL_ADDRESS, states, stateCount, CHUNKED_STATE_BYTES);
}

/** Address of the record of a free slab, ready for a new head; 0 when all slabs are in use. */
export function acquireSlab(): usize {
  const slab = acquire(SLAB_POOL_ADDRESS);
  if (slab != 0) resetRecord(slab);
  return slab;
}

export function releaseSlab(record: usize): void {
  release(SLAB_POOL_ADDRESS, record);
}

export function slabsInUse(): u32 {
  return inUse(SLAB_POOL_ADDRESS);
}

export function slabsHighWater(): u32 {
  return highWater(SLAB_POOL_ADDRESS);
}

/** Address of a decoder state, ready for the first byte of a body; 0 when all are in use. */
export function acquireChunked(): usize {
  const state = acquire(CHUNKED_POOL_ADDRESS);
  if (state != 0) resetChunked(state);
  return state;
}

export function releaseChunked(state: usize): void {
  release(CHUNKED_POOL_ADDRESS, state);
}

export function chunkedInUse(): u32 {
  return inUse(CHUNKED_POOL_ADDRESS);
}

export function chunkedHighWater(): u32 {
  return highWater(CHUNKED_POOL_ADDRESS);
}
