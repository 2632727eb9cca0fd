// The common field line, whole and well formed, in vectors. Hot: this loop decides the speed of the
// parser. It never reports an error of syntax: at the first line that is unusual or not complete it
// leaves off, and field-lines.ts goes on there byte by byte.

import { noteMeaning } from "./field-meaning";
import { candidateId, sameBytes, textOf } from "./field-names";
import {
  FIELD_EXPECT,
  FIELD_HOST,
  FIELD_OTHER,
  PHASE_END_LF,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_PHASE,
  RECORD_PRESENT_LOW,
} from "./layout";
import { isOws } from "./field-lines";
import { getWord, setWord } from "./record";
import { COLON, lastBlockAddress, SP, splat, tokenStops, valueStops } from "./scan";
import { FIELD_COUNT_MAX } from "../build/wasm/assembly/limits";

export const CRLF: u16 = 0x0a0d;
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
 * Reads whole lines from the line start `p`. Returns the start of the first line that it did not
 * read, or the LF of the empty line with the phase set to it, or 0 after an error of meaning.
 */
export function scanFieldLines(
  record: usize,
  input: usize,
  start: usize,
  end: usize,
  mode: u32,
): usize {
  const stop = fastEnd(end);
  const first = record + (RECORD_FIELDS << 2);
  const last = first + ((FIELD_COUNT_MAX - 1) << 4);
  const colon = splat(COLON);
  const fold = splat(0x20);
  const one = splat(1);
  const limit = splat(0x21);
  let entry = first + (<usize>getWord(record, RECORD_FIELD_COUNT) << 4);
  let present = load<u64>(record, RECORD_PRESENT_LOW << 2);
  let p = start;
  while (p < stop && entry <= last) {
    // From the start of the line, not of the value: so that the next line does not wait for this
    // one's colon to be found.
    const block = v128.load(p);
    const lineEnd = lineEndFrom(p, block, stop, one, limit);
    if (lineEnd == 0) break;
    let length = <usize>ctz(i8x16.bitmask(i8x16.eq(block, colon)) | 0x10000);
    let id: u32 = FIELD_OTHER;
    if (length < 16) {
      if (length == 0 || p + length >= lineEnd) break;
      const candidate = candidateId(p, length);
      if (sameBytes(block, textOf(candidate), fold) >= length) id = candidate;
      else if ((tokenStops(block) & ((1 << <i32>length) - 1)) != 0) break;
    } else {
      const next = v128.load(p, 16);
      length += <usize>ctz(i8x16.bitmask(i8x16.eq(next, colon)) | 0x10000);
      if (length >= 32 || p + length >= lineEnd) break;
      const candidate = candidateId(p, length);
      const text = textOf(candidate);
      const same = sameBytes(block, text, fold) == 16;
      if (same && sameBytes(next, text + 16, fold) >= length - 16) id = candidate;
      else if (tokenStops(block) != 0) break;
      else if ((tokenStops(next) & ((1 << <i32>(length - 16)) - 1)) != 0) break;
    }
    const value = valueStart(p + length + 1, lineEnd);
    let valueStop = lineEnd;
    if (load<u8>(lineEnd - 1) <= SP) {
      while (valueStop > value && isOws(load<u8>(valueStop - 1))) valueStop--;
    }
    store<u64>(entry, <u64>(p - input) | (<u64>(length | (id << 16)) << 32));
    store<u64>(entry, <u64>(value - input) | (<u64>(valueStop - value) << 32), 8);
    if (id - FIELD_HOST <= <u32>(FIELD_EXPECT - FIELD_HOST)) {
      setWord(record, RECORD_FIELD_COUNT, <u32>((entry - first) >> 4));
      store<u64>(record, present, RECORD_PRESENT_LOW << 2);
      if (!noteMeaning(record, input, entry, id, mode)) return 0;
    }
    present |= <u64>1 << <u64>id;
    entry += 16;
    p = lineEnd + 2;
  }
  setWord(record, RECORD_FIELD_COUNT, <u32>((entry - first) >> 4));
  store<u64>(record, present, RECORD_PRESENT_LOW << 2);
  if (p + 2 > stop || load<u16>(p) != CRLF) return p;
  setWord(record, RECORD_PHASE, PHASE_END_LF);
  return p + 1;
}

/** Two loaded bytes say whether a value begins behind one space, as it almost always does. */
// @ts-ignore: decorator
@inline
function valueStart(start: usize, lineEnd: usize): usize {
  const pair = <u32>load<u16>(start);
  if ((pair & 0xff) == SP && pair > 0x20ff) return start + 1;
  let p = start;
  while (p < lineEnd && isOws(load<u8>(p))) p++;
  return p;
}

/**
 * The CRLF that ends the line of field value bytes whose first block is `block`, if it lies before
 * `stop`; else 0. The first compare is for plain ASCII: HTAB and obs-text it takes for unusual, and
 * the second one, which is exact, decides.
 */
// @ts-ignore: decorator
@inline
export function lineEndFrom(start: usize, head: v128, stop: usize, one: v128, limit: v128): usize {
  let block = head;
  let p = start;
  while (true) {
    const unusual = i8x16.bitmask(i8x16.lt_s(i8x16.add(block, one), limit));
    if (unusual != 0) {
      const plain = p + <usize>ctz(unusual);
      if (load<u16>(plain) == CRLF) return plain + 2 <= stop ? plain : 0;
      const stops = valueStops(block);
      if (stops != 0) {
        const exact = p + <usize>ctz(stops);
        return exact + 2 <= stop && load<u16>(exact) == CRLF ? exact : 0;
      }
    }
    p += 16;
    if (p - start == FAR) p = plainEnd(p, stop, one, limit);
    if (p >= stop) return 0;
    block = v128.load(p);
  }
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
