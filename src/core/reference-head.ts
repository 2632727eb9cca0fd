// Request and response heads for the reference parser: the order of the phases, and what only the
// whole head decides (RFC 9112 sections 3.2, 6.3 and 9.3).

import {
  ERROR_BARE_CR,
  ERROR_HEAD_TOO_LARGE,
  ERROR_HOST_MISSING,
  ERROR_TRANSFER_ENCODING,
  FIELD_CONTENT_LENGTH,
  FIELD_TRANSFER_ENCODING,
  FIELD_UPGRADE,
  FLAG_INTERNAL,
  FLAG_KEEP_ALIVE,
  FLAG_OPTION_CLOSE,
  FLAG_OPTION_KEEP_ALIVE,
  FLAG_OPTION_UPGRADE,
  FLAG_UPGRADE,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  FRAMING_NONE,
  METHOD_CONNECT,
  METHOD_HEAD,
  PHASE_END_LF,
  PHASE_LINE,
  PHASE_START,
  RECORD_CURSOR,
  RECORD_FLAGS,
  RECORD_FRAMING,
  RECORD_HEAD_LENGTH,
  RECORD_HOST_INDEX,
  RECORD_PHASE,
  RECORD_STATUS,
  RECORD_STATUS_CODE,
  RECORD_TARGET_FORM,
  RECORD_VERSION_MINOR,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
  TARGET_ABSOLUTE,
} from "../../assembly/layout.ts";
import { FIELD_COUNT_MAX, HEAD_BYTES_MAX } from "#wasm/limits.js";
import { stepFields } from "./reference-fields.ts";
import { scanLines } from "./reference-lines.ts";
import { isPresent } from "./reference-meaning.ts";
import {
  addFlags,
  FAILED,
  fail,
  getWord,
  NO_INDEX,
  type ReferenceMemory,
  setWord,
  startRecord,
} from "./reference-record.ts";
import { stepRequestLine, stepStatusLine } from "./reference-start-line.ts";
import { checkHostAgrees } from "./reference-target.ts";

const LF = 0x0a;

export function parseRequestHeadIn(
  memory: ReferenceMemory,
  record: number,
  input: number,
  length: number,
): number {
  startUnlessIncomplete(memory, record);
  const end = input + Math.min(length, HEAD_BYTES_MAX);
  let p = input + getWord(memory, record, RECORD_CURSOR);
  while (p < end && p !== FAILED) {
    const phase = getWord(memory, record, RECORD_PHASE);
    if (phase < PHASE_LINE) {
      p = stepRequestLine(memory, record, input, p, end);
    } else if (phase !== PHASE_END_LF) {
      if (phase === PHASE_LINE) p = scanLines(memory, record, input, p, end, "request");
      if (p === FAILED || p >= end) continue;
      p = stepFields(memory, record, input, p, end, FIELD_COUNT_MAX, "request");
    } else if (isLineEnd(memory, record, input, p) && finishRequest(memory, record, input, p)) {
      return complete(memory, record, p + 1 - input);
    } else {
      p = FAILED;
    }
  }
  return suspend(memory, record, input, p);
}

export function parseResponseHeadIn(
  memory: ReferenceMemory,
  record: number,
  input: number,
  length: number,
  requestMethodId: number,
): number {
  startUnlessIncomplete(memory, record);
  const end = input + Math.min(length, HEAD_BYTES_MAX);
  let p = input + getWord(memory, record, RECORD_CURSOR);
  while (p < end && p !== FAILED) {
    const phase = getWord(memory, record, RECORD_PHASE);
    if (phase < PHASE_LINE) {
      p = stepStatusLine(memory, record, input, p, end);
    } else if (phase !== PHASE_END_LF) {
      if (phase === PHASE_LINE) p = scanLines(memory, record, input, p, end, "response");
      if (p === FAILED || p >= end) continue;
      p = stepFields(memory, record, input, p, end, FIELD_COUNT_MAX, "response");
    } else if (
      isLineEnd(memory, record, input, p) &&
      finishResponse(memory, record, p - 1 - input, requestMethodId)
    ) {
      return complete(memory, record, p + 1 - input);
    } else {
      p = FAILED;
    }
  }
  return suspend(memory, record, input, p);
}

/** Makes the next parse call on this record start a new head. */
export function resetRecordIn(memory: ReferenceMemory, record: number): void {
  setWord(memory, record, RECORD_STATUS, STATUS_INCOMPLETE);
  setWord(memory, record, RECORD_PHASE, PHASE_START);
}

/**
 * The byte at `p` is the LF of the empty line; else the CR before it was bare, and the record says
 * so.
 */
export function isLineEnd(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
): boolean {
  if (memory.bytes[p] === LF) return true;
  fail(memory, record, ERROR_BARE_CR, p - 1 - input);
  return false;
}

function startUnlessIncomplete(memory: ReferenceMemory, record: number): void {
  const isIncomplete = getWord(memory, record, RECORD_STATUS) === STATUS_INCOMPLETE;
  const isStarted = getWord(memory, record, RECORD_PHASE) !== PHASE_START;
  if (!isIncomplete || !isStarted) startRecord(memory, record);
}

function complete(memory: ReferenceMemory, record: number, length: number): number {
  const flags = getWord(memory, record, RECORD_FLAGS);
  setWord(memory, record, RECORD_HEAD_LENGTH, length);
  setWord(memory, record, RECORD_FLAGS, flags & (FLAG_INTERNAL - 1));
  setWord(memory, record, RECORD_STATUS, STATUS_COMPLETE);
  return STATUS_COMPLETE;
}

function suspend(memory: ReferenceMemory, record: number, input: number, p: number): number {
  if (p === FAILED) return STATUS_ERROR;
  if (p - input === HEAD_BYTES_MAX) {
    fail(memory, record, ERROR_HEAD_TOO_LARGE, p - input);
    return STATUS_ERROR;
  }
  setWord(memory, record, RECORD_CURSOR, p - input);
  return STATUS_INCOMPLETE;
}

/** `p` is the LF of the empty line. False after an error. */
function finishRequest(memory: ReferenceMemory, record: number, input: number, p: number): boolean {
  const hasHost = getWord(memory, record, RECORD_HOST_INDEX) !== NO_INDEX;
  if (!hasHost && getWord(memory, record, RECORD_VERSION_MINOR) === 1) {
    fail(memory, record, ERROR_HOST_MISSING, p - 1 - input);
    return false;
  }
  const isAbsolute = getWord(memory, record, RECORD_TARGET_FORM) === TARGET_ABSOLUTE;
  if (isAbsolute && checkHostAgrees(memory, record, input) === FAILED) return false;
  setWord(memory, record, RECORD_FRAMING, declaredFraming(memory, record, FRAMING_NONE));
  addFlags(memory, record, persistence(memory, record) | upgrade(memory, record));
  return true;
}

function finishResponse(
  memory: ReferenceMemory,
  record: number,
  emptyLine: number,
  requestMethodId: number,
): boolean {
  const code = getWord(memory, record, RECORD_STATUS_CODE);
  const hasNone = code < 200 || code === 204;
  if (hasNone && isPresent(memory, record, FIELD_TRANSFER_ENCODING)) {
    fail(memory, record, ERROR_TRANSFER_ENCODING, emptyLine);
    return false;
  }
  const isTunnel = requestMethodId === METHOD_CONNECT && code >= 200 && code < 300;
  const isBare = hasNone || isTunnel || code === 304 || requestMethodId === METHOD_HEAD;
  const framing = isBare ? FRAMING_NONE : declaredFraming(memory, record, FRAMING_CLOSE);
  setWord(memory, record, RECORD_FRAMING, framing);
  const persists = framing === FRAMING_CLOSE ? 0 : persistence(memory, record);
  addFlags(memory, record, persists | upgrade(memory, record));
  return true;
}

function declaredFraming(memory: ReferenceMemory, record: number, otherwise: number): number {
  if (isPresent(memory, record, FIELD_TRANSFER_ENCODING)) return FRAMING_CHUNKED;
  return isPresent(memory, record, FIELD_CONTENT_LENGTH) ? FRAMING_LENGTH : otherwise;
}

function persistence(memory: ReferenceMemory, record: number): number {
  const flags = getWord(memory, record, RECORD_FLAGS);
  const isModern = getWord(memory, record, RECORD_VERSION_MINOR) === 1;
  const isAsked = isModern || (flags & FLAG_OPTION_KEEP_ALIVE) !== 0;
  return isAsked && (flags & FLAG_OPTION_CLOSE) === 0 ? FLAG_KEEP_ALIVE : 0;
}

function upgrade(memory: ReferenceMemory, record: number): number {
  const isNamed = (getWord(memory, record, RECORD_FLAGS) & FLAG_OPTION_UPGRADE) !== 0;
  const isModern = getWord(memory, record, RECORD_VERSION_MINOR) === 1;
  return isNamed && isModern && isPresent(memory, record, FIELD_UPGRADE) ? FLAG_UPGRADE : 0;
}
