// Request-target forms for the reference parser (RFC 9112 section 3.2), what may not be in a path,
// agreement of Host and absolute form.

import {
  ERROR_DOT_SEGMENT,
  ERROR_HOST_MISMATCH,
  ERROR_METHOD_TARGET,
  ERROR_TARGET,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  METHOD_CONNECT,
  METHOD_OPTIONS,
  RECORD_FIELDS,
  RECORD_HOST_INDEX,
  RECORD_METHOD,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  TARGET_ABSOLUTE,
  TARGET_ASTERISK,
  TARGET_AUTHORITY,
  TARGET_ORIGIN,
} from "../../assembly/layout.ts";
import { LOWER } from "./byte-classes.ts";
import { authoritiesAgree, hostEndIn } from "./reference-authority.ts";
import {
  FAILED,
  fail,
  getWord,
  NO_INDEX,
  type ReferenceMemory,
  setWord,
} from "./reference-record.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const QUESTION_MARK = 0x3f;
const ASTERISK = 0x2a;
const HTTP = [..."http://"].map((character) => character.charCodeAt(0));
const HTTPS = [..."https://"].map((character) => character.charCodeAt(0));
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const ENCODED_DOT = [..."%2e"].map((character) => character.charCodeAt(0));
const ENCODED_SLASH = [..."%2f"].map((character) => character.charCodeAt(0));
const ENCODED_BACKSLASH = [..."%5c"].map((character) => character.charCodeAt(0));
const ENCODED_NUL = [..."%00"].map((character) => character.charCodeAt(0));

/** Decides and checks the form of the target in [start, end); FAILED after an error. */
export function checkTarget(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
  end: number,
): number {
  const { bytes } = memory;
  const method = getWord(memory, record, RECORD_METHOD) & 0xff;
  const form = formOf(bytes, start, end);
  if (method === METHOD_CONNECT) {
    setWord(memory, record, RECORD_TARGET_FORM, TARGET_AUTHORITY);
    const colon = hostEndIn(bytes, start, end);
    if (colon >= 0 && colon < end) return end;
    const code = form === TARGET_AUTHORITY ? ERROR_TARGET : ERROR_METHOD_TARGET;
    return fail(memory, record, code, start - input);
  }
  setWord(memory, record, RECORD_TARGET_FORM, form);
  if (form === TARGET_ASTERISK) {
    if (method === METHOD_OPTIONS) return end;
    return fail(memory, record, ERROR_METHOD_TARGET, start - input);
  }
  let path = start;
  if (form !== TARGET_ORIGIN) {
    const authority = start + schemeBytes(bytes, start, end);
    path = pathStart(bytes, authority, end);
    if (form !== TARGET_ABSOLUTE || hostEndIn(bytes, authority, path) < 0) {
      return fail(memory, record, ERROR_TARGET, start - input);
    }
  }
  const segment = dotSegment(bytes, path, end);
  const byte = forbiddenByte(bytes, path, end);
  if (byte !== FAILED && (segment === FAILED || byte < segment)) {
    return fail(memory, record, ERROR_TARGET, byte - input);
  }
  return segment === FAILED ? end : fail(memory, record, ERROR_DOT_SEGMENT, segment - input);
}

/** RFC 9112 section 3.2.2, for a complete head with an absolute-form target. */
export function checkHostAgrees(memory: ReferenceMemory, record: number, input: number): number {
  const index = getWord(memory, record, RECORD_HOST_INDEX);
  if (index === NO_INDEX) return input;
  const start = input + getWord(memory, record, RECORD_TARGET_START);
  const end = start + getWord(memory, record, RECORD_TARGET_LENGTH);
  const scheme = schemeBytes(memory.bytes, start, end);
  const authority = start + scheme;
  const entry = RECORD_FIELDS + index * FIELD_WORDS;
  const host = input + getWord(memory, record, entry + FIELD_VALUE_START);
  const hostEnd = host + getWord(memory, record, entry + FIELD_VALUE_LENGTH);
  const agree = authoritiesAgree(
    memory.bytes,
    [authority, pathStart(memory.bytes, authority, end)],
    [host, hostEnd],
    scheme === HTTPS.length ? 443 : 80,
  );
  return agree ? input : fail(memory, record, ERROR_HOST_MISMATCH, host - input);
}

/** Length of "http://" or "https://" at `start`, in any case; 0 if there is neither. */
export function schemeBytes(bytes: Uint8Array, start: number, end: number): number {
  if (startsWith(bytes, start, end, HTTP)) return HTTP.length;
  return startsWith(bytes, start, end, HTTPS) ? HTTPS.length : 0;
}

/** First "/" or "?" in [start, end), else `end`. */
export function pathStart(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end && bytes[p] !== SLASH && bytes[p] !== QUESTION_MARK) p++;
  return p;
}

function startsWith(
  bytes: Uint8Array,
  start: number,
  end: number,
  text: readonly number[],
): boolean {
  if (end - start < text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (LOWER[bytes[start + index] as number] !== text[index]) return false;
  }
  return true;
}

function formOf(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] === SLASH) return TARGET_ORIGIN;
  if (bytes[start] === ASTERISK && end === start + 1) return TARGET_ASTERISK;
  return schemeBytes(bytes, start, end) > 0 ? TARGET_ABSOLUTE : TARGET_AUTHORITY;
}

/**
 * Index of the first segment of the path that is "." or "..", a dot maybe as %2e (RFC 3986 section
 * 3.3), the slashes around it maybe as %2f or %5c, parameters behind it or not; FAILED without one.
 */
function dotSegment(bytes: Uint8Array, start: number, end: number): number {
  let segment = start + 1;
  let dots = 0;
  let others = 0;
  for (let p = segment; p <= end && start < end && bytes[start] === SLASH; p++) {
    const byte = p < end ? bytes[p] : QUESTION_MARK;
    const isEncodedSlash =
      startsWith(bytes, p, end, ENCODED_SLASH) || startsWith(bytes, p, end, ENCODED_BACKSLASH);
    const isSlash = byte === SLASH || isEncodedSlash;
    if (isSlash || byte === QUESTION_MARK || byte === SEMICOLON) {
      if (others === 0 && (dots === 1 || dots === 2)) return segment;
      if (byte === QUESTION_MARK) return FAILED;
      if (isEncodedSlash) p += ENCODED_SLASH.length - 1;
      if (isSlash) segment = p + 1;
      dots = 0;
      others = isSlash ? 0 : 1;
    } else if (byte === DOT) {
      dots++;
    } else if (startsWith(bytes, p, end, ENCODED_DOT)) {
      dots++;
      p += ENCODED_DOT.length - 1;
    } else {
      others++;
    }
  }
  return FAILED;
}

/** Index of the first byte of the path that may not be there: a backslash, or %00; or FAILED. */
function forbiddenByte(bytes: Uint8Array, start: number, end: number): number {
  for (let p = start; p < end && bytes[p] !== QUESTION_MARK; p++) {
    if (bytes[p] === BACKSLASH || startsWith(bytes, p, end, ENCODED_NUL)) return p;
  }
  return FAILED;
}
