// The chunked transfer coding on both engines: every row whole, cut at every offset, a byte at a
// time, as every strict prefix, flush against the end of memory and at every alignment; then spans,
// trailers and states.

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import type { Core } from "../../src/core/core.ts";
import { ACCEPTED_BODIES, REFUSED_BODIES } from "./chunked-cases.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";

const CARET = "‸";

interface Decoded {
  readonly status: number;
  readonly code: number;
  readonly offset: number;
  readonly content: string;
  readonly consumed: number;
}

/**
 * Feeds the pieces that end at `ends`, each at `input`, as a reader would that has one buffer. Of a
 * piece `window` bytes at a time lie in memory; the engine hears of the rest.
 */
function decode(
  core: Core,
  bytes: Uint8Array,
  ends: readonly number[],
  input: number,
  window: number = bytes.length,
): Decoded {
  const state = core.acquireChunked();
  const word = (index: number): number => core.words[state / 4 + index] ?? -1;
  let status: number = layout.STATUS_INCOMPLETE;
  let content = "";
  let consumed = 0;
  for (const end of ends) {
    while (status === layout.STATUS_INCOMPLETE && consumed < end) {
      const inMemory = Math.min(end - consumed, window);
      core.bytes.set(bytes.subarray(consumed, consumed + inMemory), input);
      status = core.decodeChunked(state, input, inMemory, end - consumed - inMemory);
      for (let span = 0; span < word(layout.CHUNKED_SPAN_COUNT); span++) {
        const start = consumed + word(layout.CHUNKED_SPANS + span * 2);
        const length = word(layout.CHUNKED_SPANS + span * 2 + 1);
        content += String.fromCharCode(...bytes.subarray(start, start + length));
      }
      consumed += word(layout.CHUNKED_CONSUMED);
    }
  }
  const isError = status === layout.STATUS_ERROR;
  const code = isError ? word(layout.CHUNKED_ERROR_CODE) : 0;
  const offset = isError ? word(layout.CHUNKED_ERROR_OFFSET_LOW) : 0;
  core.releaseChunked(state);
  return { status, code, offset, content, consumed: isError ? 0 : consumed };
}

function expectEverywhere(core: Core, bytes: Uint8Array, expected: Decoded, decided: number): void {
  const whole = [bytes.length];
  expect(decode(core, bytes, whole, core.scratchInput), "whole").toEqual(expected);
  const atEnd = core.bytes.length - bytes.length;
  expect(decode(core, bytes, whole, atEnd), "flush against the end of memory").toEqual(expected);
  for (let shift = 1; shift < 16; shift++) {
    const result = decode(core, bytes, whole, core.scratchInput + shift);
    expect(result, `aligned at ${shift}`).toEqual(expected);
  }
  const stride = bytes.length > 2000 ? 251 : 1;
  for (let cut = 1; cut < bytes.length; cut += stride) {
    const split = decode(core, bytes, [cut, bytes.length], core.scratchInput);
    expect(split, `cut at ${cut}`).toEqual(expected);
    if (cut >= decided) continue;
    const prefix = decode(core, bytes.subarray(0, cut), [cut], core.scratchInput);
    expect(prefix.status, `the first ${cut} bytes`).toBe(layout.STATUS_INCOMPLETE);
    expect(prefix.consumed).toBe(cut);
  }
  for (const window of [1, 5, 10, 64]) {
    const windowed = decode(core, bytes, whole, core.scratchInput, window);
    expect(windowed, `windows of ${window}`).toEqual(expected);
  }
  const everyByte = Array.from(bytes, (_, index) => index + 1);
  expect(decode(core, bytes, everyByte, core.scratchInput), "a byte at a time").toEqual(expected);
}

describe.each(ENGINES)("chunked bodies on %s", (engine) => {
  const core = coreOf(engine);

  test.each(ACCEPTED_BODIES)("$title", (row) => {
    const expected = {
      status: layout.STATUS_COMPLETE,
      code: 0,
      offset: 0,
      content: row.content,
      consumed: row.bytes.length,
    };
    const bytes = latin1(row.bytes + (row.rest ?? ""));
    expectEverywhere(core, bytes, expected, row.bytes.length);
  });

  test.each(REFUSED_BODIES)("$title", (row) => {
    const offset = row.bytes.indexOf(CARET);
    const bytes = latin1(row.bytes.replace(CARET, ""));
    const whole = decode(core, bytes, [bytes.length], core.scratchInput);
    expect({ ...whole, content: "" }).toEqual({
      status: layout.STATUS_ERROR,
      code: row.code,
      offset,
      content: "",
      consumed: 0,
    });
    expectEverywhere(core, bytes, whole, Math.min(offset, bytes.length - 1));
  });

  test.each(ACCEPTED_BODIES.filter((row) => row.trailers !== undefined))(
    "$title: the record",
    (row) => {
      const state = core.acquireChunked();
      const bytes = latin1(row.bytes);
      for (let index = 0; index < bytes.length; index++) {
        core.bytes.set(bytes.subarray(index, index + 1), core.scratchInput);
        core.decodeChunked(state, core.scratchInput, 1);
      }
      const record = core.trailerRecord(state) / 4;
      const input = core.trailerInput(state);
      const text = (start = 0, length = 0): string =>
        String.fromCharCode(...core.bytes.subarray(input + start, input + start + length));
      const trailers = Array.from(
        { length: core.words[record + layout.RECORD_FIELD_COUNT] ?? 0 },
        (_, index) => {
          const entry = record + layout.RECORD_FIELDS + index * layout.FIELD_WORDS;
          const [name, nameWord = 0, value, valueLength] = core.words.subarray(entry, entry + 4);
          return [text(name, nameWord & 0xffff), text(value, valueLength)];
        },
      );
      expect(trailers).toEqual(row.trailers);
      core.releaseChunked(state);
    },
  );

  test("RFC 9112 7.1 more chunks than spans: the call stops and says how far it came", () => {
    const bytes = latin1(`${"1\r\nx\r\n".repeat(500)}0\r\n\r\n`);
    const result = decode(core, bytes, [bytes.length], core.scratchInput);
    expect(result.content).toBe("x".repeat(500));
    expect(result.status).toBe(layout.STATUS_COMPLETE);
  });

  test("RFC 9112 7.1 the largest chunk size, and an error offset beyond 4 GiB", () => {
    const state = core.acquireChunked();
    const word = (index: number): number => core.words[state / 4 + index] ?? -1;
    core.bytes.set(latin1("180000000\r\n"), core.scratchInput);
    core.decodeChunked(state, core.scratchInput, 11);
    const piece = 65_536;
    for (let count = 0; count < 0x1_8000_0000 / piece; count++) {
      core.decodeChunked(state, core.scratchInput, piece);
    }
    core.bytes.set(latin1("!"), core.scratchInput);
    expect(core.decodeChunked(state, core.scratchInput, 1)).toBe(layout.STATUS_ERROR);
    expect(word(layout.CHUNKED_ERROR_CODE)).toBe(layout.ERROR_CHUNK_TERMINATOR);
    expect(word(layout.CHUNKED_ERROR_OFFSET_HIGH)).toBe(1);
    expect(word(layout.CHUNKED_ERROR_OFFSET_LOW)).toBe(0x8000_0000 + 11);
    core.resetChunked(state);
    core.bytes.set(latin1("1fffffffffffff\r\n"), core.scratchInput);
    expect(core.decodeChunked(state, core.scratchInput, 16)).toBe(layout.STATUS_INCOMPLETE);
    expect(word(layout.CHUNKED_REMAINING_LOW)).toBe(0xffff_ffff);
    expect(word(layout.CHUNKED_REMAINING_HIGH)).toBe(0x1f_ffff);
    core.releaseChunked(state);
  });

  test("a state that is complete or in error consumes nothing more", () => {
    for (const text of ["0\r\n\r\n", "x"]) {
      const state = core.acquireChunked();
      core.bytes.set(latin1(text), core.scratchInput);
      const status = core.decodeChunked(state, core.scratchInput, text.length);
      expect(core.decodeChunked(state, core.scratchInput, text.length)).toBe(status);
      expect(core.words[state / 4 + layout.CHUNKED_CONSUMED]).toBe(0);
      core.releaseChunked(state);
    }
  });
});
