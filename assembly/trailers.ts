// The trailer section behind the last chunk (RFC 9112 section 7.1.2): gathered in the state's
// buffer, because it may come in pieces, and parsed there as field lines into the state's own
// HeadRecord.

import { failChunked } from "./chunked";
import { stepFieldSection } from "./field-lines";
import { endsWithLf } from "./head";
import {
  CHUNKED_STATUS,
  CHUNKED_TRAILER_BYTES,
  ERROR_TOO_MANY_FIELDS,
  ERROR_TRAILERS_TOO_LARGE,
  PHASE_END_LF,
  PHASE_LINE,
  RECORD_CURSOR,
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_HEAD_LENGTH,
  RECORD_PHASE,
  RECORD_STATUS,
  RECORD_VERSION_MINOR,
  STATUS_COMPLETE,
} from "./layout";
import { getWord, MODE_TRAILER, setWord, startRecord } from "./record";
import {
  TRAILER_BYTES_MAX,
  TRAILER_COUNT_MAX,
  TRAILER_INPUT_OFFSET,
  TRAILER_RECORD_OFFSET,
} from "../build/wasm/assembly/limits";

export function startTrailers(state: usize): void {
  const record = state + TRAILER_RECORD_OFFSET;
  startRecord(record);
  setWord(record, RECORD_VERSION_MINOR, 1);
  setWord(record, RECORD_PHASE, PHASE_LINE);
}

/**
 * Takes the bytes [p, end) of the body; returns the address behind the last one that belongs to it,
 * 0 after an error.
 */
export function feedTrailers(state: usize, input: usize, p: usize, end: usize): usize {
  const record = state + TRAILER_RECORD_OFFSET;
  const buffer = state + TRAILER_INPUT_OFFSET;
  const held = <usize>getWord(state, CHUNKED_TRAILER_BYTES);
  const length = min(end - p, <usize>TRAILER_BYTES_MAX - held);
  memory.copy(buffer + held, p, length);
  const used = parse(record, buffer, held + length);
  if (used == 0) return failTrailers(state, record, <i64>(p - input) - <i64>held);
  setWord(state, CHUNKED_TRAILER_BYTES, <u32>used);
  if (getWord(record, RECORD_STATUS) == STATUS_COMPLETE) {
    setWord(state, CHUNKED_STATUS, STATUS_COMPLETE);
  } else if (used == TRAILER_BYTES_MAX) {
    const offset = <i64>(p - input) + <i64>length;
    return failChunked(state, ERROR_TRAILERS_TOO_LARGE, offset);
  }
  return p + (used - held);
}

/** Length of what has been parsed; 0 after an error. */
function parse(record: usize, buffer: usize, length: usize): usize {
  const end = buffer + length;
  let p = buffer + <usize>getWord(record, RECORD_CURSOR);
  while (p != 0 && p < end) {
    if (getWord(record, RECORD_PHASE) == PHASE_END_LF) {
      if (!endsWithLf(record, buffer, p)) return 0;
      setWord(record, RECORD_STATUS, STATUS_COMPLETE);
      setWord(record, RECORD_HEAD_LENGTH, <u32>(p + 1 - buffer));
      return p + 1 - buffer;
    }
    p = stepFieldSection(record, buffer, p, end, TRAILER_COUNT_MAX, MODE_TRAILER);
  }
  if (p == 0) return 0;
  setWord(record, RECORD_CURSOR, <u32>length);
  return length;
}

function failTrailers(state: usize, record: usize, start: i64): usize {
  const code = getWord(record, RECORD_ERROR_CODE);
  const offset = start + <i64>getWord(record, RECORD_ERROR_OFFSET);
  const tooMany = code == ERROR_TOO_MANY_FIELDS;
  return failChunked(state, tooMany ? ERROR_TRAILERS_TOO_LARGE : code, offset);
}
