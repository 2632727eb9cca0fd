// Owns the way from a HeadRecord's field entries to field lines, for requests and responses alike.

import {
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
} from "../../assembly/layout.ts";

/** The field lines of the record at word index `base`; `text` is its head, decoded as latin1. */
export function decodeFields(words: Uint32Array, base: number, text: string): string[] {
  const count = words[base + RECORD_FIELD_COUNT] ?? 0;
  const fields: string[] = [];
  for (let index = 0, at = base + RECORD_FIELDS; index < count; index++, at += FIELD_WORDS) {
    const nameStart = words[at + FIELD_NAME_START] ?? 0;
    const nameLength = (words[at + FIELD_NAME_LENGTH_AND_ID] ?? 0) & 0xffff;
    const valueStart = words[at + FIELD_VALUE_START] ?? 0;
    const valueLength = words[at + FIELD_VALUE_LENGTH] ?? 0;
    fields.push(
      text.slice(nameStart, nameStart + nameLength),
      text.slice(valueStart, valueStart + valueLength),
    );
  }
  return fields;
}
