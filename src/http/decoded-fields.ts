// Owns the way from a HeadRecord's field entries to field lines, for requests and responses,
// headers and trailers alike.

import {
  CHUNKED_TRAILER_BYTES,
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
} from "../../assembly/layout.ts";
import type { Core } from "../core/core.ts";
import type { FieldLines } from "./message.ts";

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

/**
 * The trailer section behind chunked content that the decoder at `state` has finished (RFC 9112
 * section 7.1.2). `memory` is the core's, as a Buffer.
 */
export function decodeTrailers(core: Core, memory: Buffer, state: number): FieldLines {
  const length = core.words[(state >>> 2) + CHUNKED_TRAILER_BYTES] ?? 0;
  if (length <= EMPTY_TRAILER_BYTES) return NO_FIELDS;
  const input = core.trailerInput(state);
  const text = memory.toString("latin1", input, input + length);
  return decodeFields(core.words, core.trailerRecord(state) >>> 2, text);
}

/** The empty line that ends every trailer section. */
const EMPTY_TRAILER_BYTES = 2;
const NO_FIELDS: FieldLines = [];
