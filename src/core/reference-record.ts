// The reference's memory and its box over records: the same words at the same addresses as in the
// Wasm core.

import {
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_FIELDS,
  RECORD_FLAGS,
  RECORD_HOST_INDEX,
  RECORD_STATUS,
  STATUS_ERROR,
} from "../../assembly/layout.ts";

/** One ArrayBuffer, as bytes and as words. */
export interface ReferenceMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
}

/** What a step returns instead of the next address: the record says which error it was. */
export const FAILED = -1;

export const NO_INDEX = 0xffff_ffff;

/** What a field section belongs to; it decides which fields mean something. */
export type Section = "request" | "response" | "trailer";

export function getWord(memory: ReferenceMemory, record: number, index: number): number {
  return memory.words[(record >> 2) + index] as number;
}

export function setWord(
  memory: ReferenceMemory,
  record: number,
  index: number,
  value: number,
): void {
  memory.words[(record >> 2) + index] = value;
}

export function addFlags(memory: ReferenceMemory, record: number, flags: number): void {
  const at = (record >> 2) + RECORD_FLAGS;
  memory.words[at] = (memory.words[at] as number) | flags;
}

export function startRecord(memory: ReferenceMemory, record: number): void {
  const start = record >> 2;
  for (let at = start; at < start + RECORD_FIELDS; at++) memory.words[at] = 0;
  setWord(memory, record, RECORD_HOST_INDEX, NO_INDEX);
}

/** Notes the error; returns FAILED. */
export function fail(
  memory: ReferenceMemory,
  record: number,
  code: number,
  offset: number,
): number {
  setWord(memory, record, RECORD_STATUS, STATUS_ERROR);
  setWord(memory, record, RECORD_ERROR_CODE, code);
  setWord(memory, record, RECORD_ERROR_OFFSET, offset);
  return FAILED;
}
