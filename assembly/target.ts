// The four forms of the request-target (RFC 9112 section 3.2) and what is refused in each. The
// bytes have been scanned: they lie in 0x21-0x7e, "#" is not among them. Dot segments are refused:
// clients remove them (RFC 3986 section 5.2.4), and a gateway that routes by a path which the
// origin server resolves to another one can be bypassed. Origin servers differ in what they take
// for a slash, so that an encoded one and a backslash count too; and none reads on behind a NUL.

import { hostEnd, lower, portNumber } from "./authority";
import {
  ERROR_DOT_SEGMENT,
  ERROR_HOST_MISMATCH,
  ERROR_METHOD_TARGET,
  ERROR_TARGET,
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
} from "./layout";
import { fail, getWord, setWord } from "./record";
import { COLON } from "./scan";

export const SLASH: u8 = 0x2f;
const ASTERISK: u8 = 0x2a;
const QUESTION_MARK: u8 = 0x3f;
const DOT: u8 = 0x2e;
const PERCENT: u8 = 0x25;
const SEMICOLON: u8 = 0x3b;
const BACKSLASH: u8 = 0x5c;

/**
 * Decides the form and checks it. Returns 0 after an error, any other address if the target is
 * good.
 */
export function checkTarget(record: usize, input: usize, start: usize, end: usize): usize {
  const method = getWord(record, RECORD_METHOD) & 0xff;
  if (method == METHOD_CONNECT) {
    setWord(record, RECORD_TARGET_FORM, TARGET_AUTHORITY);
    const colon = hostEnd(start, end);
    const code = formOf(start, end) == TARGET_AUTHORITY ? ERROR_TARGET : ERROR_METHOD_TARGET;
    return colon == 0 || colon == end ? fail(record, code, start - input) : end;
  }
  const form = formOf(start, end);
  setWord(record, RECORD_TARGET_FORM, form);
  if (form == TARGET_ORIGIN) return checkPath(record, input, start, end);
  if (form == TARGET_ABSOLUTE) return checkAbsolute(record, input, start, end);
  if (form == TARGET_ASTERISK && method == METHOD_OPTIONS) return end;
  const code = form == TARGET_ASTERISK ? ERROR_METHOD_TARGET : ERROR_TARGET;
  return fail(record, code, start - input);
}

/**
 * Length of "http://" or "https://" at the start of an absolute form, in any case; 0 if there is
 * neither.
 */
export function schemeLength(start: usize, end: usize): usize {
  if (end - start < 7 || (load<u32>(start) | 0x20202020) != 0x70747468) return 0;
  const secure = lower(load<u8>(start, 4)) == 0x73;
  const p = secure ? start + 5 : start + 4;
  if (end - p < 3 || load<u8>(p) != COLON || load<u16>(p, 1) != 0x2f2f) return 0;
  return p + 3 - start;
}

/** First "/" or "?" of an absolute form's rest: the end of its authority. */
export function authorityEnd(start: usize, end: usize): usize {
  let p = start;
  while (p < end && load<u8>(p) != SLASH && load<u8>(p) != QUESTION_MARK) p++;
  return p;
}

/**
 * RFC 9112 section 3.2.2: Host must say the same as an absolute-form target, but for case and the
 * scheme's default port.
 */
export function checkHostAgrees(record: usize, input: usize): usize {
  const index = getWord(record, RECORD_HOST_INDEX);
  if (index == 0xffffffff) return input;
  const field = record + <usize>((RECORD_FIELDS << 2) + (index << 4));
  const host = input + <usize>load<u32>(field, 8);
  const start = input + <usize>getWord(record, RECORD_TARGET_START);
  const end = start + <usize>getWord(record, RECORD_TARGET_LENGTH);
  const scheme = schemeLength(start, end);
  const authority = start + scheme;
  const same = sameAuthority(
    authority,
    authorityEnd(authority, end),
    host,
    host + <usize>load<u32>(field, 12),
    scheme == 8 ? 443 : 80,
  );
  return same ? input : fail(record, ERROR_HOST_MISMATCH, host - input);
}

function formOf(start: usize, end: usize): u32 {
  const first = load<u8>(start);
  if (first == SLASH) return TARGET_ORIGIN;
  if (first == ASTERISK && end - start == 1) return TARGET_ASTERISK;
  return schemeLength(start, end) != 0 ? TARGET_ABSOLUTE : TARGET_AUTHORITY;
}

function checkAbsolute(record: usize, input: usize, start: usize, end: usize): usize {
  const authority = start + schemeLength(start, end);
  const path = authorityEnd(authority, end);
  if (hostEnd(authority, path) == 0) return fail(record, ERROR_TARGET, start - input);
  return checkPath(record, input, path, end);
}

function checkPath(record: usize, input: usize, start: usize, end: usize): usize {
  let p = start;
  while (p < end && load<u8>(p) != QUESTION_MARK) {
    p += slashLength(p, end);
    const segment = p;
    let dots: u32 = 0;
    while (p < end) {
      const length = dotLength(p, end);
      if (length == 0) break;
      p += length;
      dots++;
    }
    if ((dots == 1 || dots == 2) && endsName(p, end)) {
      return fail(record, ERROR_DOT_SEGMENT, segment - input);
    }
    while (p < end && load<u8>(p) != QUESTION_MARK && slashLength(p, end) == 0) {
      if (isForbidden(p, end)) return fail(record, ERROR_TARGET, p - input);
      p++;
    }
  }
  return end;
}

/** Length of "/", "%2f" or "%5c" at p, else 0. */
function slashLength(p: usize, end: usize): usize {
  if (load<u8>(p) == SLASH) return 1;
  if (load<u8>(p) != PERCENT || end - p < 3) return 0;
  const digits = load<u16>(p, 1) | 0x2000;
  return digits == 0x6632 || digits == 0x6335 ? 3 : 0;
}

/** The name of a segment ends at p, maybe with parameters behind it. */
function endsName(p: usize, end: usize): bool {
  if (p == end || slashLength(p, end) != 0) return true;
  const byte = load<u8>(p);
  return byte == QUESTION_MARK || byte == SEMICOLON;
}

/** A backslash, which RFC 3986 has no place for, or an encoded NUL. */
function isForbidden(p: usize, end: usize): bool {
  const byte = load<u8>(p);
  return byte == BACKSLASH || (byte == PERCENT && end - p >= 3 && load<u16>(p, 1) == 0x3030);
}

/** Length of "." or "%2e" at p, else 0. */
function dotLength(p: usize, end: usize): usize {
  if (load<u8>(p) == DOT) return 1;
  if (end - p < 3) return 0;
  return load<u16>(p) == 0x3225 && (load<u8>(p, 2) | 0x20) == 0x65 ? 3 : 0;
}

function sameAuthority(a: usize, aEnd: usize, b: usize, bEnd: usize, defaultPort: u32): bool {
  const aHostEnd = hostEnd(a, aEnd);
  const bHostEnd = hostEnd(b, bEnd);
  if (aHostEnd - a != bHostEnd - b) return false;
  for (let i: usize = 0; i < aHostEnd - a; i++) {
    if (lower(load<u8>(a + i)) != lower(load<u8>(b + i))) return false;
  }
  const aPort = aHostEnd == aEnd ? defaultPort : portNumber(aHostEnd + 1, aEnd);
  const bPort = bHostEnd == bEnd ? defaultPort : portNumber(bHostEnd + 1, bEnd);
  return aPort == bPort;
}
