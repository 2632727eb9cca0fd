// Finds the FIELD_* id of a field name by its bytes, without making a string of it: a trie over the
// well-known names, walked while the name is checked. The names come from the ids of
// assembly/layout.ts.

import { FIELD_NAMES } from "#wasm/field-names.js";
import { CLASSES, LOWER, TOKEN } from "./byte-classes.ts";

const SYMBOL_BITS = 5;
/** A token byte that no well-known name holds. */
const SYMBOL_OTHER = 1;

/** Symbol of a byte: 0 ends a name, letters of any case and "-" have one of their own. */
export const NAME_SYMBOLS: Uint8Array<ArrayBuffer> = new Uint8Array(256);

/**
 * The node that follows a node for a symbol; node 0 is that of names which are not well known, node
 * 1 that of no byte yet.
 */
const next: Uint16Array<ArrayBuffer> = new Uint16Array(
  (FIELD_NAMES.join("").length + 2) << SYMBOL_BITS,
);
const ids: Uint8Array<ArrayBuffer> = new Uint8Array(next.length >> SYMBOL_BITS);

export const NAME_START = 1;

for (let byte = 0; byte < 256; byte++) {
  if (((CLASSES[byte] ?? 0) & TOKEN) !== 0) NAME_SYMBOLS[byte] = symbolOf(LOWER[byte] ?? 0);
}
let nodes = 2;
FIELD_NAMES.forEach((name, id) => {
  let node = NAME_START;
  for (let index = 0; index < name.length; index++) {
    const at = (node << SYMBOL_BITS) | symbolOf(name.charCodeAt(index));
    next[at] ||= nodes++;
    node = next[at] ?? 0;
  }
  if (id > 0) ids[node] = id;
});

/** The node behind `node` for a symbol other than 0. */
export function nextNode(node: number, symbol: number): number {
  return next[(node << SYMBOL_BITS) | symbol] as number;
}

/** FIELD_* id of the name that ends in `node`; 0 for any other name. */
export function idOfNode(node: number): number {
  return ids[node] as number;
}

/** FIELD_* id of the name in [start, end) of `bytes`. */
export function fieldIdOf(bytes: Uint8Array, start: number, end: number): number {
  let node = NAME_START;
  for (let p = start; p < end; p++) {
    node = nextNode(node, NAME_SYMBOLS[bytes[p] as number] as number);
  }
  return idOfNode(node);
}

/** 2 to 27 for letters, 28 for "-"; well-known names hold nothing else. */
function symbolOf(byte: number): number {
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 2;
  return byte === 0x2d ? 28 : SYMBOL_OTHER;
}
