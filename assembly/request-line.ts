// The request line (RFC 9112 section 3): method, request-target, version, each behind exactly one
// space; one empty line before it is skipped (section 2.2). Resumable at every byte.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_FRAGMENT,
  ERROR_METHOD,
  ERROR_TARGET,
  ERROR_TARGET_TOO_LONG,
  ERROR_VERSION,
  METHOD_CONNECT,
  PHASE_EMPTY_LINE_LF,
  PHASE_LINE,
  PHASE_METHOD,
  PHASE_START,
  PHASE_TARGET,
  PHASE_VERSION,
  RECORD_METHOD,
  RECORD_METHOD_START,
  RECORD_PHASE,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  RECORD_TOKEN_START,
  RECORD_VERSION_MINOR,
  TARGET_ORIGIN,
} from "./layout";
import { CRLF, fastEnd } from "./fast-lines";
import { methodId, shortMethodId } from "./methods";
import { fail, getWord, setWord } from "./record";
import { checkTarget } from "./target";
import {
  CLASS_TARGET,
  classOf,
  CR,
  LF,
  SP,
  splat,
  targetEnd,
  targetStops,
  tokenEnd,
  tokenStops,
} from "./scan";
import { HTTP_1_0, HTTP_1_1, stepVersion } from "./version";
import { METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "../build/wasm/assembly/limits";


const GET_SP: u32 = 0x20544547;

/**
 * The common case, a whole ordinary request line, in vectors. Returns the start of the first field
 * line, 0 after an error of meaning, or `input` if it leaves everything to `stepRequestLine`.
 */
export function scanRequestLine(record: usize, input: usize, end: usize): usize {
  const stop = fastEnd(end);
  if (input + 16 > stop) return input;
  const methodLength = shortMethodLength(input);
  if (methodLength == 0) return input;
  const start = input + methodLength + 1;
  const targetStop = vectorTargetEnd(start, min(stop, start + TARGET_BYTES_MAX));
  if (targetStop == 0 || targetStop + 11 > stop || load<u16>(targetStop, 9) != CRLF) return input;
  const version = load<u64>(targetStop, 1);
  if (version != HTTP_1_1 && version != HTTP_1_0) return input;
  const method = shortMethodId(load<u64>(input), <u32>methodLength);
  setWord(record, RECORD_METHOD, method | (<u32>methodLength << 8));
  setWord(record, RECORD_TARGET_START, <u32>(start - input));
  setWord(record, RECORD_TARGET_LENGTH, <u32>(targetStop - start));
  setWord(record, RECORD_TARGET_FORM, TARGET_ORIGIN);
  const plain = !mayHaveDotSegment && load<u8>(start) == 0x2f && method != METHOD_CONNECT;
  if (!plain && !checkTarget(record, input, start, targetStop)) return 0;
  setWord(record, RECORD_VERSION_MINOR, version == HTTP_1_1 ? 1 : 0);
  setWord(record, RECORD_PHASE, PHASE_LINE);
  return targetStop + 11;
}

/** Bytes of a method that takes at most 15 and has a space behind it, else 0. */
// @ts-ignore: decorator
@inline
function shortMethodLength(input: usize): usize {
  if (load<u32>(input) == GET_SP) return 3;
  const length = <usize>ctz(tokenStops(v128.load(input)) | 0x10000);
  return length - 1 < 15 && load<u8>(input + length) == SP ? length : 0;
}

let mayHaveDotSegment: bool = false;

/**
 * The space behind the target, 0 if it ends otherwise. On the way: does "/." or "/%" occur in it,
 * or shortly behind it?
 */
// @ts-ignore: decorator
@inline
function vectorTargetEnd(start: usize, stop: usize): usize {
  const slash = splat(0x2f);
  const dot = splat(0x2e);
  const percent = splat(0x25);
  let suspects = i8x16.splat(0);
  let p = start;
  while (p < stop) {
    const block = v128.load(p);
    const next = v128.load(p, 1);
    const hidden = v128.or(i8x16.eq(next, dot), i8x16.eq(next, percent));
    suspects = v128.or(suspects, v128.and(i8x16.eq(block, slash), hidden));
    const stops = targetStops(block);
    if (stops != 0) {
      p += <usize>ctz(stops);
      mayHaveDotSegment = v128.any_true(suspects);
      return p < stop && p > start && load<u8>(p) == SP ? p : 0;
    }
    p += 16;
  }
  return 0;
}

export function stepRequestLine(record: usize, input: usize, p: usize, end: usize): usize {
  switch (getWord(record, RECORD_PHASE)) {
    case PHASE_START:
      return stepStart(record, input, p);
    case PHASE_EMPTY_LINE_LF:
      return stepEmptyLineLf(record, input, p);
    case PHASE_METHOD:
      return stepMethod(record, input, p, end);
    case PHASE_TARGET:
      return stepTarget(record, input, p, end);
    default:
      return stepVersion(record, input, p, end);
  }
}

function stepStart(record: usize, input: usize, p: usize): usize {
  if (load<u8>(p) == CR) {
    setWord(record, RECORD_PHASE, PHASE_EMPTY_LINE_LF);
    return p + 1;
  }
  setWord(record, RECORD_PHASE, PHASE_METHOD);
  return p;
}

function stepEmptyLineLf(record: usize, input: usize, p: usize): usize {
  if (load<u8>(p) != LF) return fail(record, ERROR_BARE_CR, p - 1 - input);
  setWord(record, RECORD_METHOD_START, 2);
  setWord(record, RECORD_PHASE, PHASE_METHOD);
  return p + 1;
}

function stepMethod(record: usize, input: usize, p: usize, end: usize): usize {
  const start = input + <usize>getWord(record, RECORD_METHOD_START);
  const stop = tokenEnd(p, min(end, start + METHOD_BYTES_MAX));
  if (stop == end) return end;
  const length = <u32>(stop - start);
  const byte = load<u8>(stop);
  if (byte != SP || length == 0) {
    return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_METHOD, stop - input);
  }
  setWord(record, RECORD_METHOD, methodId(start, length) | (length << 8));
  setWord(record, RECORD_TARGET_START, <u32>(stop + 1 - input));
  setWord(record, RECORD_PHASE, PHASE_TARGET);
  return stop + 1;
}

function stepTarget(record: usize, input: usize, p: usize, end: usize): usize {
  const start = input + <usize>getWord(record, RECORD_TARGET_START);
  const stop = targetEnd(p, min(end, start + TARGET_BYTES_MAX));
  if (stop == end) return end;
  const byte = load<u8>(stop);
  if (byte != SP || stop == start) {
    return fail(record, targetError(byte, <u32>(stop - start)), stop - input);
  }
  setWord(record, RECORD_TARGET_LENGTH, <u32>(stop - start));
  if (!checkTarget(record, input, start, stop)) return 0;
  setWord(record, RECORD_TOKEN_START, <u32>(stop + 1 - input));
  setWord(record, RECORD_PHASE, PHASE_VERSION);
  return stop + 1;
}

function targetError(byte: u8, length: u32): u32 {
  if (byte == LF) return ERROR_BARE_LF;
  if (byte == 0x23) return ERROR_FRAGMENT;
  // HTTP/0.9 has no version; the line ends behind its target.
  if (byte == CR && length > 0) return ERROR_VERSION;
  return (classOf(byte) & CLASS_TARGET) != 0 ? ERROR_TARGET_TOO_LONG : ERROR_TARGET;
}
