// Well-known field names: a perfect hash finds the one candidate, a masked v128 compare confirms it
// in any case. The list comes from the FIELD_* ids of layout.ts; the tables are laid out when the
// module starts.

import {
  NAME_HASH_MULTIPLIER,
  NAME_SLOT_BITS,
  NAME_TEXTS,
} from "../build/wasm/assembly/field-names";
import { FIELD_COUNT, FIELD_OTHER } from "./layout";
import { COLON, lastBlockAddress } from "./scan";

/** Longest name whose colon still lies in the second block. */
const NAME_BYTES_MAX: usize = 31;
const ENTRY_BYTES: usize = 64;

/** Id of the candidate for each hash. */
const slots: usize = memory.data(1 << NAME_SLOT_BITS);
/**
 * An entry holds a name and the colon behind it, so that a longer name which starts like it does
 * not agree. It is two pairs of 16 bytes: [mask, text] for bytes 0-15 and for bytes 16-31. `(input
 * & mask) == text` holds in every lane if and only if the input is the name in any case, then a
 * colon; both are 0 in lanes behind the colon.
 */
const entries: usize = memory.data(FIELD_COUNT * <i32>ENTRY_BYTES, 16);
fillTables();

/** FIELD_* id of the field name at `start`, `length` >= 1 bytes long, with a colon behind it. */
export function fieldId(start: usize, length: usize): u32 {
  if (length > NAME_BYTES_MAX) return FIELD_OTHER;
  const id = candidateId(start, length);
  const entry = entryOf(id);
  if (start > lastBlockAddress() - 16) return equalsByByte(start, length, entry) ? id : FIELD_OTHER;
  if (!matches(v128.load(start), entry)) return FIELD_OTHER;
  return length < 16 || matches(v128.load(start, 16), entry + 32) ? id : FIELD_OTHER;
}

// @ts-ignore: decorator
@inline
export function candidateId(start: usize, length: usize): u32 {
  const first = <u32>load<u8>(start) | 0x20;
  const last = <u32>load<u8>(start + length - 1) | 0x20;
  const hash = ((first << 16) | (last << 8) | <u32>length) * NAME_HASH_MULTIPLIER;
  return load<u8>(slots + <usize>(hash >> (32 - NAME_SLOT_BITS)));
}

// @ts-ignore: decorator
@inline
export function entryOf(id: u32): usize {
  return entries + <usize>id * ENTRY_BYTES;
}

/** The block, letters folded, is the half of a name that `entry` holds. */
// @ts-ignore: decorator
@inline
export function matches(block: v128, entry: usize): bool {
  return i8x16.all_true(i8x16.eq(v128.and(block, v128.load(entry)), v128.load(entry, 16)));
}

/** For names so close to the end of memory that a block cannot be loaded. */
function equalsByByte(start: usize, length: usize, entry: usize): bool {
  for (let i: usize = 0; i <= length; i++) {
    const at = laneOf(entry, i);
    if ((load<u8>(start + i) & load<u8>(at)) != load<u8>(at, 16)) return false;
  }
  return true;
}

function laneOf(entry: usize, index: usize): usize {
  return entry + ((index >> 4) << 5) + (index & 15);
}

function fillTables(): void {
  let text = NAME_TEXTS;
  for (let id: u32 = 1; id < <u32>FIELD_COUNT; id++) {
    const length = <usize>load<u8>(text++);
    for (let i: usize = 0; i < length; i++) putByte(laneOf(entryOf(id), i), load<u8>(text + i));
    putByte(laneOf(entryOf(id), length), COLON);
    const first = <u32>load<u8>(text);
    const last = <u32>load<u8>(text + length - 1);
    const hash = ((first << 16) | (last << 8) | <u32>length) * NAME_HASH_MULTIPLIER;
    store<u8>(slots + <usize>(hash >> (32 - NAME_SLOT_BITS)), <u8>id);
    text += length;
  }
  // What no candidate stands for agrees with nothing.
  store<u8>(entries, 1, 16);
}

function putByte(at: usize, byte: u8): void {
  const letter = byte >= 0x61 && byte <= 0x7a;
  store<u8>(at, letter ? 0xdf : 0xff);
  store<u8>(at, letter ? byte & 0xdf : byte, 16);
}
