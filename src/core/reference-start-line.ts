// Request line and status line for the reference parser (RFC 9112 sections 3 and 4). Resumable at
// every byte.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_FRAGMENT,
  ERROR_METHOD,
  ERROR_STATUS_LINE,
  ERROR_TARGET,
  ERROR_TARGET_TOO_LONG,
  ERROR_VERSION,
  ERROR_VERSION_UNSUPPORTED,
  METHOD_CONNECT,
  METHOD_DELETE,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_PATCH,
  METHOD_POST,
  METHOD_PUT,
  METHOD_QUERY,
  METHOD_TRACE,
  PHASE_EMPTY_LINE_LF,
  PHASE_LINE,
  PHASE_METHOD,
  PHASE_REASON,
  PHASE_REASON_LF,
  PHASE_START,
  PHASE_STATUS_CODE,
  PHASE_TARGET,
  PHASE_VERSION,
  RECORD_METHOD,
  RECORD_METHOD_START,
  RECORD_PHASE,
  RECORD_REASON_LENGTH,
  RECORD_REASON_START,
  RECORD_STATUS_CODE,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  RECORD_TOKEN_START,
  RECORD_VERSION_MINOR,
} from "../../assembly/layout.ts";
import { METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "#wasm/limits.js";
import { CLASSES, DIGIT, TARGET, TOKEN, VALUE } from "./byte-classes.ts";
import { FAILED, fail, getWord, type ReferenceMemory, setWord } from "./reference-record.ts";
import { checkTarget } from "./reference-target.ts";

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HASH = 0x23;
const ZERO = 0x30;
const ONE = 0x31;

/** Byte classes or bytes of HTTP-version: 0 stands for any digit. */
const VERSION = [0x48, 0x54, 0x54, 0x50, 0x2f, 0, 0x2e, 0];

const METHODS: readonly (readonly [id: number, name: Uint8Array])[] = [
  [METHOD_GET, namedBytes("GET")],
  [METHOD_HEAD, namedBytes("HEAD")],
  [METHOD_POST, namedBytes("POST")],
  [METHOD_PUT, namedBytes("PUT")],
  [METHOD_DELETE, namedBytes("DELETE")],
  [METHOD_CONNECT, namedBytes("CONNECT")],
  [METHOD_OPTIONS, namedBytes("OPTIONS")],
  [METHOD_TRACE, namedBytes("TRACE")],
  [METHOD_PATCH, namedBytes("PATCH")],
  [METHOD_QUERY, namedBytes("QUERY")],
];

export function stepRequestLine(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
  end: number,
): number {
  switch (getWord(memory, record, RECORD_PHASE)) {
    case PHASE_START: {
      const isEmptyLine = memory.bytes[p] === CR;
      setWord(memory, record, RECORD_PHASE, isEmptyLine ? PHASE_EMPTY_LINE_LF : PHASE_METHOD);
      return isEmptyLine ? p + 1 : p;
    }
    case PHASE_EMPTY_LINE_LF:
      if (memory.bytes[p] !== LF) return fail(memory, record, ERROR_BARE_CR, p - 1 - input);
      setWord(memory, record, RECORD_METHOD_START, p + 1 - input);
      setWord(memory, record, RECORD_PHASE, PHASE_METHOD);
      return p + 1;
    case PHASE_METHOD:
      return stepMethod(memory, record, input, p, end);
    case PHASE_TARGET:
      return stepTarget(memory, record, input, p, end);
    default:
      return stepVersion(memory, record, input, p, end);
  }
}

export function stepStatusLine(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
  end: number,
): number {
  switch (getWord(memory, record, RECORD_PHASE)) {
    case PHASE_START:
      setWord(memory, record, RECORD_PHASE, PHASE_VERSION);
      return p;
    case PHASE_VERSION:
      return stepStatusVersion(memory, record, input, p);
    case PHASE_STATUS_CODE:
      return stepStatusCode(memory, record, input, p);
    case PHASE_REASON:
      return stepReason(memory, record, input, p, end);
    default:
      if (memory.bytes[p] !== LF) return fail(memory, record, ERROR_BARE_CR, p - 1 - input);
      setWord(memory, record, RECORD_PHASE, PHASE_LINE);
      return p + 1;
  }
}

function stepMethod(
  memory: ReferenceMemory,
  record: number,
  input: number,
  at: number,
  end: number,
): number {
  const { bytes } = memory;
  const start = input + getWord(memory, record, RECORD_METHOD_START);
  const bound = Math.min(end, start + METHOD_BYTES_MAX);
  let p = at;
  while (p < bound && ((CLASSES[bytes[p] as number] as number) & TOKEN) !== 0) p++;
  if (p === end) return end;
  if (bytes[p] !== SP || p === start) {
    return fail(memory, record, bytes[p] === LF ? ERROR_BARE_LF : ERROR_METHOD, p - input);
  }
  const id = methodIdOf(bytes, start, p);
  setWord(memory, record, RECORD_METHOD, id | ((p - start) << 8));
  setWord(memory, record, RECORD_TARGET_START, p + 1 - input);
  setWord(memory, record, RECORD_PHASE, PHASE_TARGET);
  return p + 1;
}

function methodIdOf(bytes: Uint8Array, start: number, end: number): number {
  for (const [id, name] of METHODS) {
    if (name.length !== end - start) continue;
    let index = 0;
    while (index < name.length && name[index] === bytes[start + index]) index++;
    if (index === name.length) return id;
  }
  return METHOD_OTHER;
}

function stepTarget(
  memory: ReferenceMemory,
  record: number,
  input: number,
  at: number,
  end: number,
): number {
  const { bytes } = memory;
  const start = input + getWord(memory, record, RECORD_TARGET_START);
  const bound = Math.min(end, start + TARGET_BYTES_MAX);
  let p = at;
  while (p < bound && ((CLASSES[bytes[p] as number] as number) & TARGET) !== 0) p++;
  if (p === end) return end;
  const byte = bytes[p] as number;
  if (byte !== SP || p === start) {
    return fail(memory, record, targetError(byte, p - start), p - input);
  }
  setWord(memory, record, RECORD_TARGET_LENGTH, p - start);
  if (checkTarget(memory, record, input, start, p) === FAILED) return FAILED;
  setWord(memory, record, RECORD_TOKEN_START, p + 1 - input);
  setWord(memory, record, RECORD_PHASE, PHASE_VERSION);
  return p + 1;
}

function targetError(byte: number, length: number): number {
  if (byte === LF) return ERROR_BARE_LF;
  if (byte === HASH) return ERROR_FRAGMENT;
  if (byte === CR && length > 0) return ERROR_VERSION;
  return ((CLASSES[byte] as number) & TARGET) !== 0 ? ERROR_TARGET_TOO_LONG : ERROR_TARGET;
}

/** The byte may stand at `index` of an HTTP-version. */
function isVersionByte(byte: number, index: number): boolean {
  const expected = VERSION[index] as number;
  return expected === 0 ? ((CLASSES[byte] as number) & DIGIT) !== 0 : byte === expected;
}

function stepVersion(
  memory: ReferenceMemory,
  record: number,
  input: number,
  at: number,
  end: number,
): number {
  const { bytes } = memory;
  const start = input + getWord(memory, record, RECORD_TOKEN_START);
  for (let p = at; p < end; p++) {
    const byte = bytes[p] as number;
    const index = p - start;
    if (index > VERSION.length) {
      if (byte !== LF) return fail(memory, record, ERROR_BARE_CR, p - 1 - input);
      setWord(memory, record, RECORD_PHASE, PHASE_LINE);
      return noteVersion(memory, record, input, start) === FAILED ? FAILED : p + 1;
    }
    const isGood = index === VERSION.length ? byte === CR : isVersionByte(byte, index);
    if (!isGood) {
      return fail(memory, record, byte === LF ? ERROR_BARE_LF : ERROR_VERSION, p - input);
    }
  }
  return end;
}

function noteVersion(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
): number {
  if (memory.bytes[start + 5] !== ONE) {
    return fail(memory, record, ERROR_VERSION_UNSUPPORTED, start - input);
  }
  setWord(memory, record, RECORD_VERSION_MINOR, memory.bytes[start + 7] === ZERO ? 0 : 1);
  return start;
}

function stepStatusVersion(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
): number {
  const byte = memory.bytes[p] as number;
  const index = p - input;
  if (index < VERSION.length) {
    if (isVersionByte(byte, index)) return p + 1;
    return fail(memory, record, byte === LF ? ERROR_BARE_LF : ERROR_VERSION, index);
  }
  if (byte !== SP) {
    return fail(memory, record, byte === LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, index);
  }
  setWord(memory, record, RECORD_PHASE, PHASE_STATUS_CODE);
  return noteVersion(memory, record, input, input) === FAILED ? FAILED : p + 1;
}

function stepStatusCode(memory: ReferenceMemory, record: number, input: number, p: number): number {
  const byte = memory.bytes[p] as number;
  const index = p - input;
  const digits = index - VERSION.length - 1;
  if (digits === 3 && (byte === SP || byte === CR)) {
    setWord(memory, record, RECORD_REASON_START, byte === SP ? index + 1 : index);
    setWord(memory, record, RECORD_PHASE, byte === SP ? PHASE_REASON : PHASE_REASON_LF);
    return p + 1;
  }
  const isDigit = ((CLASSES[byte] as number) & DIGIT) !== 0;
  if (digits === 3 || !isDigit || (digits === 0 && byte === ZERO)) {
    return fail(memory, record, byte === LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, index);
  }
  const code = getWord(memory, record, RECORD_STATUS_CODE);
  setWord(memory, record, RECORD_STATUS_CODE, code * 10 + byte - ZERO);
  return p + 1;
}

function stepReason(
  memory: ReferenceMemory,
  record: number,
  input: number,
  at: number,
  end: number,
): number {
  const { bytes } = memory;
  let p = at;
  while (p < end && ((CLASSES[bytes[p] as number] as number) & VALUE) !== 0) p++;
  if (p === end) return end;
  if (bytes[p] !== CR) {
    return fail(memory, record, bytes[p] === LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, p - input);
  }
  const start = getWord(memory, record, RECORD_REASON_START);
  setWord(memory, record, RECORD_REASON_LENGTH, p - input - start);
  setWord(memory, record, RECORD_PHASE, PHASE_REASON_LF);
  return p + 1;
}

function namedBytes(name: string): Uint8Array {
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}
