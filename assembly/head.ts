// Request and response heads -> HeadRecord (RFC 9112 sections 2 to 6). Hot. Every decision is made
// at the byte that forces it, so that a head gives the same result, code and offset however it is
// split.

import { scanFieldLines } from "./fast-lines";
import { stepFieldSection } from "./field-lines";
import { finishRequest, finishResponse } from "./framing";
import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_HEAD_TOO_LARGE,
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
  const end = input + <usize>min(length, HEAD_BYTES_MAX);
  let p: usize;
  if (isFresh(record)) {
    startRecord(record);
    p = scanRequestLine(record, input, end);
    if (p > input) p = scanFieldLines(record, input, p, end, MODE_REQUEST);
  } else {
    p = input + <usize>getWord(record, RECORD_CURSOR);
  }
  while (p != 0 && p < end) {
    const phase = getWord(record, RECORD_PHASE);
    if (phase == PHASE_END_LF) {
      p = endsWithLf(record, input, p) ? finishRequest(record, input, p) : 0;
      if (p != 0) return complete(record, input, p);
    } else if (phase < <u32>PHASE_LINE) {
      p = stepRequestLine(record, input, p, end);
    } else {
      p = stepFieldSection(record, input, p, end, FIELD_COUNT_MAX, MODE_REQUEST);
      if (p != 0 && p < end && getWord(record, RECORD_PHASE) == PHASE_LINE) {
        p = scanFieldLines(record, input, p, end, MODE_REQUEST);
      }
    }
  }
  return suspend(record, input, p, HEAD_BYTES_MAX);
}

/** Parses a response head; `requestMethod` is the METHOD_* id of the request that it answers. */
export function parseResponseHead(
  record: usize,
  input: usize,
  length: u32,
  requestMethod: u32,
): u32 {
  const end = input + <usize>min(length, HEAD_BYTES_MAX);
  let p: usize;
  if (isFresh(record)) {
    startRecord(record);
    p = scanStatusLine(record, input, end);
    if (p > input) p = scanFieldLines(record, input, p, end, MODE_RESPONSE);
  } else {
    p = input + <usize>getWord(record, RECORD_CURSOR);
  }
  while (p != 0 && p < end) {
    const phase = getWord(record, RECORD_PHASE);
    if (phase == PHASE_END_LF) {
      p = endsWithLf(record, input, p) ? finishResponse(record, input, p, requestMethod) : 0;
      if (p != 0) return complete(record, input, p);
    } else if (phase < <u32>PHASE_LINE) {
      p = stepStatusLine(record, input, p, end);
    } else {
      p = stepFieldSection(record, input, p, end, FIELD_COUNT_MAX, MODE_RESPONSE);
      if (p != 0 && p < end && getWord(record, RECORD_PHASE) == PHASE_LINE) {
        p = scanFieldLines(record, input, p, end, MODE_RESPONSE);
      }
    }
  }
  return suspend(record, input, p, HEAD_BYTES_MAX);
}

// @ts-ignore: decorator
@inline
function isFresh(record: usize): bool {
  const incomplete = getWord(record, RECORD_STATUS) == STATUS_INCOMPLETE;
  return !incomplete || getWord(record, RECORD_PHASE) == PHASE_START;
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
