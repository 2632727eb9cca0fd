// The reference parser as the functions that an engine has: heads and the chunked coding over one
// memory.

import { decodeChunkedIn, resetChunkedIn } from "./reference-chunked.ts";
import { parseRequestHeadIn, parseResponseHeadIn, resetRecordIn } from "./reference-head.ts";
import type { ReferenceMemory } from "./reference-record.ts";
import type { ParserFunctions } from "./wasm.ts";

/** The parser's functions over `memory`. */
export function referenceParser(memory: ReferenceMemory): ParserFunctions {
  return {
    parseRequestHead: (record: number, input: number, length: number) =>
      parseRequestHeadIn(memory, record, input, length),
    parseResponseHead: (record: number, input: number, length: number, requestMethodId: number) =>
      parseResponseHeadIn(memory, record, input, length, requestMethodId),
    resetRecord: (record: number) => resetRecordIn(memory, record),
    decodeChunked: (state: number, input: number, length: number, following = 0) =>
      decodeChunkedIn(memory, state, input, length, following),
    resetChunked: (state: number) => resetChunkedIn(memory, state),
  };
}
