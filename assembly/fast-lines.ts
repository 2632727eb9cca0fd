// The common field line, whole and well formed, in vectors. Hot: this loop decides the speed of the
// parser. It never reports an error of syntax: at the first line that is unusual or not complete it
// leaves off, and field-lines.ts goes on there byte by byte.

import { isPlainHost } from "./authority";
import { noteMeaning } from "./field-meaning";
import { candidateEntry, idBits, otherEntry, presentBit, sameBytes } from "./field-names";
import {
  FIELD_EXPECT,
  FIELD_HOST,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_HOST_INDEX,
  RECORD_PRESENT_LOW,
} from "./layout";
import { isOws } from "./field-lines";
import { getWord, MODE_REQUEST, setWord } from "./record";
import { COLON, lastBlockAddress, SP, splat, tokenStops, valueStops } from "./scan";
import { FIELD_COUNT_MAX } from "../build/wasm/assembly/limits";

export const CRLF: u16 = 0x0a0d;
/** The first and the last of the ids that mean something for the message. */
const HOST_ID: u32 = FIELD_HOST << 16;
const EXPECT_ID: u32 = FIELD_EXPECT << 16;
/** Bytes behind a line's last one that its loads may touch. */
const OVERREACH: usize = 48;
/** A line is long from here on: it goes on in steps of four blocks. */
const FAR: usize = 64;

/** End of the input, or so far before the end of memory that no load can leave it. */
// @ts-ignore: decorator
@inline
export function fastEnd(end: usize): usize {
  return min(end, lastBlockAddress() - OVERREACH);
}

/**
 * Reads whole lines from the line start `start`, which stands behind a CRLF. Returns the start of
 * the first line that it did not read, the empty one perhaps, or 0 after an error of meaning.
 */
export function scanFieldLines(
  record: usize,
  input: usize,
  start: usize,
  end: usize,
  mode: u32,
): usize {
  const stop = fastEnd(end);
  if (start > stop) return start;
  const first = record + (RECORD_FIELDS << 2);
  const last = first + ((FIELD_COUNT_MAX - 1) << 4);
  const colon = splat(COLON);
  const fold = splat(0x20);
  const one = splat(1);
  const limit = splat(0x21);
  let entry = first + (<usize>getWord(record, RECORD_FIELD_COUNT) << 4);
  let present = load<u64>(record, RECORD_PRESENT_LOW << 2);
  let p = start;
  while (entry <= last) {
    // From the start of the line, not of the value: so that the next line does not wait for this
    // one's colon to be found.
    const block = v128.load(p);
    const lineEnd = lineEndFrom(p, block, stop, one, limit);
    if (lineEnd == p) break;
    if (lineEnd + 2 > stop) break;
    // A name of token bytes ends before the line does.
    let length = <usize>ctz(i8x16.bitmask(i8x16.eq(block, colon)) | 0x10000);
    let name: usize;
    if (length < 16) {
      name = candidateEntry(p, length);
      if (sameBytes(block, name, fold) <= length) {
        if (length == 0) break;
        if ((tokenStops(block) & ((1 << <i32>length) - 1)) != 0) break;
        name = otherEntry();
      }
    } else {
      const next = v128.load(p, 16);
      length += <usize>ctz(i8x16.bitmask(i8x16.eq(next, colon)) | 0x10000);
      if (length >= 32) break;
      name = candidateEntry(p, length);
      let same = sameBytes(block, name, fold);
      if (same == 16) same += sameBytes(next, name + 16, fold);
      if (same <= length) {
        if (tokenStops(block) != 0) break;
        if ((tokenStops(next) & ((1 << <i32>(length - 16)) - 1)) != 0) break;
        name = otherEntry();
      }
    }
    let value = p + length + 1;
    // One space and then no other, as almost always: the two bytes, swapped, are 0x2021 to 0x20ff.
    const gap = rotr<u32>(<u32>load<u16>(value) ^ SP, 8) - 0x21;
    if (gap < 0xdf) value++;
    else value = owsEnd(value, lineEnd);
    let valueStop = lineEnd;
    if (load<u8>(lineEnd - 1) <= SP) {
      while (valueStop > value && isOws(load<u8>(valueStop - 1))) valueStop--;
    }
    const id = idBits(name);
    store<u32>(entry, <u32>(p - input));
    store<u32>(entry, <u32>length | id, 4);
    store<u32>(entry, <u32>(value - input), 8);
    store<u32>(entry, <u32>(valueStop - value), 12);
    if (id - HOST_ID <= EXPECT_ID - HOST_ID) {
      if (id == HOST_ID && isFirstPlainHost(present, mode, value, valueStop)) {
        setWord(record, RECORD_HOST_INDEX, <u32>(entry - first) >> 4);
      } else {
        store<u64>(record, present, RECORD_PRESENT_LOW << 2);
        if (!noteMeaning(record, input, entry, id >> 16, mode)) return 0;
      }
    }
    present |= presentBit(name);
    entry += 16;
    p = lineEnd + 2;
  }
  setWord(record, RECORD_FIELD_COUNT, <u32>((entry - first) >> 4));
  store<u64>(record, present, RECORD_PRESENT_LOW << 2);
  return p;
}

// @ts-ignore: decorator
@inline
function isFirstPlainHost(present: u64, mode: u32, value: usize, valueStop: usize): bool {
  if (mode != MODE_REQUEST || (present & (1 << FIELD_HOST)) != 0) return false;
  return isPlainHost(value, <u32>(valueStop - value));
}

function owsEnd(start: usize, end: usize): usize {
  let p = start;
  while (p < end && isOws(load<u8>(p))) p++;
  return p;
}

/**
 * The CRLF that ends the line of field value bytes whose first block is `block`; it may lie behind
 * `stop`. `stop` if the line ends otherwise, or not before it. Plain ASCII goes the short way; at
 * HTAB and obs-text the exact one begins.
 */
// @ts-ignore: decorator
@inline
export function lineEndFrom(start: usize, block: v128, stop: usize, one: v128, limit: v128): usize {
  let p = start;
  let unusual = unusualBytes(block, one, limit);
  if (unusual == 0) {
    p += 16;
    unusual = unusualBytes(v128.load(p), one, limit);
    while (unusual == 0) {
      p += 16;
      if (p - start == FAR) p = plainEnd(p, stop, one, limit);
      if (p >= stop) return stop;
      unusual = unusualBytes(v128.load(p), one, limit);
    }
  }
  const plain = p + <usize>ctz(unusual);
  return load<u16>(plain) == CRLF ? plain : exactEnd(p, stop);
}

/** Lanes that hold no visible ASCII and no space. */
// @ts-ignore: decorator
@inline
function unusualBytes(block: v128, one: v128, limit: v128): i32 {
  return i8x16.bitmask(i8x16.lt_s(i8x16.add(block, one), limit));
}

function exactEnd(start: usize, stop: usize): usize {
  for (let p = start; p < stop; p += 16) {
    const stops = valueStops(v128.load(p));
    if (stops != 0) {
      const exact = p + <usize>ctz(stops);
      return load<u16>(exact) == CRLF ? exact : stop;
    }
  }
  return stop;
}

/** Skips plain ASCII in steps of four blocks, and ends at a step that is not all plain. */
// @ts-ignore: decorator
@inline
function plainEnd(start: usize, stop: usize, one: v128, limit: v128): usize {
  let p = start;
  while (p + 64 <= stop) {
    const first = i8x16.min_s(i8x16.add(v128.load(p), one), i8x16.add(v128.load(p, 16), one));
    const second = i8x16.min_s(i8x16.add(v128.load(p, 32), one), i8x16.add(v128.load(p, 48), one));
    if (v128.any_true(i8x16.lt_s(i8x16.min_s(first, second), limit))) break;
    p += 64;
  }
  return p;
}
