// Well-known field names: a perfect hash of a name's length and last four bytes finds the one
// candidate, a v128 compare confirms it in any case. The list comes from the FIELD_* ids of
// layout.ts; the tables are laid out when the module starts.

import {
  NAME_HASH_MULTIPLIER,
  NAME_SLOT_BITS,
  NAME_TEXTS,
} from "../build/wasm/assembly/field-names";
import { FIELD_COUNT, FIELD_OTHER } from "./layout";
import { COLON, lastBlockAddress, splat } from "./scan";

/** Longest name whose colon still lies in the second block. */
const NAME_BYTES_MAX: usize = 31;

// An entry for each id:
//   0 name in lower case, colon, zeros   32 its bit in RECORD_PRESENT_* (u64)   40 id << 16 (u32)
const ENTRY_BYTES: usize = 64;
const ENTRY_PRESENT: usize = 32;
const ENTRY_ID: usize = 40;

/** Address of the candidate's entry for each hash, in 16 bits. */
const slots: usize = memory.data(2 << NAME_SLOT_BITS);
const entries: usize = memory.data(FIELD_COUNT * <i32>ENTRY_BYTES, 16);
fillTables();

/** The entry of names that are not well known. */
// @ts-ignore: decorator
@inline
export function otherEntry(): usize {
  return entries;
}

/** FIELD_* id of the token at `start`, `length` >= 1 bytes long, with its colon behind it. */
export function fieldId(start: usize, length: usize): u32 {
  if (length > NAME_BYTES_MAX) return FIELD_OTHER;
  const entry = entryAt(tailOf(start, length), length);
  const id = idBits(entry) >> 16;
  if (start > lastBlockAddress() - 16) return equalsByByte(start, length, entry) ? id : FIELD_OTHER;
  const fold = splat(0x20);
  let same = sameBytes(v128.load(start), entry, fold);
  if (same == 16) same += sameBytes(v128.load(start, 16), entry + 16, fold);
  return same > length ? id : FIELD_OTHER;
}

/** Entry of the only name that the `length` bytes at `start`, behind a CRLF, can be. */
// @ts-ignore: decorator
@inline
export function candidateEntry(start: usize, length: usize): usize {
  return entryAt(load<u32>(start + length - 4), length);
}

// @ts-ignore: decorator
@inline
function entryAt(tail: u32, length: usize): usize {
  const hash = ((tail | 0x20202020) + <u32>length) * NAME_HASH_MULTIPLIER;
  return load<u16>(slots + <usize>((hash >> (32 - NAME_SLOT_BITS)) << 1));
}

/** The last four bytes of CRLF and the name: what stands before it may be anything. */
function tailOf(start: usize, length: usize): u32 {
  let tail: u32 = 0x0a0d0000;
  for (let i: usize = 0; i < length; i++) tail = (tail >> 8) | (<u32>load<u8>(start + i) << 24);
  return tail;
}

/** The bit of RECORD_PRESENT_* that stands for the name. */
// @ts-ignore: decorator
@inline
export function presentBit(entry: usize): u64 {
  return load<u64>(entry, ENTRY_PRESENT);
}

/** The id in the upper half, where a field line keeps it. */
// @ts-ignore: decorator
@inline
export function idBits(entry: usize): u32 {
  return load<u32>(entry, ENTRY_ID);
}

/**
 * How many bytes of a block are those at `text`, up to the first that is not. `fold` has bit 0x20
 * in every lane, which folds letters; of the other bytes in names it confuses "-" with a control
 * only, so no control may lie in the name.
 */
// @ts-ignore: decorator
@inline
export function sameBytes(block: v128, text: usize, fold: v128): usize {
  const same = i8x16.eq(v128.or(block, fold), v128.load(text));
  return <usize>ctz(~i8x16.bitmask(same));
}

/** For names so close to the end of memory that a block cannot be loaded. */
function equalsByByte(start: usize, length: usize, text: usize): bool {
  for (let i: usize = 0; i <= length; i++) {
    if ((load<u8>(start + i) | 0x20) != load<u8>(text + i)) return false;
  }
  return true;
}

function fillTables(): void {
  for (let slot: usize = 0; slot < 1 << NAME_SLOT_BITS; slot++) {
    store<u16>(slots + (slot << 1), <u16>entries);
  }
  store<u64>(entries, 1, ENTRY_PRESENT);
  let text = NAME_TEXTS;
  for (let id: u32 = 1; id < <u32>FIELD_COUNT; id++) {
    const length = <usize>load<u8>(text++);
    const entry = entries + <usize>id * ENTRY_BYTES;
    memory.copy(entry, text, length);
    store<u8>(entry + length, COLON);
    store<u64>(entry, (<u64>1) << <u64>id, ENTRY_PRESENT);
    store<u32>(entry, id << 16, ENTRY_ID);
    const hash = ((tailOf(text, length) | 0x20202020) + <u32>length) * NAME_HASH_MULTIPLIER;
    store<u16>(slots + <usize>((hash >> (32 - NAME_SLOT_BITS)) << 1), <u16>entry);
    text += length;
  }
}
