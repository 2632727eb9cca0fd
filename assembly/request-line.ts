// The request line (RFC 9112 section 3): method, request-target, version, each behind exactly one space; one empty line before it
// is skipped (section 2.2). Resumable at every byte.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_FRAGMENT,
  ERROR_METHOD,
  ERROR_TARGET,
  ERROR_TARGET_TOO_LONG,
  ERROR_VERSION,
  PHASE_EMPTY_LINE_LF,
  PHASE_METHOD,
  PHASE_START,
  PHASE_TARGET,
  PHASE_VERSION,
  RECORD_METHOD,
  RECORD_METHOD_START,
  RECORD_PHASE,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  RECORD_TOKEN_START,
} from "./layout";
import { methodId } from "./methods";
import { fail, getWord, setWord } from "./record";
import { checkTarget } from "./target";
import { CLASS_TARGET, classOf, CR, LF, SP, targetEnd, tokenEnd } from "./scan";
import { stepVersion } from "./version";
import { METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "../build/wasm/assembly/limits";

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
  if (byte != SP || stop == start) return fail(record, targetError(byte, stop == start), stop - input);
  setWord(record, RECORD_TARGET_LENGTH, <u32>(stop - start));
  if (!checkTarget(record, input, start, stop)) return 0;
  setWord(record, RECORD_TOKEN_START, <u32>(stop + 1 - input));
  setWord(record, RECORD_PHASE, PHASE_VERSION);
  return stop + 1;
}

function targetError(byte: u8, empty: bool): u32 {
  if (byte == LF) return ERROR_BARE_LF;
  if (byte == 0x23) return ERROR_FRAGMENT;
  // HTTP/0.9 has no version; the line ends behind its target.
  if (byte == CR && !empty) return ERROR_VERSION;
  return (classOf(byte) & CLASS_TARGET) != 0 ? ERROR_TARGET_TOO_LONG : ERROR_TARGET;
}
