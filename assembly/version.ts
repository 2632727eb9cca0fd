// HTTP-version (RFC 9112 section 2.3) at the end of a request line or the start of a status line.
// HTTP/1.2 to 1.9 count as 1.1 (RFC 9110 section 2.5); other versions are well formed but not ours.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_VERSION,
  ERROR_VERSION_UNSUPPORTED,
  PHASE_LINE,
  RECORD_PHASE,
  RECORD_TOKEN_START,
  RECORD_VERSION_MINOR,
} from "./layout";
import { fail, getWord, setWord } from "./record";
import { CR, LF } from "./scan";

export const VERSION_BYTES: usize = 8;
/** As a little-endian load reads it. */
export const HTTP_1_0: u64 = 0x302e312f50545448;
const ONE: u8 = 0x31;

/** The version and the CRLF behind it. */
export function stepVersion(record: usize, input: usize, p: usize, end: usize): usize {
  const start = input + <usize>getWord(record, RECORD_TOKEN_START);
  for (; p < end; p++) {
    const byte = load<u8>(p);
    const index = p - start;
    if (index < VERSION_BYTES) {
      if (!isVersionByte(byte, index)) {
        return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_VERSION, p - input);
      }
    } else if (index == VERSION_BYTES) {
      if (byte != CR) return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_VERSION, p - input);
    } else {
      if (byte != LF) return fail(record, ERROR_BARE_CR, p - 1 - input);
      setWord(record, RECORD_PHASE, PHASE_LINE);
      return noteVersion(record, input, start) ? p + 1 : 0;
    }
  }
  return end;
}

/** Records the minor version of the eight bytes at `start`; false after an error. */
export function noteVersion(record: usize, input: usize, start: usize): bool {
  if (load<u8>(start, 5) != ONE) return fail(record, ERROR_VERSION_UNSUPPORTED, start - input) != 0;
  setWord(record, RECORD_VERSION_MINOR, load<u8>(start, 7) == 0x30 ? 0 : 1);
  return true;
}

/** The byte may stand at `index` of "HTTP/" DIGIT "." DIGIT; case matters. */
export function isVersionByte(byte: u8, index: usize): bool {
  switch (<u32>index) {
    case 0: return byte == 0x48;
    case 1: case 2: return byte == 0x54;
    case 3: return byte == 0x50;
    case 4: return byte == 0x2f;
    case 6: return byte == 0x2e;
    default: return byte >= 0x30 && byte <= 0x39;
  }
}
