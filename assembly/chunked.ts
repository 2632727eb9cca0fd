// The chunked transfer coding (RFC 9112 section 7.1): sizes, extensions (grammar checked, meaning
// ignored), exact CRLFs, trailer section. Resumable at every byte; content is reported as spans of
// the caller's input and never copied.

import { stepExtension } from "./chunk-extension";
import {
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  CHUNK_EXTENSION_NAME_START,
  CHUNK_EXTENSION_SPACE,
  CHUNK_SIZE,
  CHUNK_SIZE_LF,
  CHUNK_SIZE_START,
  CHUNK_TRAILER,
  CHUNKED_CONSUMED,
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_LOW,
  CHUNKED_EXTENSION_BYTES,
  CHUNKED_PHASE,
  CHUNKED_POSITION_LOW,
  CHUNKED_REMAINING_LOW,
  CHUNKED_SIZE_DIGITS,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  CHUNKED_STATUS,
  CHUNKED_TRAILER_BYTES,
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_CHUNK_EXTENSION_TOO_LONG,
  ERROR_CHUNK_SIZE,
  ERROR_CHUNK_SIZE_OVERFLOW,
  ERROR_CHUNK_TERMINATOR,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "./layout";
import { getWord, setWord } from "./record";
import { CR, HTAB, LF, SP } from "./scan";
import { feedTrailers, startTrailers } from "./trailers";
import { CHUNK_SIZE_DIGITS_MAX, CHUNK_SPANS_MAX } from "../build/wasm/assembly/limits";

/** 2^53-1, the largest size that a JavaScript number holds exactly. */
const SIZE_MAX: u64 = 9007199254740991;
/** As a little-endian load reads the two bytes. */
const CRLF: u16 = 0x0a0d;
/** As many as a u32 holds. */
const FAST_DIGITS_MAX: usize = CHUNK_SIZE_DIGITS_MAX < 8 ? CHUNK_SIZE_DIGITS_MAX : 8;
const SEMICOLON: u8 = 0x3b;

export function resetChunked(state: usize): void {
  // The words before the spans. For so few, memory.fill takes longer: it calls out of the module.
  const zero = i8x16.splat(0);
  v128.store(state, zero);
  v128.store(state, zero, 16);
  v128.store(state, zero, 32);
  v128.store(state, zero, 48);
  startTrailers(state);
}

/**
 * Decodes the next `length` bytes of a chunked body. The state then tells how many of them are done
 * with (CHUNKED_CONSUMED) and which of them are content. Once complete or in error, a state stays
 * so and consumes nothing.
 *
 * `following` more bytes of the body have come but do not lie in memory: of them, those that are
 * content in the chunk that `length` bytes lead to are consumed too. Both are less than 2^31.
 */
export function decodeChunked(state: usize, input: usize, length: u32, following: u32): u32 {
  setWord(state, CHUNKED_SPAN_COUNT, 0);
  setWord(state, CHUNKED_CONSUMED, 0);
  if (getWord(state, CHUNKED_STATUS) != STATUS_INCOMPLETE) return getWord(state, CHUNKED_STATUS);
  const end = input + <usize>length;
  let p = input;
  while (p != 0 && p < end) {
    const phase = getWord(state, CHUNKED_PHASE);
    if (phase == CHUNK_DATA) {
      if (getWord(state, CHUNKED_SPAN_COUNT) == CHUNK_SPANS_MAX) break;
      p = takeContent(state, input, p, end + <usize>following);
    } else if (phase == CHUNK_TRAILER) {
      p = feedTrailers(state, input, p, end);
      if (getWord(state, CHUNKED_STATUS) == STATUS_COMPLETE) break;
    } else {
      const behind = skipFraming(state, p, end, phase);
      p = behind != 0 ? behind : stepControl(state, input, p, phase);
    }
  }
  if (p == 0) return STATUS_ERROR;
  setWord(state, CHUNKED_CONSUMED, <u32>(p - input));
  const position = state + (CHUNKED_POSITION_LOW << 2);
  store<u64>(position, load<u64>(position) + <u64>(p - input));
  return getWord(state, CHUNKED_STATUS);
}

/**
 * Notes the error at `offset` of this call's input; returns 0, the address that ends the decoding.
 */
export function failChunked(state: usize, code: u32, offset: i64): usize {
  setWord(state, CHUNKED_STATUS, STATUS_ERROR);
  setWord(state, CHUNKED_ERROR_CODE, code);
  const position = load<u64>(state + (CHUNKED_POSITION_LOW << 2));
  store<u64>(state + (CHUNKED_ERROR_OFFSET_LOW << 2), position + offset);
  return 0;
}

function takeContent(state: usize, input: usize, p: usize, end: usize): usize {
  const remaining = load<u64>(state + (CHUNKED_REMAINING_LOW << 2));
  const length = min<u64>(remaining, <u64>(end - p));
  const count = getWord(state, CHUNKED_SPAN_COUNT);
  const span = state + <usize>((CHUNKED_SPANS + count * 2) << 2);
  store<u32>(span, <u32>(p - input));
  store<u32>(span, <u32>length, 4);
  setWord(state, CHUNKED_SPAN_COUNT, count + 1);
  store<u64>(state + (CHUNKED_REMAINING_LOW << 2), remaining - length);
  if (remaining == length) setWord(state, CHUNKED_PHASE, CHUNK_DATA_CR);
  return p + <usize>length;
}

/**
 * What stands between most chunks, at once: the CRLF of the one before, the next size and its CRLF.
 * Returns 0 with nothing changed when it is anything else or not all there; the steps decide then.
 */
function skipFraming(state: usize, p: usize, end: usize, phase: u32): usize {
  if (phase == CHUNK_DATA_CR) {
    if (end - p < 2 || load<u16>(p) != CRLF) return 0;
    p += 2;
  } else if (phase != CHUNK_SIZE_START) return 0;
  const digitsEnd = min<usize>(end, p + FAST_DIGITS_MAX);
  const first = p;
  let size: u32 = 0;
  while (p < digitsEnd) {
    const digit = hexDigit(load<u8>(p));
    if (digit > 15) break;
    size = (size << 4) | digit;
    p++;
  }
  if (p == first || end - p < 2 || load<u16>(p) != CRLF) return 0;
  store<u64>(state + (CHUNKED_REMAINING_LOW << 2), <u64>size);
  setWord(state, CHUNKED_PHASE, size == 0 ? CHUNK_TRAILER : CHUNK_DATA);
  return p + 2;
}

function stepControl(state: usize, input: usize, p: usize, phase: u32): usize {
  const byte = load<u8>(p);
  switch (phase) {
    case CHUNK_SIZE_START:
    case CHUNK_SIZE:
      return stepSize(state, input, p, byte);
    case CHUNK_SIZE_LF:
      return stepSizeLf(state, input, p, byte);
    case CHUNK_DATA_CR:
      if (byte != CR) return failChunked(state, ERROR_CHUNK_TERMINATOR, p - input);
      setWord(state, CHUNKED_PHASE, CHUNK_DATA_LF);
      return p + 1;
    case CHUNK_DATA_LF:
      if (byte != LF) return failChunked(state, ERROR_CHUNK_TERMINATOR, p - input);
      setWord(state, CHUNKED_PHASE, CHUNK_SIZE_START);
      return p + 1;
    default:
      return stepExtension(state, input, p, byte);
  }
}

function stepSize(state: usize, input: usize, p: usize, byte: u8): usize {
  const digit = hexDigit(byte);
  if (digit <= 15) return addDigit(state, input, p, digit);
  if (getWord(state, CHUNKED_PHASE) == CHUNK_SIZE_START) {
    return failChunked(state, byte == LF ? ERROR_BARE_LF : ERROR_CHUNK_SIZE, p - input);
  }
  if (byte == CR) {
    setWord(state, CHUNKED_PHASE, CHUNK_SIZE_LF);
    return p + 1;
  }
  // An extension: its first byte is checked, and counted, like all others of it.
  if (byte == SEMICOLON || byte == SP || byte == HTAB) {
    setWord(state, CHUNKED_PHASE, CHUNK_EXTENSION_SPACE);
    return p;
  }
  return failChunked(state, byte == LF ? ERROR_BARE_LF : ERROR_CHUNK_SIZE, p - input);
}

function addDigit(state: usize, input: usize, p: usize, digit: u32): usize {
  const size = load<u64>(state + (CHUNKED_REMAINING_LOW << 2));
  const digits = getWord(state, CHUNKED_SIZE_DIGITS);
  if (digits == CHUNK_SIZE_DIGITS_MAX || size > (SIZE_MAX - <u64>digit) >> 4) {
    return failChunked(state, ERROR_CHUNK_SIZE_OVERFLOW, p - input);
  }
  store<u64>(state + (CHUNKED_REMAINING_LOW << 2), (size << 4) | <u64>digit);
  setWord(state, CHUNKED_SIZE_DIGITS, digits + 1);
  setWord(state, CHUNKED_PHASE, CHUNK_SIZE);
  return p + 1;
}

function stepSizeLf(state: usize, input: usize, p: usize, byte: u8): usize {
  if (byte != LF) return failChunked(state, ERROR_BARE_CR, <i64>(p - input) - 1);
  setWord(state, CHUNKED_SIZE_DIGITS, 0);
  setWord(state, CHUNKED_EXTENSION_BYTES, 0);
  const last = load<u64>(state + (CHUNKED_REMAINING_LOW << 2)) == 0;
  setWord(state, CHUNKED_PHASE, last ? CHUNK_TRAILER : CHUNK_DATA);
  return p + 1;
}

/** Value of a hex digit; more than 15 for any other byte. */
function hexDigit(byte: u8): u32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 0xff;
}
