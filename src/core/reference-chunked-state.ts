// The box over the reference's chunked decoder state: its 64-bit numbers and its error.

import {
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_HIGH,
  CHUNKED_ERROR_OFFSET_LOW,
  CHUNKED_POSITION_HIGH,
  CHUNKED_POSITION_LOW,
  CHUNKED_REMAINING_HIGH,
  CHUNKED_REMAINING_LOW,
  CHUNKED_STATUS,
  STATUS_ERROR,
} from "../../assembly/layout.ts";
import { FAILED, getWord, type ReferenceMemory, setWord } from "./reference-record.ts";

const WORD = 0x1_0000_0000;

/** Bytes of the current chunk that have not arrived, or the size so far while it is read. */
export function getRemaining(memory: ReferenceMemory, state: number): number {
  const high = getWord(memory, state, CHUNKED_REMAINING_HIGH);
  return high * WORD + getWord(memory, state, CHUNKED_REMAINING_LOW);
}

export function setRemaining(memory: ReferenceMemory, state: number, count: number): void {
  setWord(memory, state, CHUNKED_REMAINING_LOW, count % WORD);
  setWord(memory, state, CHUNKED_REMAINING_HIGH, Math.floor(count / WORD));
}

/** Counts the bytes of the body that this call consumed. */
export function advancePosition(memory: ReferenceMemory, state: number, count: number): void {
  const position = getPosition(memory, state) + count;
  setWord(memory, state, CHUNKED_POSITION_LOW, position % WORD);
  setWord(memory, state, CHUNKED_POSITION_HIGH, Math.floor(position / WORD));
}

/**
 * Notes the error at `offset` of this call's input, which may lie before its first byte; returns
 * FAILED.
 */
export function failChunked(
  memory: ReferenceMemory,
  state: number,
  code: number,
  offset: number,
): number {
  const position = getPosition(memory, state) + offset;
  setWord(memory, state, CHUNKED_STATUS, STATUS_ERROR);
  setWord(memory, state, CHUNKED_ERROR_CODE, code);
  setWord(memory, state, CHUNKED_ERROR_OFFSET_LOW, position % WORD);
  setWord(memory, state, CHUNKED_ERROR_OFFSET_HIGH, Math.floor(position / WORD));
  return FAILED;
}

function getPosition(memory: ReferenceMemory, state: number): number {
  const high = getWord(memory, state, CHUNKED_POSITION_HIGH);
  return high * WORD + getWord(memory, state, CHUNKED_POSITION_LOW);
}
