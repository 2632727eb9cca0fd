// Finds the FIELD_* id of a field name by its bytes, without making a string of it: a hash that the name scan computes on the way,
// then a compare with the one candidate. The names come from the ids of assembly/layout.ts.

import { FIELD_NAMES } from "#wasm/field-names.js";
import { LOWER } from "./byte-classes.ts";

const SLOTS = 1024;
const NAME_BYTES_MAX = 32;
const MULTIPLIER = 31;

const slots = new Uint8Array(SLOTS);
const names = new Uint8Array(FIELD_NAMES.length * NAME_BYTES_MAX);
const lengths = new Uint8Array(FIELD_NAMES.length);

FIELD_NAMES.forEach((name, id) => {
  if (id === 0) return;
  lengths[id] = name.length;
  for (let index = 0; index < name.length; index++) {
    names[id * NAME_BYTES_MAX + index] = name.charCodeAt(index);
  }
  let slot = hashOf(name);
  while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
  slots[slot] = id;
});

/** FIELD_* id of the name in [start, end) of `bytes`; 0 for any other name. */
export function fieldIdOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > NAME_BYTES_MAX) return 0;
  let hash = 0;
  for (let p = start; p < end; p++) {
    hash = (Math.imul(hash, MULTIPLIER) + ((bytes[p] as number) | 0x20)) | 0;
  }
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const id = slots[slot] as number;
    if (id === 0 || isName(bytes, start, end, id)) return id;
  }
}

function isName(bytes: Uint8Array, start: number, end: number, id: number): boolean {
  if (lengths[id] !== end - start) return false;
  let at = id * NAME_BYTES_MAX;
  for (let p = start; p < end; p++) {
    if (LOWER[bytes[p] as number] !== names[at++]) return false;
  }
  return true;
}

function hashOf(name: string): number {
  let hash = 0;
  for (let index = 0; index < name.length; index++) {
    hash = (Math.imul(hash, MULTIPLIER) + (name.charCodeAt(index) | 0x20)) | 0;
  }
  return hash & (SLOTS - 1);
}
