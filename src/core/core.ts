// Owns the choice of engine and the interface of the core: head parser, chunked decoder, cache-key
// hash and slab pools over one memory of fixed size, so that views on it stay valid for the life of
// the process. Hot: the functions are the engine's own.

import {
  CHUNKED_STATE_BYTES,
  CHUNKED_STATE_COUNT_DEFAULT,
  FIELD_COUNT_MAX,
  HEAD_BYTES_MAX,
  KEY_ADDRESS,
  KEY_BYTES_MAX,
  KEY_HASH_ADDRESS,
  POOLS_ADDRESS,
  RECORD_BYTES,
  SCRATCH_INPUT_ADDRESS,
  SCRATCH_INPUT_BYTES_MAX,
  SCRATCH_RECORD_ADDRESS,
  SLAB_BYTES,
  SLAB_COUNT_DEFAULT,
  TARGET_BYTES_MAX,
  TRAILER_INPUT_OFFSET,
  TRAILER_RECORD_OFFSET,
} from "#wasm/limits.js";
import { wasmBytes } from "#wasm/core-inline.js";
import { createReference } from "./reference.ts";
import {
  type CompiledModule,
  instantiate,
  moduleFor,
  PAGE_BYTES,
  type ParserFunctions,
} from "./wasm.ts";

export type Engine = "wasm-simd" | "reference";

export interface CoreOptions {
  /** Default: Wasm where the engine has SIMD and may compile it, else the reference. */
  readonly engine?: Engine;
  /**
   * Seed of the hash; random unless given. A seed that clients know lets them aim collisions.
   */
  readonly seed?: bigint;
  /** Slabs for heads that arrive in pieces; one for each connection in the middle of a head. */
  readonly slabs?: number;
  /** States of the chunked decoder; one for each chunked body in transfer. */
  readonly chunkedStates?: number;
  /** core.wasm, compiled, where compiling at run time is forbidden. */
  readonly module?: CompiledModule;
}

/** What an engine of the core does besides parsing. */
export interface CoreFunctions extends ParserFunctions {
  /**
   * Writes and hashes the cache key of a complete request head; its length, 0 if the target has no
   * path.
   */
  requestKey(recordAddress: number, inputAddress: number, secure: 0 | 1): number;
  /** 128-bit XXH3 of bytes in memory, into the four words at `keyHashAddress`, the lowest first. */
  hashKey(keyAddress: number, keyLength: number): void;
  /** 64-bit XXH3, into the first two words. */
  hashKey64(keyAddress: number, keyLength: number): void;
  /** Address of a free slab's record, ready for a new head; 0 when there is none. */
  acquireSlab(): number;
  /** Throws when the slab is not in use. */
  releaseSlab(recordAddress: number): void;
  slabsInUse(): number;
  slabsHighWater(): number;
  /** Address of a free decoder state, ready for a new body; 0 when there is none. */
  acquireChunked(): number;
  /** Throws when the state is not in use. */
  releaseChunked(stateAddress: number): void;
  chunkedInUse(): number;
  chunkedHighWater(): number;
}

export interface Core extends CoreFunctions {
  readonly engine: Engine;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  /**
   * A record and an input region for heads that arrive whole, and for bodies on their way through
   * the decoder.
   */
  readonly scratchRecord: number;
  readonly scratchInput: number;
  readonly scratchInputBytesMax: number;
  readonly headBytesMax: number;
  readonly fieldCountMax: number;
  readonly targetBytesMax: number;
  readonly keyAddress: number;
  readonly keyBytesMax: number;
  readonly keyHashAddress: number;
  readonly slabCount: number;
  readonly chunkedCount: number;
  /** Where the head of this slab's record goes: headBytesMax bytes. */
  slabInput(recordAddress: number): number;
  /** The record of a decoder state's trailer section; valid once the state is complete. */
  trailerRecord(stateAddress: number): number;
  /** The bytes that the trailer record's offsets count from. */
  trailerInput(stateAddress: number): number;
}

/** Where the pools lie, and how much memory a core of this size needs. */
export interface PoolLayout {
  readonly slabs: number;
  readonly slabCount: number;
  readonly states: number;
  readonly stateCount: number;
  readonly memoryBytes: number;
}

const WORD_BYTES = 4;
const ALIGN_BYTES = 64;

/** Loads an engine and lays out its memory. Synchronous; takes a few milliseconds. */
export function loadCore(options: CoreOptions = {}): Core {
  const module = moduleFor(options.engine, options.module, wasmBytes);
  const layout = poolLayout(
    options.slabs ?? SLAB_COUNT_DEFAULT,
    options.chunkedStates ?? CHUNKED_STATE_COUNT_DEFAULT,
  );
  const seed = options.seed ?? randomSeed();
  const { buffer, functions } =
    module === undefined ? createReference(layout, seed) : createWasm(layout, seed, module);
  return {
    engine: module === undefined ? "reference" : "wasm-simd",
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    scratchRecord: SCRATCH_RECORD_ADDRESS,
    scratchInput: SCRATCH_INPUT_ADDRESS,
    scratchInputBytesMax: SCRATCH_INPUT_BYTES_MAX,
    headBytesMax: HEAD_BYTES_MAX,
    fieldCountMax: FIELD_COUNT_MAX,
    targetBytesMax: TARGET_BYTES_MAX,
    keyAddress: KEY_ADDRESS,
    keyBytesMax: KEY_BYTES_MAX,
    keyHashAddress: KEY_HASH_ADDRESS,
    slabCount: layout.slabCount,
    chunkedCount: layout.stateCount,
    slabInput,
    trailerRecord,
    trailerInput,
    parseRequestHead: functions.parseRequestHead,
    parseResponseHead: functions.parseResponseHead,
    resetRecord: functions.resetRecord,
    decodeChunked: functions.decodeChunked,
    resetChunked: functions.resetChunked,
    requestKey: functions.requestKey,
    hashKey: functions.hashKey,
    hashKey64: functions.hashKey64,
    acquireSlab: functions.acquireSlab,
    releaseSlab: functions.releaseSlab,
    slabsInUse: functions.slabsInUse,
    slabsHighWater: functions.slabsHighWater,
    acquireChunked: functions.acquireChunked,
    releaseChunked: functions.releaseChunked,
    chunkedInUse: functions.chunkedInUse,
    chunkedHighWater: functions.chunkedHighWater,
  };
}

interface CoreExports extends CoreFunctions {
  seedHash(seed: bigint): void;
  createPools(slabs: number, slabCount: number, states: number, stateCount: number): void;
}

/** A fresh Wasm core with pools and hash ready. */
function createWasm(
  layout: PoolLayout,
  seed: bigint,
  module: CompiledModule,
): { buffer: ArrayBuffer; functions: CoreFunctions } {
  const { buffer, exports } = instantiate(module, layout.memoryBytes);
  const functions = exports as CoreExports;
  functions.seedHash(seed);
  functions.createPools(layout.slabs, layout.slabCount, layout.states, layout.stateCount);
  return { buffer, functions };
}

function slabInput(recordAddress: number): number {
  return recordAddress + RECORD_BYTES;
}

function trailerRecord(stateAddress: number): number {
  return stateAddress + TRAILER_RECORD_OFFSET;
}

function trailerInput(stateAddress: number): number {
  return stateAddress + TRAILER_INPUT_OFFSET;
}

/** A pool takes two words for each slab before its slabs (free stack and in-use marks). */
function poolLayout(slabCount: number, stateCount: number): PoolLayout {
  const slabs = POOLS_ADDRESS;
  const states = poolEnd(slabs, slabCount, SLAB_BYTES);
  const end = poolEnd(states, stateCount, CHUNKED_STATE_BYTES);
  const memoryBytes = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
  return { slabs, slabCount, states, stateCount, memoryBytes };
}

function poolEnd(address: number, count: number, slabBytes: number): number {
  const slabs = Math.ceil((address + count * 2 * WORD_BYTES) / ALIGN_BYTES) * ALIGN_BYTES;
  return slabs + count * slabBytes;
}

function randomSeed(): bigint {
  const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return seed;
}
