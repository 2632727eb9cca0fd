// Chunk extensions for the reference parser (RFC 9112 section 7.1.1), as a table: for each phase,
// which class of byte leads where.

import {
  CHUNK_EXTENSION_ESCAPE,
  CHUNK_EXTENSION_NAME,
  CHUNK_EXTENSION_NAME_SPACE,
  CHUNK_EXTENSION_NAME_START,
  CHUNK_EXTENSION_QUOTED,
  CHUNK_EXTENSION_QUOTED_END,
  CHUNK_EXTENSION_SPACE,
  CHUNK_EXTENSION_TOKEN,
  CHUNK_EXTENSION_VALUE_START,
  CHUNK_SIZE_LF,
  CHUNKED_EXTENSION_BYTES,
  CHUNKED_EXTENSION_BYTES_TOTAL,
  CHUNKED_PHASE,
  ERROR_BARE_LF,
  ERROR_CHUNK_EXTENSION,
  ERROR_CHUNK_EXTENSION_TOO_LONG,
} from "../../assembly/layout.ts";
import { CHUNK_EXTENSION_BYTES_MAX, CHUNK_EXTENSION_BYTES_TOTAL_MAX } from "#wasm/limits.js";
import { CLASSES, OWS, TOKEN, VALUE } from "./byte-classes.ts";
import { failChunked } from "./reference-chunked-state.ts";
import { getWord, type ReferenceMemory, setWord } from "./reference-record.ts";

const LF = 0x0a;
const PHASES = 16;

/** NEXT[byte * PHASES + phase]; 0 where the byte may not stand. */
const NEXT = new Uint8Array(256 * PHASES);

for (let byte = 0; byte < 256; byte++) {
  const kind = CLASSES[byte] ?? 0;
  if ((kind & VALUE) !== 0) {
    allow(byte, CHUNK_EXTENSION_QUOTED, CHUNK_EXTENSION_QUOTED);
    allow(byte, CHUNK_EXTENSION_ESCAPE, CHUNK_EXTENSION_QUOTED);
  }
  if ((kind & TOKEN) !== 0) {
    allow(byte, CHUNK_EXTENSION_NAME_START, CHUNK_EXTENSION_NAME);
    allow(byte, CHUNK_EXTENSION_NAME, CHUNK_EXTENSION_NAME);
    allow(byte, CHUNK_EXTENSION_VALUE_START, CHUNK_EXTENSION_TOKEN);
    allow(byte, CHUNK_EXTENSION_TOKEN, CHUNK_EXTENSION_TOKEN);
  }
  if ((kind & OWS) !== 0) {
    allow(byte, CHUNK_EXTENSION_SPACE, CHUNK_EXTENSION_SPACE);
    allow(byte, CHUNK_EXTENSION_NAME_START, CHUNK_EXTENSION_NAME_START);
    allow(byte, CHUNK_EXTENSION_NAME, CHUNK_EXTENSION_NAME_SPACE);
    allow(byte, CHUNK_EXTENSION_NAME_SPACE, CHUNK_EXTENSION_NAME_SPACE);
    allow(byte, CHUNK_EXTENSION_VALUE_START, CHUNK_EXTENSION_VALUE_START);
    allow(byte, CHUNK_EXTENSION_TOKEN, CHUNK_EXTENSION_SPACE);
    allow(byte, CHUNK_EXTENSION_QUOTED_END, CHUNK_EXTENSION_SPACE);
  }
}
for (const phase of [
  CHUNK_EXTENSION_SPACE,
  CHUNK_EXTENSION_NAME,
  CHUNK_EXTENSION_NAME_SPACE,
  CHUNK_EXTENSION_TOKEN,
  CHUNK_EXTENSION_QUOTED_END,
]) {
  allow(";".charCodeAt(0), phase, CHUNK_EXTENSION_NAME_START);
}
allow("=".charCodeAt(0), CHUNK_EXTENSION_NAME, CHUNK_EXTENSION_VALUE_START);
allow("=".charCodeAt(0), CHUNK_EXTENSION_NAME_SPACE, CHUNK_EXTENSION_VALUE_START);
allow('"'.charCodeAt(0), CHUNK_EXTENSION_VALUE_START, CHUNK_EXTENSION_QUOTED);
allow('"'.charCodeAt(0), CHUNK_EXTENSION_QUOTED, CHUNK_EXTENSION_QUOTED_END);
allow("\\".charCodeAt(0), CHUNK_EXTENSION_QUOTED, CHUNK_EXTENSION_ESCAPE);
allow("\r".charCodeAt(0), CHUNK_EXTENSION_NAME, CHUNK_SIZE_LF);
allow("\r".charCodeAt(0), CHUNK_EXTENSION_TOKEN, CHUNK_SIZE_LF);
allow("\r".charCodeAt(0), CHUNK_EXTENSION_QUOTED_END, CHUNK_SIZE_LF);

export function stepExtension(
  memory: ReferenceMemory,
  state: number,
  input: number,
  p: number,
  phase: number,
): number {
  const byte = memory.bytes[p] as number;
  const next = NEXT[byte * PHASES + phase] as number;
  const length = getWord(memory, state, CHUNKED_EXTENSION_BYTES);
  const total = getWord(memory, state, CHUNKED_EXTENSION_BYTES_TOTAL);
  if (next !== CHUNK_SIZE_LF) {
    if (length === CHUNK_EXTENSION_BYTES_MAX || total === CHUNK_EXTENSION_BYTES_TOTAL_MAX) {
      return failChunked(memory, state, ERROR_CHUNK_EXTENSION_TOO_LONG, p - input);
    }
    if (next === 0) {
      const code = byte === LF ? ERROR_BARE_LF : ERROR_CHUNK_EXTENSION;
      return failChunked(memory, state, code, p - input);
    }
    setWord(memory, state, CHUNKED_EXTENSION_BYTES, length + 1);
    setWord(memory, state, CHUNKED_EXTENSION_BYTES_TOTAL, total + 1);
  }
  setWord(memory, state, CHUNKED_PHASE, next);
  return p + 1;
}

function allow(byte: number, phase: number, next: number): void {
  NEXT[byte * PHASES + phase] = next;
}
