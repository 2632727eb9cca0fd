// Instantiates the Wasm modules. Runs in every engine: no node:*, and of the global WebAssembly
// only what is declared here, because the types of a browser or of Node are no dependency of the
// core.

import { STATIC_BYTES_MAX } from "#wasm/limits.js";

/** A WebAssembly.Module, however the host has come by it. */
export type CompiledModule = object;

/**
 * What every engine does: addresses are byte addresses in its memory, results plain numbers, and
 * records are laid out as assembly/layout.ts says.
 */
export interface ParserFunctions {
  /** STATUS_*. Incomplete: call again with the same record and input address, a larger length. */
  parseRequestHead(recordAddress: number, inputAddress: number, inputLength: number): number;
  parseResponseHead(
    recordAddress: number,
    inputAddress: number,
    inputLength: number,
    requestMethodId: number,
  ): number;
  /** Makes the next parse call on this record start a new head. */
  resetRecord(recordAddress: number): void;
  /**
   * STATUS_*; what was consumed and which spans are content is in the state's CHUNKED_* words.
   * `following`: bytes that have come behind the input but do not lie in memory; content that
   * reaches into them is consumed with it.
   */
  decodeChunked(
    stateAddress: number,
    inputAddress: number,
    inputLength: number,
    following?: number,
  ): number;
  /** Makes a state ready for the first byte of a body. */
  resetChunked(stateAddress: number): void;
}

interface LinearMemory {
  readonly buffer: ArrayBuffer;
}

declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => LinearMemory;
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (
    module: CompiledModule,
    imports: { env: { memory: LinearMemory } },
  ) => { readonly exports: object };
  validate(bytes: Uint8Array): boolean;
};

interface CommonExports {
  staticEnd(): number;
}

export const PAGE_BYTES = 65_536;

/**
 * The module to run; undefined where it has to be the reference: when that is asked for, when this
 * engine has no SIMD, and when nobody asks for Wasm and a policy forbids to compile it. `given` is
 * neither compiled nor checked. Throws when Wasm is asked for and does not compile.
 */
export function moduleFor(
  engine: "wasm-simd" | "reference" | undefined,
  given: CompiledModule | undefined,
  wasmBytes: Uint8Array,
): CompiledModule | undefined {
  if (engine === "reference") return undefined;
  if (given !== undefined) return given;
  if (engine === "wasm-simd") return new WebAssembly.Module(wasmBytes);
  if (typeof WebAssembly !== "object") return undefined;
  try {
    return WebAssembly.validate(wasmBytes) ? new WebAssembly.Module(wasmBytes) : undefined;
  } catch {
    // A page's Content-Security-Policy, or a host that runs compiled modules only.
    return undefined;
  }
}

/**
 * A fresh instance over a memory of `memoryBytes`, whole pages, that never grows. The caller knows
 * which functions the module exports.
 */
export function instantiate(
  module: CompiledModule,
  memoryBytes: number,
): { buffer: ArrayBuffer; exports: object } {
  const pages = memoryBytes / PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  if ((exports as CommonExports).staticEnd() > STATIC_BYTES_MAX) {
    throw new Error("the memory map overlaps the module's static data");
  }
  return { buffer: memory.buffer, exports };
}
