// Field sections for the reference parser (RFC 9112 section 5): one byte after the other against
// the tables. Hot where there is no Wasm. Resumable: the record's phase says what the byte at the
// cursor belongs to.

import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_FIELD_NAME,
  ERROR_FIELD_VALUE,
  ERROR_FOLD,
  ERROR_SPACE_BEFORE_COLON,
  ERROR_TOO_MANY_FIELDS,
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  PHASE_END_LF,
  PHASE_LINE,
  PHASE_NAME,
  PHASE_OWS,
  PHASE_VALUE,
  PHASE_VALUE_LF,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_PHASE,
  RECORD_TOKEN_START,
} from "../../assembly/layout.ts";
import { CLASSES, OWS, TOKEN, VALUE } from "./byte-classes.ts";
import { fieldIdOf } from "./field-ids.ts";
import { noteField } from "./reference-meaning.ts";
import {
  FAILED,
  fail,
  getWord,
  type ReferenceMemory,
  type Section,
  setWord,
} from "./reference-record.ts";

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;

/**
 * Goes on at byte `p` of a field section. Returns the next byte to look at, FAILED after an error.
 */
export function stepFields(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
  end: number,
  countMax: number,
  section: Section,
): number {
  switch (getWord(memory, record, RECORD_PHASE)) {
    case PHASE_LINE:
      return stepLine(memory, record, input, p, countMax);
    case PHASE_NAME:
      return stepName(memory, record, input, p, end);
    case PHASE_OWS:
      return stepOws(memory, record, input, p, end);
    case PHASE_VALUE:
      return stepValue(memory, record, input, p, end);
    default:
      return stepValueLf(memory, record, input, p, section);
  }
}

function stepLine(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
  countMax: number,
): number {
  const byte = memory.bytes[p] as number;
  if (byte === CR) {
    setWord(memory, record, RECORD_PHASE, PHASE_END_LF);
    return p + 1;
  }
  if (((CLASSES[byte] as number) & OWS) !== 0) return fail(memory, record, ERROR_FOLD, p - input);
  if (byte === LF) return fail(memory, record, ERROR_BARE_LF, p - input);
  if (getWord(memory, record, RECORD_FIELD_COUNT) === countMax) {
    return fail(memory, record, ERROR_TOO_MANY_FIELDS, p - input);
  }
  setWord(memory, record, RECORD_TOKEN_START, p - input);
  setWord(memory, record, RECORD_PHASE, PHASE_NAME);
  return p;
}

function stepName(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
  end: number,
): number {
  const { bytes } = memory;
  let p = start;
  while (p < end && ((CLASSES[bytes[p] as number] as number) & TOKEN) !== 0) p++;
  if (p === end) return end;
  const nameStart = getWord(memory, record, RECORD_TOKEN_START);
  const length = p - input - nameStart;
  const byte = bytes[p] as number;
  if (byte !== COLON || length === 0) {
    const isSpace = length > 0 && ((CLASSES[byte] as number) & OWS) !== 0;
    const other = byte === LF ? ERROR_BARE_LF : ERROR_FIELD_NAME;
    return fail(memory, record, isSpace ? ERROR_SPACE_BEFORE_COLON : other, p - input);
  }
  const entry = RECORD_FIELDS + getWord(memory, record, RECORD_FIELD_COUNT) * FIELD_WORDS;
  const id = fieldIdOf(bytes, input + nameStart, p);
  setWord(memory, record, entry + FIELD_NAME_START, nameStart);
  setWord(memory, record, entry + FIELD_NAME_LENGTH_AND_ID, length | (id << 16));
  setWord(memory, record, RECORD_PHASE, PHASE_OWS);
  return p + 1;
}

function stepOws(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
  end: number,
): number {
  const { bytes } = memory;
  let p = start;
  while (p < end && ((CLASSES[bytes[p] as number] as number) & OWS) !== 0) p++;
  if (p === end) return end;
  setWord(memory, record, RECORD_TOKEN_START, p - input);
  setWord(memory, record, RECORD_PHASE, PHASE_VALUE);
  return p;
}

function stepValue(
  memory: ReferenceMemory,
  record: number,
  input: number,
  start: number,
  end: number,
): number {
  const { bytes } = memory;
  let p = start;
  while (p < end && ((CLASSES[bytes[p] as number] as number) & VALUE) !== 0) p++;
  if (p === end) return end;
  if (bytes[p] !== CR) {
    const code = bytes[p] === LF ? ERROR_BARE_LF : ERROR_FIELD_VALUE;
    return fail(memory, record, code, p - input);
  }
  setWord(memory, record, RECORD_PHASE, PHASE_VALUE_LF);
  return p + 1;
}

function stepValueLf(
  memory: ReferenceMemory,
  record: number,
  input: number,
  p: number,
  section: Section,
): number {
  const { bytes } = memory;
  if (bytes[p] !== LF) return fail(memory, record, ERROR_BARE_CR, p - 1 - input);
  const start = input + getWord(memory, record, RECORD_TOKEN_START);
  let stop = p - 1;
  while (stop > start && ((CLASSES[bytes[stop - 1] as number] as number) & OWS) !== 0) stop--;
  const count = getWord(memory, record, RECORD_FIELD_COUNT);
  const entry = RECORD_FIELDS + count * FIELD_WORDS;
  setWord(memory, record, entry + FIELD_VALUE_START, start - input);
  setWord(memory, record, entry + FIELD_VALUE_LENGTH, stop - start);
  if (noteField(memory, record, input, entry, section) === FAILED) return FAILED;
  setWord(memory, record, RECORD_FIELD_COUNT, count + 1);
  setWord(memory, record, RECORD_PHASE, PHASE_LINE);
  return p + 1;
}
