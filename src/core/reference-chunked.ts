// The chunked transfer coding for the reference parser (RFC 9112 section 7.1). Resumable at every
// byte.

import {
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  CHUNK_EXTENSION_SPACE,
  CHUNK_SIZE,
  CHUNK_SIZE_LF,
  CHUNK_SIZE_START,
  CHUNK_TRAILER,
  CHUNKED_CONSUMED,
  CHUNKED_EXTENSION_BYTES,
  CHUNKED_PHASE,
  CHUNKED_SIZE_DIGITS,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  CHUNKED_STATUS,
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_CHUNK_SIZE,
  ERROR_CHUNK_SIZE_OVERFLOW,
  ERROR_CHUNK_TERMINATOR,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import { CHUNK_SIZE_DIGITS_MAX, CHUNK_SPANS_MAX } from "#wasm/limits.js";
import { CLASSES, HEX_VALUES, OWS } from "./byte-classes.ts";
import {
  advancePosition,
  failChunked,
  getRemaining,
  setRemaining,
} from "./reference-chunked-state.ts";
import { stepExtension } from "./reference-extension.ts";
import { FAILED, getWord, type ReferenceMemory, setWord } from "./reference-record.ts";
import { feedTrailers, startTrailers } from "./reference-trailers.ts";

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const RADIX = 16;

export function resetChunkedIn(memory: ReferenceMemory, state: number): void {
  for (let index = 0; index < CHUNKED_SPANS; index++) setWord(memory, state, index, 0);
  startTrailers(memory, state);
}

export function decodeChunkedIn(
  memory: ReferenceMemory,
  state: number,
  input: number,
  length: number,
  following: number,
): number {
  setWord(memory, state, CHUNKED_SPAN_COUNT, 0);
  setWord(memory, state, CHUNKED_CONSUMED, 0);
  const status = getWord(memory, state, CHUNKED_STATUS);
  if (status !== STATUS_INCOMPLETE) return status;
  const end = input + length;
  let p = input;
  while (p < end && p !== FAILED) {
    const phase = getWord(memory, state, CHUNKED_PHASE);
    if (phase === CHUNK_DATA) {
      if (getWord(memory, state, CHUNKED_SPAN_COUNT) === CHUNK_SPANS_MAX) break;
      p = takeContent(memory, state, input, p, end + following);
    } else if (phase === CHUNK_TRAILER) {
      p = feedTrailers(memory, state, input, p, end);
      if (getWord(memory, state, CHUNKED_STATUS) === STATUS_COMPLETE) break;
    } else {
      p = stepControl(memory, state, input, p, phase);
    }
  }
  if (p === FAILED) return STATUS_ERROR;
  setWord(memory, state, CHUNKED_CONSUMED, p - input);
  advancePosition(memory, state, p - input);
  return getWord(memory, state, CHUNKED_STATUS);
}

function takeContent(
  memory: ReferenceMemory,
  state: number,
  input: number,
  p: number,
  end: number,
): number {
  const remaining = getRemaining(memory, state);
  const length = Math.min(remaining, end - p);
  const count = getWord(memory, state, CHUNKED_SPAN_COUNT);
  setWord(memory, state, CHUNKED_SPANS + count * 2, p - input);
  setWord(memory, state, CHUNKED_SPANS + count * 2 + 1, length);
  setWord(memory, state, CHUNKED_SPAN_COUNT, count + 1);
  setRemaining(memory, state, remaining - length);
  if (remaining === length) setWord(memory, state, CHUNKED_PHASE, CHUNK_DATA_CR);
  return p + length;
}

function stepControl(
  memory: ReferenceMemory,
  state: number,
  input: number,
  p: number,
  phase: number,
): number {
  const byte = memory.bytes[p] as number;
  switch (phase) {
    case CHUNK_SIZE_START:
    case CHUNK_SIZE:
      return stepSize(memory, state, input, p, phase);
    case CHUNK_SIZE_LF:
      if (byte !== LF) return failChunked(memory, state, ERROR_BARE_CR, p - input - 1);
      setWord(memory, state, CHUNKED_SIZE_DIGITS, 0);
      setWord(memory, state, CHUNKED_EXTENSION_BYTES, 0);
      return enter(
        memory,
        state,
        getRemaining(memory, state) === 0 ? CHUNK_TRAILER : CHUNK_DATA,
        p,
      );
    case CHUNK_DATA_CR:
      if (byte !== CR) return failChunked(memory, state, ERROR_CHUNK_TERMINATOR, p - input);
      return enter(memory, state, CHUNK_DATA_LF, p);
    case CHUNK_DATA_LF:
      if (byte !== LF) return failChunked(memory, state, ERROR_CHUNK_TERMINATOR, p - input);
      return enter(memory, state, CHUNK_SIZE_START, p);
    default:
      return stepExtension(memory, state, input, p, phase);
  }
}

/** The byte at `p` is done with; the next one is read in `phase`. */
function enter(memory: ReferenceMemory, state: number, phase: number, p: number): number {
  setWord(memory, state, CHUNKED_PHASE, phase);
  return p + 1;
}

function stepSize(
  memory: ReferenceMemory,
  state: number,
  input: number,
  p: number,
  phase: number,
): number {
  const byte = memory.bytes[p] as number;
  const digit = HEX_VALUES[byte] as number;
  if (digit < RADIX) {
    const size = getRemaining(memory, state) * RADIX + digit;
    const digits = getWord(memory, state, CHUNKED_SIZE_DIGITS);
    if (digits === CHUNK_SIZE_DIGITS_MAX || !Number.isSafeInteger(size)) {
      return failChunked(memory, state, ERROR_CHUNK_SIZE_OVERFLOW, p - input);
    }
    setRemaining(memory, state, size);
    setWord(memory, state, CHUNKED_SIZE_DIGITS, digits + 1);
    return enter(memory, state, CHUNK_SIZE, p);
  }
  if (phase === CHUNK_SIZE && byte === CR) return enter(memory, state, CHUNK_SIZE_LF, p);
  const isExtension = byte === SEMICOLON || ((CLASSES[byte] as number) & OWS) !== 0;
  if (phase === CHUNK_SIZE && isExtension) {
    setWord(memory, state, CHUNKED_PHASE, CHUNK_EXTENSION_SPACE);
    return p;
  }
  return failChunked(memory, state, byte === LF ? ERROR_BARE_LF : ERROR_CHUNK_SIZE, p - input);
}
