// The engines that every suite of the core runs on, and how a test puts bytes into one.

import { type Core, type Engine, loadCore } from "../../src/core/core.ts";

export const ENGINES: readonly Engine[] = ["wasm-simd", "reference"];

const cores = new Map<Engine, Core>();

/** One core for each engine and test file, with few slabs and a known seed. */
export function coreOf(engine: Engine): Core {
  const known = cores.get(engine);
  if (known !== undefined) return known;
  const core = loadCore({ engine, seed: 0n, slabs: 4, chunkedStates: 4 });
  cores.set(engine, core);
  return core;
}

/** The bytes of a string whose characters are bytes. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
