// The trailer section for the reference parser (RFC 9112 section 7.1.2): gathered in the state's
// buffer and parsed there.

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
} from "../../assembly/layout.ts";
import {
  TRAILER_BYTES_MAX,
  TRAILER_COUNT_MAX,
  TRAILER_INPUT_OFFSET,
  TRAILER_RECORD_OFFSET,
} from "#wasm/limits.js";
import { failChunked } from "./reference-chunked-state.ts";
import { stepFields } from "./reference-fields.ts";
import { isLineEnd } from "./reference-head.ts";
import { FAILED, getWord, type ReferenceMemory, setWord, startRecord } from "./reference-record.ts";

export function startTrailers(memory: ReferenceMemory, state: number): void {
  const record = state + TRAILER_RECORD_OFFSET;
  startRecord(memory, record);
  setWord(memory, record, RECORD_VERSION_MINOR, 1);
  setWord(memory, record, RECORD_PHASE, PHASE_LINE);
}

/**
 * Takes the bytes [p, end); returns the address behind the last one that belongs to the body,
 * FAILED after an error.
 */
export function feedTrailers(
  memory: ReferenceMemory,
  state: number,
  input: number,
  p: number,
  end: number,
): number {
  const record = state + TRAILER_RECORD_OFFSET;
  const buffer = state + TRAILER_INPUT_OFFSET;
  const held = getWord(memory, state, CHUNKED_TRAILER_BYTES);
  const length = Math.min(end - p, TRAILER_BYTES_MAX - held);
  memory.bytes.copyWithin(buffer + held, p, p + length);
  const used = parse(memory, record, buffer, held + length);
  if (used === FAILED) {
    const code = getWord(memory, record, RECORD_ERROR_CODE);
    const offset = p - input - held + getWord(memory, record, RECORD_ERROR_OFFSET);
    const isCount = code === ERROR_TOO_MANY_FIELDS;
    return failChunked(memory, state, isCount ? ERROR_TRAILERS_TOO_LARGE : code, offset);
  }
  setWord(memory, state, CHUNKED_TRAILER_BYTES, used);
  if (getWord(memory, record, RECORD_STATUS) === STATUS_COMPLETE) {
    setWord(memory, state, CHUNKED_STATUS, STATUS_COMPLETE);
  } else if (used === TRAILER_BYTES_MAX) {
    return failChunked(memory, state, ERROR_TRAILERS_TOO_LARGE, p - input + length);
  }
  return p + used - held;
}

/** Length of what has been parsed, FAILED after an error. */
function parse(memory: ReferenceMemory, record: number, buffer: number, length: number): number {
  const end = buffer + length;
  let p = buffer + getWord(memory, record, RECORD_CURSOR);
  while (p < end && p !== FAILED) {
    if (getWord(memory, record, RECORD_PHASE) === PHASE_END_LF) {
      if (!isLineEnd(memory, record, buffer, p)) return FAILED;
      setWord(memory, record, RECORD_STATUS, STATUS_COMPLETE);
      setWord(memory, record, RECORD_HEAD_LENGTH, p + 1 - buffer);
      return p + 1 - buffer;
    }
    p = stepFields(memory, record, buffer, p, end, TRAILER_COUNT_MAX, "trailer");
  }
  if (p === FAILED) return FAILED;
  setWord(memory, record, RECORD_CURSOR, length);
  return length;
}
