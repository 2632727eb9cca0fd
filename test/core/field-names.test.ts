// Well-known field names on both engines: each has its id in any case, and nothing that is only
// like one has an id.

import { describe, expect, test } from "vitest";
import { FIELD_NAMES } from "#wasm/field-names.js";
import * as layout from "../../assembly/layout.ts";
import type { Core } from "../../src/core/core.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";

/**
 * The id of the one field line, the line right behind the start line or at the very end of memory.
 */
function idOf(core: Core, name: string, place: "middle" | "end"): number {
  const bytes = latin1(`HTTP/1.1 200 OK\r\n${name}: 1\r\n`);
  const input = place === "end" ? core.bytes.length - bytes.length : core.scratchInput;
  core.bytes.set(bytes, input);
  core.resetRecord(core.scratchRecord);
  core.parseResponseHead(core.scratchRecord, input, bytes.length, layout.METHOD_GET);
  const at = core.scratchRecord / 4 + layout.RECORD_FIELDS + layout.FIELD_NAME_LENGTH_AND_ID;
  return (core.words[at] ?? 0) >>> 16;
}

const alternating = (name: string): string =>
  [...name].map((letter, index) => (index % 2 === 0 ? letter.toUpperCase() : letter)).join("");

describe.each(ENGINES)("well-known field names on %s", (engine) => {
  const core = coreOf(engine);
  const named = FIELD_NAMES.map((name, id) => [name, id] as const).slice(1);

  test.each(named)("RFC 9110 5.1 %s in any case", (name, id) => {
    for (const spelling of [name, name.toUpperCase(), alternating(name)]) {
      for (const place of ["middle", "end"] as const) {
        expect(idOf(core, spelling, place), `${spelling}, ${place}`).toBe(id);
      }
    }
  });

  test.each(named)("a name that only resembles %s has no id of its own", (name) => {
    const ids = new Map(named);
    const wrong: string[] = [];
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_~^`|";
    const candidates = [name.slice(1), name.slice(0, -1), `${name}${name}`];
    for (const a of letters) {
      candidates.push(`${name}${a}`, `${a}${name}`, `${a}${name.slice(1)}`);
      candidates.push(`${name.slice(0, -1)}${a}`);
      for (const b of letters) candidates.push(`${name}${a}${b}`, `${name}-${a}${b}x`);
    }
    for (let index = 0; index < name.length; index++) {
      const flipped = String.fromCharCode(name.charCodeAt(index) ^ 0x20);
      if (!/[a-z]/i.test(flipped)) {
        candidates.push(name.slice(0, index) + flipped + name.slice(index + 1));
      }
    }
    for (const candidate of candidates) {
      const expected = ids.get(candidate.toLowerCase()) ?? 0;
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(candidate)) continue;
      if (idOf(core, candidate, "middle") !== expected) wrong.push(candidate);
    }
    expect(wrong).toEqual([]);
  });
});
