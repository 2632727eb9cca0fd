// The box over a HeadRecord: reads and writes its words at constant offsets, and ends a parse with
// an error. Knows no grammar.

import {
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_HOST_INDEX,
  RECORD_STATUS,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "./layout";

/** What a field section belongs to; it decides which fields mean something. */
export const MODE_REQUEST: u32 = 0;
export const MODE_RESPONSE: u32 = 1;
export const MODE_TRAILER: u32 = 2;

// @ts-ignore: decorator
@inline
export function getWord(record: usize, index: i32): u32 {
  return load<u32>(record + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
export function setWord(record: usize, index: i32, value: u32): void {
  store<u32>(record + (<usize>index << 2), value);
}

/** Makes the record that of a head whose first byte has not been seen. */
export function startRecord(record: usize): void {
  const zero = i8x16.splat(0);
  v128.store(record, zero);
  v128.store(record, zero, 16);
  v128.store(record, zero, 32);
  v128.store(record, zero, 48);
  v128.store(record, zero, 64);
  v128.store(record, zero, 80);
  setWord(record, RECORD_STATUS, STATUS_INCOMPLETE);
  setWord(record, RECORD_HOST_INDEX, 0xffffffff);
}

/** Notes the error; returns 0, the address that ends the parse. */
export function fail(record: usize, code: u32, offset: usize): usize {
  setWord(record, RECORD_STATUS, STATUS_ERROR);
  setWord(record, RECORD_ERROR_CODE, code);
  setWord(record, RECORD_ERROR_OFFSET, <u32>offset);
  return 0;
}
