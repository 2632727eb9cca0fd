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
  METHOD_GET,
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
import { fastEnd } from "./fast-lines";
import { methodId, shortMethodId } from "./methods";
import { fail, getWord, setWord } from "./record";
import { checkTarget, SLASH } from "./target";
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
import { stepVersion } from "./version";
import { METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "../build/wasm/assembly/limits";

// As little-endian loads read the bytes.
const GET_SP: u32 = 0x20544547;
const SP_HTTP_1_DOT: u64 = 0x2e312f5054544820;
const ONE_CRLF: u32 = 0x0a0d31;
const ZERO_CRLF: u32 = 0x0a0d30;
/** What stands behind a target: the version between a space and CRLF. */
const VERSION_END: usize = 11;

/**
 * The common case, a whole ordinary request line, in vectors. Returns the start of the first field
 * line, 0 after an error of meaning, or `input` if it leaves everything to `stepRequestLine`.
 */
export function scanRequestLine(record: usize, input: usize, end: usize): usize {
  const stop = fastEnd(end);
  if (input + 16 > stop) return input;
  let method: u32 = METHOD_GET;
  let methodLength: usize = 3;
  if (load<u32>(input) != GET_SP) {
    methodLength = shortMethodLength(input);
    if (methodLength == 0) return input;
    method = shortMethodId(load<u64>(input), <u32>methodLength);
  }
  const start = input + methodLength + 1;
  const slash = splat(SLASH);
  const dot = splat(0x2e);
  const percent = splat(0x25);
  const backslash = splat(0x5c);
  // Does "/.", "%" or a backslash occur in the target, or shortly behind it?
  let suspects = i8x16.splat(0);
  let p = start;
  let stops: i32;
  while (true) {
    const block = v128.load(p);
    const next = v128.load(p, 1);
    const segments = v128.and(i8x16.eq(block, slash), i8x16.eq(next, dot));
    const others = v128.or(i8x16.eq(block, percent), i8x16.eq(block, backslash));
    suspects = v128.or(suspects, v128.or(segments, others));
    stops = targetStops(block);
    if (stops != 0) break;
    p += 16;
    if (p >= stop) return input;
  }
  const targetStop = p + <usize>ctz(stops);
  const length = <u32>(targetStop - start);
  if (length - 1 >= TARGET_BYTES_MAX - 1) return input;
  if (targetStop + VERSION_END > stop) return input;
  if (load<u64>(targetStop) != SP_HTTP_1_DOT) return input;
  const last = load<u32>(targetStop, 8) & 0xffffff;
  if (last != ONE_CRLF) {
    if (last != ZERO_CRLF) return input;
  }
  setWord(record, RECORD_METHOD, method | (<u32>methodLength << 8));
  setWord(record, RECORD_TARGET_START, <u32>(start - input));
  setWord(record, RECORD_TARGET_LENGTH, length);
  setWord(record, RECORD_TARGET_FORM, TARGET_ORIGIN);
  if (v128.any_true(suspects) || load<u8>(start) != SLASH || method == METHOD_CONNECT) {
    if (!checkTarget(record, input, start, targetStop)) return 0;
  }
  setWord(record, RECORD_VERSION_MINOR, last & 1);
  setWord(record, RECORD_PHASE, PHASE_LINE);
  return targetStop + VERSION_END;
}

/** Bytes of a method that takes at most 15 and has a space behind it, else 0. */
// @ts-ignore: decorator
@inline
function shortMethodLength(input: usize): usize {
  const length = <usize>ctz(tokenStops(v128.load(input)) | 0x10000);
  return length - 1 < 15 && load<u8>(input + length) == SP ? length : 0;
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
