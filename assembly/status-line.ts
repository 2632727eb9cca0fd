// The status line (RFC 9112 section 4): version, three digits, reason phrase. A server that leaves
// out the phrase may leave out the space before it too: nothing else can be meant. No empty line
// may come before it.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_STATUS_LINE,
  ERROR_VERSION,
  PHASE_LINE,
  PHASE_REASON,
  PHASE_REASON_LF,
  PHASE_START,
  PHASE_STATUS_CODE,
  PHASE_VERSION,
  RECORD_PHASE,
  RECORD_REASON_LENGTH,
  RECORD_REASON_START,
  RECORD_STATUS_CODE,
  RECORD_VERSION_MINOR,
} from "./layout";
import { fastEnd, lineEndFrom } from "./fast-lines";
import { fail, getWord, setWord } from "./record";
import { CR, LF, SP, splat, valueEnd } from "./scan";
import { HTTP_1_0, isVersionByte, noteVersion, VERSION_BYTES } from "./version";

/** A space and three digits, as a little-endian load reads them. */
const SP_000: u32 = 0x30303020;
const CODE_START: usize = VERSION_BYTES + 1;
const CODE_END: usize = CODE_START + 3;

/**
 * The common case, a whole ordinary status line. Returns the start of the first field line, or
 * `input` if it leaves everything to `stepStatusLine`.
 */
export function scanStatusLine(record: usize, input: usize, end: usize): usize {
  const stop = fastEnd(end);
  if (input + 16 > stop) return input;
  // What remains is the minor version; a digit that differs elsewhere makes it a large number.
  const minor = rotl<u64>(load<u64>(input) ^ HTTP_1_0, 8);
  if (minor > 1) return input;
  // The same for the space, and for the three digits in the bytes behind it.
  const code = load<u32>(input, 8) ^ SP_000;
  if (((code | (code + 0x76767600)) & 0x808080ff) != 0) return input;
  const hundreds = (code >> 8) & 0xff;
  if (hundreds == 0 || load<u8>(input, 12) != SP) return input;
  const reason = input + CODE_END + 1;
  const lineEnd = lineEndFrom(reason, v128.load(reason), stop, splat(1), splat(0x21));
  if (lineEnd + 2 > stop) return input;
  setWord(record, RECORD_VERSION_MINOR, <u32>minor);
  setWord(record, RECORD_STATUS_CODE, hundreds * 100 + ((code >> 16) & 0xff) * 10 + (code >> 24));
  setWord(record, RECORD_REASON_START, <u32>CODE_END + 1);
  setWord(record, RECORD_REASON_LENGTH, <u32>(lineEnd - reason));
  setWord(record, RECORD_PHASE, PHASE_LINE);
  return lineEnd + 2;
}

export function stepStatusLine(record: usize, input: usize, p: usize, end: usize): usize {
  switch (getWord(record, RECORD_PHASE)) {
    case PHASE_START:
      setWord(record, RECORD_PHASE, PHASE_VERSION);
      return p;
    case PHASE_VERSION:
      return stepStatusVersion(record, input, p, end);
    case PHASE_STATUS_CODE:
      return stepStatusCode(record, input, p, end);
    case PHASE_REASON:
      return stepReason(record, input, p, end);
    default:
      if (load<u8>(p) != LF) return fail(record, ERROR_BARE_CR, p - 1 - input);
      setWord(record, RECORD_PHASE, PHASE_LINE);
      return p + 1;
  }
}

function stepStatusVersion(record: usize, input: usize, p: usize, end: usize): usize {
  for (; p < end; p++) {
    const byte = load<u8>(p);
    const index = p - input;
    if (index < VERSION_BYTES) {
      if (!isVersionByte(byte, index)) {
        return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_VERSION, p - input);
      }
    } else {
      if (byte != SP) return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, index);
      setWord(record, RECORD_PHASE, PHASE_STATUS_CODE);
      return noteVersion(record, input, input) ? p + 1 : 0;
    }
  }
  return end;
}

function stepStatusCode(record: usize, input: usize, p: usize, end: usize): usize {
  for (; p < end; p++) {
    const byte = load<u8>(p);
    const index = p - input;
    if (index == CODE_END) {
      if (byte == CR) {
        setWord(record, RECORD_REASON_START, <u32>index);
        setWord(record, RECORD_PHASE, PHASE_REASON_LF);
        return p + 1;
      }
      if (byte != SP) return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, index);
      setWord(record, RECORD_REASON_START, <u32>index + 1);
      setWord(record, RECORD_PHASE, PHASE_REASON);
      return p + 1;
    }
    // RFC 9110 section 15: codes start at 100; those from 600 on are for the recipient to treat as
    // 5xx.
    if (byte < 0x30 || byte > 0x39 || (index == CODE_START && byte == 0x30)) {
      return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, index);
    }
    setWord(record, RECORD_STATUS_CODE, getWord(record, RECORD_STATUS_CODE) * 10 + (byte - 0x30));
  }
  return end;
}

function stepReason(record: usize, input: usize, p: usize, end: usize): usize {
  const stop = valueEnd(p, end);
  if (stop == end) return end;
  const byte = load<u8>(stop);
  if (byte != CR) {
    return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_STATUS_LINE, stop - input);
  }
  const start = getWord(record, RECORD_REASON_START);
  setWord(record, RECORD_REASON_LENGTH, <u32>(stop - input) - start);
  setWord(record, RECORD_PHASE, PHASE_REASON_LF);
  return stop + 1;
}
