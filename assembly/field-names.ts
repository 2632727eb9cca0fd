// Well-known field names: a perfect hash finds the one candidate, a masked v128 compare confirms it in any case. The tables are
// generated from the FIELD_* ids of layout.ts.

import {
  NAME_ENTRIES,
  NAME_HASH_MULTIPLIER,
  NAME_HASH_SHIFT,
  NAME_SLOTS,
} from "../build/wasm/assembly/field-names";
import { FIELD_OTHER } from "./layout";
import { lastBlockAddress } from "./scan";

/** FIELD_* id of the field name at `start`, `length` >= 1 bytes long. */
export function fieldId(start: usize, length: usize): u32 {
  if (length > 32) return FIELD_OTHER;
  const id = candidateId(start, length);
  const entry = entryOf(id);
  if (start > lastBlockAddress() - 16) return equalsByByte(start, length, entry) ? id : FIELD_OTHER;
  if (!matches(v128.load(start), entry)) return FIELD_OTHER;
  return length <= 16 || matches(v128.load(start, 16), entry + 32) ? id : FIELD_OTHER;
}

// @ts-ignore: decorator
@inline
export function candidateId(start: usize, length: usize): u32 {
  const first = <u32>load<u8>(start) | 0x20;
  const last = <u32>load<u8>(start + length - 1) | 0x20;
  const hash = ((first << 16) | (last << 8) | <u32>length) * NAME_HASH_MULTIPLIER;
  return load<u8>(NAME_SLOTS + <usize>(hash >> NAME_HASH_SHIFT));
}

// @ts-ignore: decorator
@inline
export function entryOf(id: u32): usize {
  return NAME_ENTRIES + (<usize>id << 6);
}

/** The block, letters folded, is the half of a name that `entry` holds. Lanes behind the name always agree. */
// @ts-ignore: decorator
@inline
export function matches(block: v128, entry: usize): bool {
  return i8x16.all_true(
    i8x16.eq(v128.or(block, v128.load(entry)), v128.load(entry, 16)),
  );
}

/** For names so close to the end of memory that a block cannot be loaded. */
function equalsByByte(start: usize, length: usize, entry: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    const at = entry + ((i >> 4) << 5) + (i & 15);
    if ((load<u8>(start + i) | load<u8>(at)) != load<u8>(at, 16)) return false;
  }
  return true;
}
