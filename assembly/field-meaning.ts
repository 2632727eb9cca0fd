// What single field lines mean for the message: Host, framing (RFC 9112 section 6), Connection (RFC
// 9110 section 7.6.1), Expect, and which names a trailer section may not hold (RFC 9110 section
// 6.5.1). Knows the line, not the rest of the head.

import { hostEnd } from "./authority";
import { isOws } from "./field-lines";
import {
  ERROR_CONTENT_LENGTH,
  ERROR_CONTENT_LENGTH_REPEATED,
  ERROR_HOST_INVALID,
  ERROR_HOST_REPEATED,
  ERROR_LENGTH_AND_TRANSFER_ENCODING,
  ERROR_TRAILER,
  ERROR_TRANSFER_ENCODING,
  ERROR_TRANSFER_ENCODING_VERSION,
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_EXPECT,
  FIELD_HOST,
  FIELD_TRANSFER_ENCODING,
  FLAG_CONNECTION_NOMINATES,
  FLAG_EXPECT_CONTINUE,
  FLAG_EXPECT_UNKNOWN,
  FLAG_OPTION_CLOSE,
  FLAG_OPTION_KEEP_ALIVE,
  FLAG_OPTION_UPGRADE,
  FORBIDDEN_TRAILERS_HIGH,
  FORBIDDEN_TRAILERS_LOW,
  RECORD_CONTENT_LENGTH_LOW,
  RECORD_FIELDS,
  RECORD_FLAGS,
  RECORD_HOST_INDEX,
  RECORD_PRESENT_HIGH,
  RECORD_PRESENT_LOW,
  RECORD_VERSION_MINOR,
} from "./layout";
import { fail, getWord, MODE_REQUEST, MODE_TRAILER, setWord } from "./record";

const COMMA: u8 = 0x2c;
/** 2^53-1, the largest length that a JavaScript number holds exactly. */
const LENGTH_MAX: u64 = 9007199254740991;

/** Takes note of the complete field line in `entry`; false after an error. */
export function noteField(record: usize, input: usize, entry: usize, mode: u32): bool {
  const id = load<u16>(entry, 6);
  if (mode == MODE_TRAILER && isForbiddenTrailer(id)) {
    return refuse(record, ERROR_TRAILER, load<u32>(entry));
  }
  const good = noteMeaning(record, input, entry, id, mode);
  const word = id < 32 ? RECORD_PRESENT_LOW : RECORD_PRESENT_HIGH;
  setWord(record, word, getWord(record, word) | (<u32>1 << (id & 31)));
  return good;
}

export function noteMeaning(record: usize, input: usize, entry: usize, id: u32, mode: u32): bool {
  switch (id) {
    case FIELD_HOST:
      return mode != MODE_REQUEST || noteHost(record, input, entry);
    case FIELD_CONTENT_LENGTH:
      return noteContentLength(record, input, entry);
    case FIELD_TRANSFER_ENCODING:
      return noteTransferEncoding(record, input, entry);
    case FIELD_CONNECTION:
      return noteConnection(record, input, entry);
    case FIELD_EXPECT:
      return noteExpect(record, input, entry);
    default:
      return true;
  }
}

export function isPresent(record: usize, id: u32): bool {
  const word = getWord(record, id < 32 ? RECORD_PRESENT_LOW : RECORD_PRESENT_HIGH);
  return (word & (<u32>1 << (id & 31))) != 0;
}

function refuse(record: usize, code: u32, offset: u32): bool {
  return fail(record, code, offset) != 0;
}

function addFlags(record: usize, flags: u32): void {
  setWord(record, RECORD_FLAGS, getWord(record, RECORD_FLAGS) | flags);
}

function isForbiddenTrailer(id: u32): bool {
  const bits: u32 = id < 32 ? FORBIDDEN_TRAILERS_LOW : FORBIDDEN_TRAILERS_HIGH;
  return (bits & (<u32>1 << (id & 31))) != 0;
}

/** RFC 9112 section 3.2: a repeated or invalid Host is refused. */
function noteHost(record: usize, input: usize, entry: usize): bool {
  if (getWord(record, RECORD_HOST_INDEX) != 0xffffffff) {
    return refuse(record, ERROR_HOST_REPEATED, load<u32>(entry));
  }
  setWord(record, RECORD_HOST_INDEX, <u32>(entry - record - (RECORD_FIELDS << 2)) >> 4);
  const start = input + <usize>load<u32>(entry, 8);
  const length = load<u32>(entry, 12);
  if (hostEnd(start, start + <usize>length) != 0) return true;
  return refuse(record, ERROR_HOST_INVALID, load<u32>(entry, 8));
}

/**
 * RFC 9110 section 8.6: digits only. A list or a repetition is refused even where its members
 * agree.
 */
function noteContentLength(record: usize, input: usize, entry: usize): bool {
  if (isPresent(record, FIELD_TRANSFER_ENCODING)) {
    return refuse(record, ERROR_LENGTH_AND_TRANSFER_ENCODING, load<u32>(entry));
  }
  if (isPresent(record, FIELD_CONTENT_LENGTH)) {
    return refuse(record, ERROR_CONTENT_LENGTH_REPEATED, load<u32>(entry));
  }
  const start = input + <usize>load<u32>(entry, 8);
  const end = start + <usize>load<u32>(entry, 12);
  let length: u64 = 0;
  for (let p = start; p < end; p++) {
    const digit = <u64>load<u8>(p) - 0x30;
    if (digit > 9 || length > (LENGTH_MAX - digit) / 10) {
      return refuse(record, ERROR_CONTENT_LENGTH, load<u32>(entry, 8));
    }
    length = length * 10 + digit;
  }
  if (start == end) return refuse(record, ERROR_CONTENT_LENGTH, load<u32>(entry, 8));
  store<u64>(record + (RECORD_CONTENT_LENGTH_LOW << 2), length);
  return true;
}

/**
 * RFC 9112 section 6.1: one field with the one coding `chunked`; anything else could be framed in
 * two ways.
 */
function noteTransferEncoding(record: usize, input: usize, entry: usize): bool {
  const name = load<u32>(entry);
  if (getWord(record, RECORD_VERSION_MINOR) == 0) {
    return refuse(record, ERROR_TRANSFER_ENCODING_VERSION, name);
  }
  if (isPresent(record, FIELD_CONTENT_LENGTH)) {
    return refuse(record, ERROR_LENGTH_AND_TRANSFER_ENCODING, name);
  }
  if (isPresent(record, FIELD_TRANSFER_ENCODING)) {
    return refuse(record, ERROR_TRANSFER_ENCODING, name);
  }
  const start = input + <usize>load<u32>(entry, 8);
  const chunked =
    load<u32>(entry, 12) == 7 &&
    folded32(start) == CHUNKED_START &&
    folded32(start + 3) == CHUNKED_END;
  return chunked || refuse(record, ERROR_TRANSFER_ENCODING, load<u32>(entry, 8));
}

/** RFC 9110 section 10.1.1. An HTTP/1.0 client cannot mean it. */
function noteExpect(record: usize, input: usize, entry: usize): bool {
  const start = input + <usize>load<u32>(entry, 8);
  const known =
    load<u32>(entry, 12) == 12 &&
    folded64(start) == CONTINUE_START &&
    folded32(start + 8) == CONTINUE_END;
  if (!known) addFlags(record, FLAG_EXPECT_UNKNOWN);
  else if (getWord(record, RECORD_VERSION_MINOR) == 1) addFlags(record, FLAG_EXPECT_CONTINUE);
  return true;
}

function noteConnection(record: usize, input: usize, entry: usize): bool {
  let p = input + <usize>load<u32>(entry, 8);
  const end = p + <usize>load<u32>(entry, 12);
  const single = optionFlag(p, <u32>(end - p));
  if (single != FLAG_CONNECTION_NOMINATES) {
    addFlags(record, single);
    return true;
  }
  while (p < end) {
    let stop = p;
    while (stop < end && load<u8>(stop) != COMMA) stop++;
    let start = p;
    let last = stop;
    while (start < last && isOws(load<u8>(start))) start++;
    while (last > start && isOws(load<u8>(last - 1))) last--;
    if (last > start) addFlags(record, optionFlag(start, <u32>(last - start)));
    p = stop + 1;
  }
  return true;
}

// Options and expectations are compared as numbers with bit 0x20 set in every byte. That folds
// letters; of the other bytes in them, "-", "0" and "1", it only confuses with controls, which no
// value holds.
const KEEP_ALIVE_START: u64 = 0x696c612d7065656b;
const KEEP_ALIVE_END: u16 = 0x6576;
const CLOSE_START: u32 = 0x736f6c63;
const UPGRADE_START: u32 = 0x72677075;
const UPGRADE_END: u32 = 0x65646172;
const CONTINUE_START: u64 = 0x746e6f632d303031;
const CONTINUE_END: u32 = 0x65756e69;
const CHUNKED_START: u32 = 0x6e756863;
const CHUNKED_END: u32 = 0x64656b6e;
const TE: u16 = 0x6574;

function optionFlag(start: usize, length: u32): u32 {
  switch (length) {
    case 2:
      return folded16(start) == TE ? 0 : FLAG_CONNECTION_NOMINATES;
    case 5:
      if (folded32(start) != CLOSE_START || (load<u8>(start, 4) | 0x20) != 0x65) break;
      return FLAG_OPTION_CLOSE;
    case 7:
      if (folded32(start) != UPGRADE_START || folded32(start + 3) != UPGRADE_END) break;
      return FLAG_OPTION_UPGRADE;
    case 10:
      if (folded64(start) != KEEP_ALIVE_START || folded16(start + 8) != KEEP_ALIVE_END) break;
      return FLAG_OPTION_KEEP_ALIVE;
    default:
      break;
  }
  return FLAG_CONNECTION_NOMINATES;
}

// @ts-ignore: decorator
@inline
function folded16(address: usize): u16 {
  return load<u16>(address) | 0x2020;
}

// @ts-ignore: decorator
@inline
function folded32(address: usize): u32 {
  return load<u32>(address) | 0x20202020;
}

// @ts-ignore: decorator
@inline
function folded64(address: usize): u64 {
  return load<u64>(address) | 0x2020202020202020;
}
