// Keeps the worked example of docs/abi.md true: its words are those that a parser writes, its names
// are those of the layout, and its table of exports is what the modules export.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as layout from "../../assembly/layout.ts";
import { coreOf, ENGINES, latin1 } from "./engines.ts";

const DOCUMENT = readFileSync(new URL("../../docs/abi.md", import.meta.url), "utf8");
const HEAD = "GET /a?b HTTP/1.1\r\nHost: x.org\r\nX-A:  1 \r\n\r\n";
const rows = [...DOCUMENT.matchAll(/^\| (\d+) \| (\d+) \| (?:`(RECORD_\w+)`)?/gm)];

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: {
      new (bytes: Uint8Array): object;
      exports(module: object): readonly { readonly name: string }[];
    };
  };
};

function exportsOf(name: string): string[] {
  const bytes = readFileSync(new URL(`../../build/wasm/${name}.wasm`, import.meta.url));
  return WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map((entry) => entry.name);
}

describe.each(ENGINES)("docs/abi.md on %s", (engine) => {
  test("every word of the example", () => {
    const core = coreOf(engine);
    const bytes = latin1(HEAD);
    core.bytes.set(bytes, core.scratchInput);
    core.resetRecord(core.scratchRecord);
    core.parseRequestHead(core.scratchRecord, core.scratchInput, bytes.length);
    const documented = rows.map(([, word, value]) => [Number(word), Number(value)]);
    const written = documented.map(([word = 0]) => [
      word,
      core.words[core.scratchRecord / 4 + word],
    ]);
    expect(documented).toHaveLength(29);
    expect(written).toEqual(documented);
  });
});

test("the names of the words", () => {
  const constants = new Map<string, unknown>(Object.entries(layout));
  for (const [, word, , name] of rows) {
    if (name !== undefined) expect(constants.get(name), name).toBe(Number(word));
  }
});

test("the exports of both modules", () => {
  const table = DOCUMENT.slice(DOCUMENT.indexOf("| export |"));
  const documented = { core: new Set<string>(), both: new Set<string>() };
  for (const [, names = "", module = ""] of table.matchAll(/^\| (`.*`) \| (core|both) \|/gm)) {
    for (const [, name = ""] of names.matchAll(/`(\w+)\(/g)) {
      documented[module === "core" ? "core" : "both"].add(name);
    }
  }
  expect(new Set(exportsOf("parser"))).toEqual(documented.both);
  expect(new Set(exportsOf("core"))).toEqual(new Set([...documented.both, ...documented.core]));
});
