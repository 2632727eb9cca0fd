// Request and response heads on both engines: every row whole, cut at every offset, a byte at a
// time, as every strict prefix, flush against the end of memory and at every alignment.

import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import type { Core } from "../../src/core/core.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";
import { REFUSED_FRAMING } from "./framing-cases.ts";
import {
  expectEverywhere,
  fieldsOf,
  type Parse,
  parseRequest,
  parseResponse,
  parseWhole,
  textAt,
} from "./head-run.ts";
import { ACCEPTED, REFUSED, type RefusedHead } from "./request-cases.ts";
import { ACCEPTED_RESPONSES, REFUSED_RESPONSES } from "./response-cases.ts";

const CARET = "‸";

function wordOf(core: Core, index: number): number {
  return core.words[core.scratchRecord / 4 + index] ?? -1;
}

function contentLengthOf(core: Core): number {
  const high = wordOf(core, layout.RECORD_CONTENT_LENGTH_HIGH);
  return high * 2 ** 32 + wordOf(core, layout.RECORD_CONTENT_LENGTH_LOW);
}

function expectRefused(core: Core, parse: Parse, row: RefusedHead): void {
  const offset = row.bytes.indexOf(CARET);
  const text = row.bytes.replace(CARET, "");
  const expected = { status: layout.STATUS_ERROR, code: row.code, offset, words: [] };
  expectEverywhere(core, parse, text, expected, Math.min(offset, text.length - 1));
}

describe.each(ENGINES)("request heads on %s", (engine) => {
  const core = coreOf(engine);

  test.each(ACCEPTED)("$title", (row) => {
    const bytes = latin1(row.bytes);
    const whole = parseWhole(core, parseRequest, bytes);
    expect(whole.status).toBe(layout.STATUS_COMPLETE);
    expect(wordOf(core, layout.RECORD_HEAD_LENGTH)).toBe(bytes.length);
    const start = wordOf(core, layout.RECORD_TARGET_START);
    const actual = {
      method: wordOf(core, layout.RECORD_METHOD) & 0xff,
      target: textAt(core, start, wordOf(core, layout.RECORD_TARGET_LENGTH)),
      form: wordOf(core, layout.RECORD_TARGET_FORM),
      minor: wordOf(core, layout.RECORD_VERSION_MINOR),
      fields: fieldsOf(core),
      framing: wordOf(core, layout.RECORD_FRAMING),
      contentLength: contentLengthOf(core),
      flags: wordOf(core, layout.RECORD_FLAGS),
    };
    const { title: _title, bytes: _bytes, ...expected } = row;
    expect(actual).toMatchObject(expected);
    expectEverywhere(core, parseRequest, row.bytes, whole, bytes.length);
  });

  test.each([...REFUSED, ...REFUSED_FRAMING])("$title", (row) => {
    expectRefused(core, parseRequest, row);
  });
});

describe.each(ENGINES)("response heads on %s", (engine) => {
  const core = coreOf(engine);

  test.each(ACCEPTED_RESPONSES)("$title", (row) => {
    const parse = parseResponse(row.requestMethod ?? layout.METHOD_GET);
    const bytes = latin1(row.bytes);
    const whole = parseWhole(core, parse, bytes);
    expect(whole.status).toBe(layout.STATUS_COMPLETE);
    const start = wordOf(core, layout.RECORD_REASON_START);
    const actual = {
      status: wordOf(core, layout.RECORD_STATUS_CODE),
      reason: textAt(core, start, wordOf(core, layout.RECORD_REASON_LENGTH)),
      framing: wordOf(core, layout.RECORD_FRAMING),
      flags: wordOf(core, layout.RECORD_FLAGS),
      contentLength: contentLengthOf(core),
    };
    const { title: _title, bytes: _bytes, requestMethod: _method, ...expected } = row;
    expect(actual).toMatchObject(expected);
    expectEverywhere(core, parse, row.bytes, whole, bytes.length);
  });

  test.each(REFUSED_RESPONSES)("$title", (row) => {
    expectRefused(core, parseResponse(layout.METHOD_GET), row);
  });
});
