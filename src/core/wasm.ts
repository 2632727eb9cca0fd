// Instantiates the Wasm modules. Runs in every engine: no node:*, and of the global WebAssembly
// only what is declared here, because the types of a browser or of Node are not a dependency of the
// core.

import { STATIC_BYTES_MAX } from "#wasm/limits.js";
import { wasmBytes } from "#wasm/core-inline.js";
import type { CoreFunctions, PoolLayout } from "./core.ts";

/** A WebAssembly.Module, however the host has come by it. */
export type CompiledModule = object;

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

interface CoreExports extends CoreFunctions {
  seedHash(seed: bigint): void;
  createPools(slabs: number, slabCount: number, states: number, stateCount: number): void;
  staticEnd(): number;
}

const PAGE_BYTES = 65_536;

/** Whether this engine compiles our modules: they use SIMD throughout. */
export function simdIsSupported(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(wasmBytes);
}

/** A fresh instance with pools and hash ready. */
export function instantiateCore(
  layout: PoolLayout,
  seed: bigint,
  module: CompiledModule | undefined,
): { buffer: ArrayBuffer; functions: CoreFunctions } {
  const pages = layout.memoryBytes / PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const compiled = module ?? new WebAssembly.Module(wasmBytes);
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const functions = instance.exports as CoreExports;
  if (functions.staticEnd() > STATIC_BYTES_MAX) {
    throw new Error("the memory map overlaps the module's static data");
  }
  functions.seedHash(seed);
  functions.createPools(layout.slabs, layout.slabCount, layout.states, layout.stateCount);
  return { buffer: memory.buffer, functions };
}
