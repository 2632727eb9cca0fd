// What single field lines mean, for the reference parser: Host, framing (RFC 9112 section 6),
// Connection, Expect, and the names that a trailer section may not hold (RFC 9110 section 6.5.1).

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
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_TRANSFER_ENCODING,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FLAG_CONNECTION_NOMINATES,
  FLAG_EXPECT_CONTINUE,
  FLAG_EXPECT_UNKNOWN,
  FLAG_OPTION_CLOSE,
  FLAG_OPTION_KEEP_ALIVE,
  FLAG_OPTION_UPGRADE,
  FORBIDDEN_TRAILERS_HIGH,
  FORBIDDEN_TRAILERS_LOW,
  RECORD_CONTENT_LENGTH_HIGH,
  RECORD_CONTENT_LENGTH_LOW,
  RECORD_FIELD_COUNT,
  RECORD_HOST_INDEX,
  RECORD_PRESENT_HIGH,
  RECORD_PRESENT_LOW,
  RECORD_VERSION_MINOR,
} from "../../assembly/layout.ts";
import { CLASSES, DIGIT, LOWER, OWS } from "./byte-classes.ts";
import { hostEndIn } from "./reference-authority.ts";
import {
  addFlags,
  FAILED,
  fail,
  getWord,
  NO_INDEX,
  type ReferenceMemory,
  type Section,
  setWord,
} from "./reference-record.ts";

const COMMA = 0x2c;
const WORD = 0x1_0000_0000;

/** A complete field line: its fields' bytes, for one call. */
interface Line {
  readonly memory: ReferenceMemory;
  readonly record: number;
  /** Offset of the name in the input. */
  readonly name: number;
  readonly id: number;
  /** Offset of the value in the input. */
  readonly value: number;
  /** Addresses of the value. */
  readonly start: number;
  readonly end: number;
}

/** Takes note of the field line in `entry`; FAILED after an error. */
export function noteField(
  memory: ReferenceMemory,
  record: number,
  input: number,
  entry: number,
  section: Section,
): number {
  const id = getWord(memory, record, entry + FIELD_NAME_LENGTH_AND_ID) >>> 16;
  const word = id < 32 ? RECORD_PRESENT_LOW : RECORD_PRESENT_HIGH;
  const present = getWord(memory, record, word);
  const bit = 1 << (id & 31);
  if (section === "trailer") {
    const forbidden = id < 32 ? FORBIDDEN_TRAILERS_LOW : FORBIDDEN_TRAILERS_HIGH;
    const name = getWord(memory, record, entry + FIELD_NAME_START);
    if ((forbidden & bit) !== 0) return fail(memory, record, ERROR_TRAILER, name);
  } else if (id >= FIELD_HOST && id <= FIELD_EXPECT) {
    const value = getWord(memory, record, entry + FIELD_VALUE_START);
    const line = {
      memory,
      record,
      name: getWord(memory, record, entry + FIELD_NAME_START),
      id,
      value,
      start: input + value,
      end: input + value + getWord(memory, record, entry + FIELD_VALUE_LENGTH),
    };
    if (noteMeaning(line, section) === FAILED) return FAILED;
  }
  setWord(memory, record, word, present | bit);
  return 0;
}

export function isPresent(memory: ReferenceMemory, record: number, id: number): boolean {
  const word = getWord(memory, record, id < 32 ? RECORD_PRESENT_LOW : RECORD_PRESENT_HIGH);
  return (word & (1 << (id & 31))) !== 0;
}

function noteMeaning(line: Line, section: Section): number {
  switch (line.id) {
    case FIELD_HOST:
      return section === "request" ? noteHost(line) : 0;
    case FIELD_CONTENT_LENGTH:
      return noteContentLength(line);
    case FIELD_TRANSFER_ENCODING:
      return noteTransferEncoding(line);
    case FIELD_CONNECTION:
      return noteConnection(line);
    default:
      return noteExpect(line);
  }
}

function noteHost(line: Line): number {
  const { memory, record } = line;
  if (getWord(memory, record, RECORD_HOST_INDEX) !== NO_INDEX) {
    return fail(memory, record, ERROR_HOST_REPEATED, line.name);
  }
  setWord(memory, record, RECORD_HOST_INDEX, getWord(memory, record, RECORD_FIELD_COUNT));
  if (hostEndIn(memory.bytes, line.start, line.end) >= 0) return 0;
  return fail(memory, record, ERROR_HOST_INVALID, line.value);
}

function noteContentLength(line: Line): number {
  const { memory, record, start, end } = line;
  if (isPresent(memory, record, FIELD_TRANSFER_ENCODING)) {
    return fail(memory, record, ERROR_LENGTH_AND_TRANSFER_ENCODING, line.name);
  }
  if (isPresent(memory, record, FIELD_CONTENT_LENGTH)) {
    return fail(memory, record, ERROR_CONTENT_LENGTH_REPEATED, line.name);
  }
  let length = start === end ? Number.NaN : 0;
  for (let p = start; p < end; p++) {
    const byte = memory.bytes[p] as number;
    if (((CLASSES[byte] as number) & DIGIT) === 0) length = Number.NaN;
    // Inexact only beyond the maximum, which is refused at the end: the sum never shrinks.
    length = length * 10 + (byte - 0x30);
  }
  if (!Number.isSafeInteger(length)) return fail(memory, record, ERROR_CONTENT_LENGTH, line.value);
  setWord(memory, record, RECORD_CONTENT_LENGTH_LOW, length % WORD);
  setWord(memory, record, RECORD_CONTENT_LENGTH_HIGH, Math.floor(length / WORD));
  return 0;
}

function noteTransferEncoding(line: Line): number {
  const { memory, record } = line;
  if (getWord(memory, record, RECORD_VERSION_MINOR) === 0) {
    return fail(memory, record, ERROR_TRANSFER_ENCODING_VERSION, line.name);
  }
  if (isPresent(memory, record, FIELD_CONTENT_LENGTH)) {
    return fail(memory, record, ERROR_LENGTH_AND_TRANSFER_ENCODING, line.name);
  }
  if (isPresent(memory, record, FIELD_TRANSFER_ENCODING)) {
    return fail(memory, record, ERROR_TRANSFER_ENCODING, line.name);
  }
  if (equalsFolded(memory.bytes, line.start, line.end, "chunked")) return 0;
  return fail(memory, record, ERROR_TRANSFER_ENCODING, line.value);
}

function noteConnection(line: Line): number {
  const { memory, record } = line;
  const { bytes } = memory;
  let first = line.start;
  for (let p = first; p <= line.end; p++) {
    if (p < line.end && bytes[p] !== COMMA) continue;
    let last = p;
    while (first < last && ((CLASSES[bytes[first] as number] as number) & OWS) !== 0) first++;
    while (first < last && ((CLASSES[bytes[last - 1] as number] as number) & OWS) !== 0) last--;
    if (first < last) addFlags(memory, record, optionFlag(bytes, first, last));
    first = p + 1;
  }
  return 0;
}

function optionFlag(bytes: Uint8Array, start: number, end: number): number {
  if (equalsFolded(bytes, start, end, "keep-alive")) return FLAG_OPTION_KEEP_ALIVE;
  if (equalsFolded(bytes, start, end, "close")) return FLAG_OPTION_CLOSE;
  if (equalsFolded(bytes, start, end, "upgrade")) return FLAG_OPTION_UPGRADE;
  return equalsFolded(bytes, start, end, "te") ? 0 : FLAG_CONNECTION_NOMINATES;
}

function noteExpect(line: Line): number {
  const { memory, record } = line;
  if (!equalsFolded(memory.bytes, line.start, line.end, "100-continue")) {
    addFlags(memory, record, FLAG_EXPECT_UNKNOWN);
  } else if (getWord(memory, record, RECORD_VERSION_MINOR) === 1) {
    addFlags(memory, record, FLAG_EXPECT_CONTINUE);
  }
  return 0;
}

/** The bytes are `text`, which is in lower case, in any case. */
function equalsFolded(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (LOWER[bytes[start + index] as number] !== text.charCodeAt(index)) return false;
  }
  return true;
}
