// Limits on both engines, at the limit and one past it, and the one place that names them.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as limits from "#wasm/limits.js";
import * as layout from "../../assembly/layout.ts";
import { PARSE_ERRORS } from "../../src/core/parse-errors.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";
import { parseRequest, parseWhole } from "./head-run.ts";

const START = "GET / HTTP/1.1\r\nHost: a\r\n";

test("wasm-build.config.json is where the limits come from", () => {
  const text = readFileSync(new URL("../../wasm-build.config.json", import.meta.url), "utf8");
  const config = JSON.parse(text) as { limits: Record<string, number> };
  const named = Object.entries(config.limits).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
    value,
  ]);
  expect(limits).toMatchObject(Object.fromEntries(named));
});

test("every error code has a row with a status, a reason and a section", () => {
  const codes = Object.entries(layout).filter(([name]) => name.startsWith("ERROR_"));
  expect(PARSE_ERRORS).toHaveLength(codes.length - 1);
  for (const [name, code] of codes) {
    if (name === "ERROR_COUNT" || name === "ERROR_NONE") continue;
    const row = PARSE_ERRORS[code];
    expect(row?.code, name).toBe(code);
    expect([400, 414, 431, 505], name).toContain(row?.status);
    expect(row?.section, name).toMatch(/^RFC \d+ [\d.]+$/);
  }
});

describe.each(ENGINES)("limits on %s", (engine) => {
  const core = coreOf(engine);

  test("RFC 6585 5 a head of exactly the limit", () => {
    const head = latin1(`${`${START}X: `.padEnd(limits.HEAD_BYTES_MAX - 4, "v")}\r\n\r\n`);
    expect(parseWhole(core, parseRequest, head).status).toBe(layout.STATUS_COMPLETE);
  });

  test("RFC 6585 5 as many field lines as the limit", () => {
    const head = latin1(`${START}${"x:\r\n".repeat(limits.FIELD_COUNT_MAX - 1)}\r\n`);
    expect(parseWhole(core, parseRequest, head).status).toBe(layout.STATUS_COMPLETE);
  });

  test("RFC 9112 3 a target of exactly the limit", () => {
    const target = `/${"t".repeat(limits.TARGET_BYTES_MAX - 1)}`;
    const head = latin1(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(parseWhole(core, parseRequest, head).status).toBe(layout.STATUS_COMPLETE);
  });

  test("bytes behind the head are not looked at", () => {
    for (const rest of ["GET / HTTP/1.1\r\n", "\x00", "\r\n\r\n", " fold"]) {
      const head = latin1(`${START}\r\n`);
      const result = parseWhole(core, parseRequest, latin1(`${START}\r\n${rest}`));
      expect(result.status).toBe(layout.STATUS_COMPLETE);
      expect(result.words[layout.RECORD_HEAD_LENGTH]).toBe(head.length);
    }
  });
});
