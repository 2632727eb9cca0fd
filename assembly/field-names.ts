// Well-known field names: a perfect hash finds the one candidate, a v128 compare confirms it in any
// case. The list comes from the FIELD_* ids of layout.ts; the tables are laid out when the
// module starts.

import {
  NAME_HASH_MULTIPLIER,
  NAME_SLOT_BITS,
  NAME_TEXTS,
} from "../build/wasm/assembly/field-names";
import { FIELD_COUNT, FIELD_OTHER } from "./layout";
import { lastBlockAddress, splat } from "./scan";

/** Longest name whose colon still lies in the second block. */
const NAME_BYTES_MAX: usize = 31;
const ENTRY_BYTES: usize = 32;

/** Id of the candidate for each hash. */
const slots: usize = memory.data(1 << NAME_SLOT_BITS);
/** The names in lower case, zeros behind each: two blocks an entry. */
const entries: usize = memory.data(FIELD_COUNT * <i32>ENTRY_BYTES, 16);
fillTables();

/** FIELD_* id of the token at `start`, `length` >= 1 bytes long. */
export function fieldId(start: usize, length: usize): u32 {
  if (length > NAME_BYTES_MAX) return FIELD_OTHER;
  const id = candidateId(start, length);
  const text = textOf(id);
  if (start > lastBlockAddress() - 16) return equalsByByte(start, length, text) ? id : FIELD_OTHER;
  const fold = splat(0x20);
  let same = sameBytes(v128.load(start), text, fold);
  if (same == 16) same += sameBytes(v128.load(start, 16), text + 16, fold);
  return same >= length ? id : FIELD_OTHER;
}

// @ts-ignore: decorator
@inline
export function candidateId(start: usize, length: usize): u32 {
  const first = <u32>load<u8>(start) | 0x20;
  const last = <u32>load<u8>(start + length - 1) | 0x20;
  const hash = ((first << 16) | (last << 8) | <u32>length) * NAME_HASH_MULTIPLIER;
  return load<u8>(slots + <usize>(hash >> (32 - NAME_SLOT_BITS)));
}

/** Where the name of `id` lies; 16 bytes may be compared there, and at the next 16. */
// @ts-ignore: decorator
@inline
export function textOf(id: u32): usize {
  return entries + <usize>id * ENTRY_BYTES;
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
  for (let i: usize = 0; i < length; i++) {
    if ((load<u8>(start + i) | 0x20) != load<u8>(text + i)) return false;
  }
  return true;
}

function fillTables(): void {
  let text = NAME_TEXTS;
  for (let id: u32 = 1; id < <u32>FIELD_COUNT; id++) {
    const length = <usize>load<u8>(text++);
    memory.copy(textOf(id), text, length);
    const first = <u32>load<u8>(text);
    const last = <u32>load<u8>(text + length - 1);
    const hash = ((first << 16) | (last << 8) | <u32>length) * NAME_HASH_MULTIPLIER;
    store<u8>(slots + <usize>(hash >> (32 - NAME_SLOT_BITS)), <u8>id);
    text += length;
  }
}
