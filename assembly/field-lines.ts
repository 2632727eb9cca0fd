// The field section of a head or trailer section (RFC 9112 section 5), resumable at every byte.
// Bare CR and LF, obs-fold and space before the colon are refused, never repaired. What a field
// means for the message is decided in field-meaning.ts.

import { fieldId } from "./field-names";
import { noteField } from "./field-meaning";
import {
  ERROR_BARE_CR,
  ERROR_BARE_LF,
  ERROR_FIELD_NAME,
  ERROR_FIELD_VALUE,
  ERROR_FOLD,
  ERROR_SPACE_BEFORE_COLON,
  ERROR_TOO_MANY_FIELDS,
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
} from "./layout";
import { fail, getWord, setWord } from "./record";
import { COLON, CR, HTAB, LF, SP, tokenEnd, valueEnd } from "./scan";

/**
 * Goes on from the byte at `p` in one of the phases of a field section. Returns the address of the
 * next byte to look at, 0 after an error. PHASE_END_LF is the caller's: what the empty line
 * completes depends on the message.
 */
export function stepFieldSection(
  record: usize,
  input: usize,
  p: usize,
  end: usize,
  countMax: u32,
  mode: u32,
): usize {
  switch (getWord(record, RECORD_PHASE)) {
    case PHASE_LINE:
      return stepLine(record, input, p, countMax);
    case PHASE_NAME:
      return stepName(record, input, p, end);
    case PHASE_OWS:
      return stepOws(record, input, p, end);
    case PHASE_VALUE:
      return stepValue(record, input, p, end);
    default:
      return stepValueLf(record, input, p, mode);
  }
}

/** The entry of the field line that is being read. */
// @ts-ignore: decorator
@inline
function currentEntry(record: usize): usize {
  return record + <usize>((RECORD_FIELDS << 2) + (getWord(record, RECORD_FIELD_COUNT) << 4));
}

function stepLine(record: usize, input: usize, p: usize, countMax: u32): usize {
  const byte = load<u8>(p);
  if (byte == CR) {
    setWord(record, RECORD_PHASE, PHASE_END_LF);
    return p + 1;
  }
  if (byte == SP || byte == HTAB) return fail(record, ERROR_FOLD, p - input);
  if (byte == LF) return fail(record, ERROR_BARE_LF, p - input);
  if (getWord(record, RECORD_FIELD_COUNT) == countMax) {
    return fail(record, ERROR_TOO_MANY_FIELDS, p - input);
  }
  setWord(record, RECORD_TOKEN_START, <u32>(p - input));
  setWord(record, RECORD_PHASE, PHASE_NAME);
  return p;
}

function stepName(record: usize, input: usize, p: usize, end: usize): usize {
  const stop = tokenEnd(p, end);
  if (stop == end) return end;
  const start = getWord(record, RECORD_TOKEN_START);
  const length = <u32>(stop - input) - start;
  const byte = load<u8>(stop);
  if (byte != COLON || length == 0) return fail(record, nameError(byte, length), stop - input);
  const entry = currentEntry(record);
  store<u32>(entry, start);
  store<u32>(entry, length | (fieldId(input + start, length) << 16), 4);
  setWord(record, RECORD_PHASE, PHASE_OWS);
  return stop + 1;
}

function nameError(byte: u8, length: u32): u32 {
  if (byte == LF) return ERROR_BARE_LF;
  return length > 0 && (byte == SP || byte == HTAB) ? ERROR_SPACE_BEFORE_COLON : ERROR_FIELD_NAME;
}

function stepOws(record: usize, input: usize, start: usize, end: usize): usize {
  let p = start;
  while (p < end && (load<u8>(p) == SP || load<u8>(p) == HTAB)) p++;
  if (p == end) return end;
  setWord(record, RECORD_TOKEN_START, <u32>(p - input));
  setWord(record, RECORD_PHASE, PHASE_VALUE);
  return p;
}

function stepValue(record: usize, input: usize, p: usize, end: usize): usize {
  const stop = valueEnd(p, end);
  if (stop == end) return end;
  const byte = load<u8>(stop);
  if (byte != CR) {
    return fail(record, byte == LF ? ERROR_BARE_LF : ERROR_FIELD_VALUE, stop - input);
  }
  setWord(record, RECORD_PHASE, PHASE_VALUE_LF);
  return stop + 1;
}

function stepValueLf(record: usize, input: usize, p: usize, mode: u32): usize {
  if (load<u8>(p) != LF) return fail(record, ERROR_BARE_CR, p - 1 - input);
  const start = input + <usize>getWord(record, RECORD_TOKEN_START);
  let valueStop = p - 1;
  while (valueStop > start && isOws(load<u8>(valueStop - 1))) valueStop--;
  const entry = currentEntry(record);
  store<u32>(entry, <u32>(start - input), 8);
  store<u32>(entry, <u32>(valueStop - start), 12);
  if (!noteField(record, input, entry, mode)) return 0;
  setWord(record, RECORD_FIELD_COUNT, getWord(record, RECORD_FIELD_COUNT) + 1);
  setWord(record, RECORD_PHASE, PHASE_LINE);
  return p + 1;
}

// @ts-ignore: decorator
@inline
export function isOws(byte: u8): bool {
  return byte == SP || byte == HTAB;
}
