// Owns reading the text of a config: YAML or JSON to a value, with the place of each part of it,
// and `$X` replaced from the environment that is handed in. Knows no keys.

import { Alias, LineCounter, Pair, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import { ConfigError } from "./config-problem.ts";
import type { ConfigPath } from "./config-keys.ts";
import type { Place } from "./config-problem.ts";

export interface ConfigSource {
  readonly value: unknown;
  /**
   * Place of the key at a path, or of the item; of the nearest part that exists when it has none.
   */
  locate(path: ConfigPath): Place | null;
}

/** Reads YAML, or JSON where the name says so. Throws a ConfigError with the first syntax error. */
export function readSource(text: string, file: string): ConfigSource {
  if (file.endsWith(".json")) checkJson(text, file);
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    version: "1.2",
  });
  const error = document.errors[0];
  if (error !== undefined) {
    throw syntaxError(file, placeAt(lines, error.pos[0]), sentence(error.message));
  }
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    locate: (path) => placeAt(lines, offsetOf(document, path)),
  };
}

function syntaxError(file: string, place: Place, message: string): ConfigError {
  const problem = { severity: "error", place, key: "", message, suggestion: null } as const;
  return new ConfigError(file, [problem]);
}

/** JSON is read as YAML for the places, so what YAML allows beyond JSON is refused first. */
function checkJson(text: string, file: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const place = /\(line (\d+) column (\d+)\)/.exec(message);
    const end = text.split("\n");
    const line = place === null ? end.length : Number(place[1]);
    const column = place === null ? (end.at(-1) ?? "").length + 1 : Number(place[2]);
    throw syntaxError(
      file,
      { line, column },
      sentence(message.replace(/ (in JSON )?at pos.*/, "")),
    );
  }
}

/** A library's message as the rest of a line: one line, no full stop, small first letter. */
function sentence(message: string): string {
  const line = (message.split("\n")[0] ?? "").replace(/[.:]$/, "");
  return `syntax: ${line.slice(0, 1).toLowerCase()}${line.slice(1)}`;
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function offsetOf(document: Document.Parsed, path: ConfigPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    const next = childOf(resolveAlias(document, node), step);
    if (next === null) return offset;
    offset = next.offset ?? offset;
    node = next.node;
  }
  return offset;
}

function childOf(node: unknown, step: string | number): { node: unknown; offset?: number } | null {
  if (isSeq(node) && typeof step === "number" && step < node.items.length) {
    return place(node.items[step], node.items[step]);
  }
  if (!isMap(node)) return null;
  const pair = node.items.find((item) => item instanceof Pair && keyText(item.key) === step);
  return pair === undefined ? null : place(pair.value, pair.key);
}

function place(node: unknown, at: unknown): { node: unknown; offset?: number } {
  const offset = startOf(at);
  return offset === null ? { node } : { node, offset };
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

function startOf(node: unknown): number | null {
  const range = (node as Node | null)?.range;
  return range?.[0] ?? null;
}

function resolveAlias(document: Document.Parsed, node: unknown): unknown {
  return node instanceof Alias ? node.resolve(document) : node;
}
