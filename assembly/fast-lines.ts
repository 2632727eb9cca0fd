// The common field line, whole and well formed, in vectors. Hot: this loop decides the speed of the
// parser. It never reports an error of syntax: at the first line that is unusual or not complete it
// leaves off, and field-lines.ts goes on there byte by byte.

import { noteMeaning } from "./field-meaning";
import { candidateId, entryOf, matches } from "./field-names";
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
import { COLON, CR, lastBlockAddress, SP, tokenEnd, valueEnd, valueStops } from "./scan";
import { FIELD_COUNT_MAX } from "../build/wasm/assembly/limits";

export const CRLF: u16 = 0x0a0d;
/** Bytes behind a line's last one that its loads may touch. */
const OVERREACH: usize = 48;
/** A line is long from here on; measured, shorter ones gain nothing from larger steps. */
const FAR: usize = 256;

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
  let entry = first + (<usize>getWord(record, RECORD_FIELD_COUNT) << 4);
  let present = load<u64>(record, RECORD_PRESENT_LOW << 2);
  let p = start;
  while (p < stop && load<u8>(p) != CR && entry <= last) {
    // From the start of the line, not of the value: so that the next line does not wait for this
    // one's colon to be found.
    const lineEnd = vectorLineEnd(p, stop);
    if (lineEnd + 2 > stop || load<u16>(lineEnd) != CRLF) break;
    const length = nameLength(p);
    if (length == 0) break;
    const id = idOf(p, length);
    if (id == FIELD_OTHER && tokenEnd(p, lineEnd) != p + length) break;
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

/** Bytes before the first colon, if that is among the first 32 bytes at `p`; else 0. */
// @ts-ignore: decorator
@inline
function nameLength(p: usize): usize {
  const colons = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(COLON)));
  if (colons != 0) return <usize>ctz(colons);
  const more = i8x16.bitmask(i8x16.eq(v128.load(p, 16), i8x16.splat(COLON)));
  return more != 0 ? 16 + <usize>ctz(more) : 0;
}

/** A name that is known needs no check of its bytes. */
// @ts-ignore: decorator
@inline
function idOf(p: usize, length: usize): u32 {
  const candidate = candidateId(p, length);
  const entry = entryOf(candidate);
  if (!matches(v128.load(p), entry)) return FIELD_OTHER;
  return length < 16 || matches(v128.load(p, 16), entry + 32) ? candidate : FIELD_OTHER;
}

// @ts-ignore: decorator
@inline
function valueStart(start: usize, lineEnd: usize): usize {
  let p = start;
  if (load<u8>(p) == SP) p++;
  if (load<u8>(p) > SP) return p;
  while (p < lineEnd && isOws(load<u8>(p))) p++;
  return p;
}

/**
 * First byte that no value may hold, or any address from `stop` on. The first compare is for plain
 * ASCII: HTAB and obs-text it takes for unusual, and the second one, which is exact, decides.
 */
// @ts-ignore: decorator
@inline
function vectorLineEnd(start: usize, stop: usize): usize {
  const far = min(start + FAR, stop);
  for (let p = start; p < far; p += 16) {
    const block = v128.load(p);
    const unusual = i8x16.bitmask(plainLanes(block)) ^ 0xffff;
    if (unusual != 0) {
      if (load<u8>(p + <usize>ctz(unusual)) == CR) return p + <usize>ctz(unusual);
      const stops = valueStops(block);
      if (stops != 0) return p + <usize>ctz(stops);
    }
  }
  return far == stop ? stop : valueEnd(plainEnd(far, stop), stop);
}

/**
 * Long values: skips plain ASCII in steps of four blocks, and ends at a step that is not all plain.
 */
function plainEnd(start: usize, stop: usize): usize {
  let p = start;
  while (p + 64 <= stop) {
    const first = v128.and(plainLanes(v128.load(p)), plainLanes(v128.load(p, 16)));
    const second = v128.and(plainLanes(v128.load(p, 32)), plainLanes(v128.load(p, 48)));
    if (!i8x16.all_true(v128.and(first, second))) break;
    p += 64;
  }
  return p;
}

// @ts-ignore: decorator
@inline
function plainLanes(block: v128): v128 {
  return i8x16.gt_s(i8x16.add(block, i8x16.splat(1)), i8x16.splat(0x20));
}
