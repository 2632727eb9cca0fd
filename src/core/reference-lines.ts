// The common field line, whole and well formed, for the reference parser. Hot where there is no
// Wasm: everything is in local variables. It reports no error of syntax; at the first line that is
// unusual or not complete, reference-fields.ts goes on.

import {
  FIELD_EXPECT,
  FIELD_HOST,
  FIELD_WORDS,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_PRESENT_HIGH,
  RECORD_PRESENT_LOW,
} from "../../assembly/layout.ts";
import { FIELD_COUNT_MAX } from "#wasm/limits.js";
import { CLASSES, OWS, VALUE } from "./byte-classes.ts";
import { idOfNode, NAME_START, NAME_SYMBOLS, nextNode } from "./field-ids.ts";
import { noteField } from "./reference-meaning.ts";
import { FAILED, type ReferenceMemory, type Section } from "./reference-record.ts";

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const COLON = 0x3a;

/**
 * Reads whole lines from the line start `p`; returns the start of the first one that it did not
 * read, FAILED after an error.
 */
export function scanLines(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
  end: number,
  section: Section,
): number {
  const { bytes, words } = memory;
  const base = record >> 2;
  let count = words[base + RECORD_FIELD_COUNT] as number;
  let line = start;
  while (count < FIELD_COUNT_MAX) {
    let p = line;
    let node = NAME_START;
    let symbol = 0;
    while (p < end && (symbol = NAME_SYMBOLS[bytes[p] as number] as number) !== 0) {
      node = nextNode(node, symbol);
      p++;
    }
    const colon = p++;
    if (p >= end || colon === line || bytes[colon] !== COLON) break;
    while (p < end && ((CLASSES[bytes[p] as number] as number) & OWS) !== 0) p++;
    const value = p;
    while (p < end && ((CLASSES[bytes[p] as number] as number) & VALUE) !== 0) p++;
    if (p + 1 >= end || bytes[p] !== CR || bytes[p + 1] !== LF) break;
    let valueEnd = p;
    while (valueEnd > value && (bytes[valueEnd - 1] as number) <= SP) valueEnd--;
    const id = idOfNode(node);
    const entry = base + RECORD_FIELDS + count * FIELD_WORDS;
    words[entry] = line - input;
    words[entry + 1] = (colon - line) | (id << 16);
    words[entry + 2] = value - input;
    words[entry + 3] = valueEnd - value;
    if (id >= FIELD_HOST && id <= FIELD_EXPECT) {
      const index = RECORD_FIELDS + count * FIELD_WORDS;
      if (noteField(memory, record, input, index, section) === FAILED) return FAILED;
    } else {
      const present = base + (id < 32 ? RECORD_PRESENT_LOW : RECORD_PRESENT_HIGH);
      words[present] = (words[present] as number) | (1 << (id & 31));
    }
    words[base + RECORD_FIELD_COUNT] = ++count;
    line = p + 2;
  }
  return line;
}
