// Runs one head through an engine in every way that must not matter, and reads records.

import { expect } from "vitest";
import * as layout from "../../assembly/layout.ts";
import type { Core } from "../../src/core/core.ts";
import { latin1 } from "./engines.ts";

export type Parse = (core: Core, input: number, length: number) => number;

export const parseRequest: Parse = (core, input, length) =>
  core.parseRequestHead(core.scratchRecord, input, length);

export const parseResponse =
  (requestMethod: number): Parse =>
  (core, input, length) =>
    core.parseResponseHead(core.scratchRecord, input, length, requestMethod);

export interface HeadResult {
  readonly status: number;
  readonly code: number;
  readonly offset: number;
  /** All words that are valid when complete; empty otherwise. */
  readonly words: readonly number[];
}

/** Words that hold where an unfinished parse stood; they mean nothing afterwards. */
const PRIVATE_WORDS = [layout.RECORD_PHASE, layout.RECORD_CURSOR, layout.RECORD_TOKEN_START];

function resultOf(core: Core, status: number): HeadResult {
  const at = core.scratchRecord / 4;
  const isError = status === layout.STATUS_ERROR;
  const fieldCount = core.words[at + layout.RECORD_FIELD_COUNT] ?? 0;
  const length = layout.RECORD_FIELDS + fieldCount * layout.FIELD_WORDS;
  const words = [...core.words.subarray(at, at + length)];
  for (const index of PRIVATE_WORDS) words[index] = 0;
  return {
    status,
    code: isError ? (words[layout.RECORD_ERROR_CODE] ?? -1) : 0,
    offset: isError ? (words[layout.RECORD_ERROR_OFFSET] ?? -1) : 0,
    words: status === layout.STATUS_COMPLETE ? words : [],
  };
}

export function parseWhole(
  core: Core,
  parse: Parse,
  bytes: Uint8Array,
  input = core.scratchInput,
): HeadResult {
  core.bytes.set(bytes, input);
  core.resetRecord(core.scratchRecord);
  return resultOf(core, parse(core, input, bytes.length));
}

/** What may lie behind the input from earlier use, to tempt a parser that looks at it. */
const STALE = [latin1("\n".repeat(64)), latin1("\r\n".repeat(32)), latin1(": v\r\n\r\n".repeat(9))];

/**
 * One call for each of `lengths`, as far as the head stays incomplete; the memory behind them holds
 * `stale`.
 */
function parseSplit(
  core: Core,
  parse: Parse,
  bytes: Uint8Array,
  lengths: readonly number[],
  stale: Uint8Array,
): HeadResult {
  core.resetRecord(core.scratchRecord);
  let status: number = layout.STATUS_INCOMPLETE;
  let done = 0;
  for (const length of lengths) {
    core.bytes.set(bytes.subarray(done, length), core.scratchInput + done);
    core.bytes.set(stale, core.scratchInput + length);
    status = parse(core, core.scratchInput, length);
    if (status !== layout.STATUS_INCOMPLETE) break;
    done = length;
  }
  return resultOf(core, status);
}

/**
 * The head gives `expected` however it comes and wherever it lies. `decided` bytes are enough to
 * know it.
 */
export function expectEverywhere(
  core: Core,
  parse: Parse,
  text: string,
  expected: HeadResult,
  decided: number,
): void {
  const bytes = latin1(text);
  expect(parseWhole(core, parse, bytes), "whole").toEqual(expected);
  const end = core.bytes.length - bytes.length;
  expect(parseWhole(core, parse, bytes, end), "flush against the end of memory").toEqual(expected);
  for (let shift = 1; shift < 16; shift++) {
    const at = core.scratchInput + shift;
    expect(parseWhole(core, parse, bytes, at), `aligned at ${shift}`).toEqual(expected);
  }
  const stride = bytes.length > 2000 ? 509 : 1;
  for (let cut = 1; cut < bytes.length; cut += stride) {
    for (const stale of STALE) {
      const split = parseSplit(core, parse, bytes, [cut, bytes.length], stale);
      expect(split, `cut at ${cut}`).toEqual(expected);
    }
    if (cut >= decided) continue;
    const prefix = parseWhole(core, parse, bytes.subarray(0, cut));
    expect(prefix.status, `the first ${cut} bytes`).toBe(layout.STATUS_INCOMPLETE);
  }
  const everyByte = Array.from(bytes, (_, index) => index + 1);
  for (const stale of STALE) {
    const split = parseSplit(core, parse, bytes, everyByte, stale);
    expect(split, "a byte at a time").toEqual(expected);
  }
}

/** The text of `length` bytes at `start` of the input. */
export function textAt(core: Core, start: number, length: number): string {
  const at = core.scratchInput + start;
  return String.fromCharCode(...core.bytes.subarray(at, at + length));
}

export function fieldsOf(core: Core): [name: string, value: string][] {
  const at = core.scratchRecord / 4;
  const count = core.words[at + layout.RECORD_FIELD_COUNT] ?? 0;
  return Array.from({ length: count }, (_, index) => {
    const entry = at + layout.RECORD_FIELDS + index * layout.FIELD_WORDS;
    const [nameStart = 0, nameWord = 0, valueStart = 0, valueLength = 0] = core.words.subarray(
      entry,
      entry + layout.FIELD_WORDS,
    );
    const name = textAt(core, nameStart, nameWord & 0xffff);
    return [name, textAt(core, valueStart, valueLength)];
  });
}
