// Request and response heads -> HeadRecord (RFC 9112 sections 2 to 6). Hot. Every decision is made
// at the byte that forces it, so that a head gives the same result, code and offset however it is
// split.

import { CRLF, scanFieldLines } from "./fast-lines";
import { stepFieldSection } from "./field-lines";
import { finishRequest, finishResponse } from "./framing";
import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_HEAD_TOO_LARGE,
  METHOD_OTHER,
  PHASE_END_LF,
  PHASE_LINE,
  PHASE_START,
  RECORD_CURSOR,
  RECORD_FLAGS,
  RECORD_HEAD_LENGTH,
  RECORD_PHASE,
  RECORD_STATUS,
  FLAG_INTERNAL,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "./layout";
import { fail, getWord, MODE_REQUEST, MODE_RESPONSE, setWord, startRecord } from "./record";
import { scanRequestLine, stepRequestLine } from "./request-line";
import { LF } from "./scan";
import { scanStatusLine, stepStatusLine } from "./status-line";
import { FIELD_COUNT_MAX, HEAD_BYTES_MAX } from "../build/wasm/assembly/limits";

/**
 * Parses the request head at `input`. STATUS_INCOMPLETE: call again with the same record and input
 * and a larger length; no byte is looked at twice but those of a field line that lay at the end.
 */
export function parseRequestHead(record: usize, input: usize, length: u32): u32 {
  return parseHead(record, input, length, MODE_REQUEST, METHOD_OTHER);
}

/** Parses a response head; `requestMethod` is the METHOD_* id of the request that it answers. */
export function parseResponseHead(
  record: usize,
  input: usize,
  length: u32,
  requestMethod: u32,
): u32 {
  return parseHead(record, input, length, MODE_RESPONSE, requestMethod);
}

function parseHead(
  record: usize,
  input: usize,
  length: u32,
  mode: u32,
  requestMethod: u32,
): u32 {
  const end = input + <usize>min(length, HEAD_BYTES_MAX);
  let p: usize;
  if (isFresh(record)) {
    startRecord(record);
    if (mode == MODE_REQUEST) p = scanRequestLine(record, input, end);
    else p = scanStatusLine(record, input, end);
  } else {
    p = input + <usize>getWord(record, RECORD_CURSOR);
  }
  // The LF of the empty line, once it is found.
  let last: usize = 0;
  while (p != 0 && p < end) {
    const phase = getWord(record, RECORD_PHASE);
    if (phase == PHASE_LINE) {
      p = scanFieldLines(record, input, p, end, mode);
      if (p == 0 || p >= end) break;
      if (isEmptyLine(p, end)) {
        last = p + 1;
        break;
      }
    } else if (phase == PHASE_END_LF) {
      if (endsWithLf(record, input, p)) last = p;
      else p = 0;
      break;
    }
    if (phase >= <u32>PHASE_LINE) {
      p = stepFieldSection(record, input, p, end, FIELD_COUNT_MAX, mode);
    } else if (mode == MODE_REQUEST) {
      p = stepRequestLine(record, input, p, end);
    } else {
      p = stepStatusLine(record, input, p, end);
    }
  }
  if (last == 0) return suspend(record, input, p, HEAD_BYTES_MAX);
  if (mode == MODE_REQUEST) p = finishRequest(record, input, last);
  else p = finishResponse(record, input, last, requestMethod);
  return p != 0 ? complete(record, input, p) : STATUS_ERROR;
}

// @ts-ignore: decorator
@inline
function isFresh(record: usize): bool {
  const incomplete = getWord(record, RECORD_STATUS) == STATUS_INCOMPLETE;
  return !incomplete || getWord(record, RECORD_PHASE) == PHASE_START;
}

/** The whole of it, at the line start `p`. */
// @ts-ignore: decorator
@inline
function isEmptyLine(p: usize, end: usize): bool {
  return p + 2 <= end && load<u16>(p) == CRLF;
}

export function endsWithLf(record: usize, input: usize, p: usize): bool {
  return load<u8>(p) == LF || fail(record, ERROR_BARE_CR, p - 1 - input) != 0;
}

/** `p` is the LF of the empty line. */
export function complete(record: usize, input: usize, p: usize): u32 {
  setWord(record, RECORD_HEAD_LENGTH, <u32>(p + 1 - input));
  setWord(record, RECORD_FLAGS, getWord(record, RECORD_FLAGS) & (FLAG_INTERNAL - 1));
  setWord(record, RECORD_STATUS, STATUS_COMPLETE);
  return STATUS_COMPLETE;
}

/**
 * All bytes are looked at, or there was an error (`p` is 0). A head that cannot end within its
 * limit is an error already.
 */
export function suspend(record: usize, input: usize, p: usize, bytesMax: u32): u32 {
  if (p == 0) return STATUS_ERROR;
  const scanned = <u32>(p - input);
  if (scanned == bytesMax) {
    fail(record, ERROR_HEAD_TOO_LARGE, scanned);
    return STATUS_ERROR;
  }
  setWord(record, RECORD_CURSOR, scanned);
  return STATUS_INCOMPLETE;
}
