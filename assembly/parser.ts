// Entry of parser.wasm, what embedders get: heads and the chunked coding. docs/abi.md describes the
// exports.

import { setWord } from "./record";
import { RECORD_PHASE, RECORD_STATUS } from "./layout";

export { parseRequestHead, parseResponseHead } from "./head";
export { decodeChunked, resetChunked } from "./chunked";

/** Makes the next parse call on this record start a new head. */
export function resetRecord(record: usize): void {
  setWord(record, RECORD_STATUS, 0);
  setWord(record, RECORD_PHASE, 0);
}

/**
 * First address that the compiler's static data does not use; the memory map must lie behind it.
 */
export function staticEnd(): usize {
  return __heap_base;
}
