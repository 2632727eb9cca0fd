// Owns reading the text of a config: YAML or JSON to a value, with the place of each part of it,
// and `$X` replaced from the environment that is handed in. Knows no keys.

import { Alias, LineCounter, Pair, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
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

/** Aliases of aliases multiply; past this, a small file would become a large value. */
const ALIAS_COUNT_MAX = 100;
/** Tags that only say what a value is anyhow. */
const PLAIN_TAG = /^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq|merge))$/;

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
  const refused = findRefused(document);
  if (refused !== null) {
    throw syntaxError(file, placeAt(lines, refused.offset), `syntax: ${refused.message}`);
  }
  return {
    value: toValue(document, file),
    locate: (path) => placeAt(lines, offsetOf(document, path)),
  };
}

/** What YAML allows and a config has no use for: each would become a value nobody meant. */
function findRefused(document: Document.Parsed): { offset: number; message: string } | null {
  let refused: { offset: number; message: string } | null = null;
  const refuse = (node: unknown, message: string): symbol => {
    refused = { offset: startOf(node) ?? 0, message };
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_key, alias, path) => {
      const target = alias.resolve(document);
      if (target === undefined) return refuse(alias, `no anchor "${alias.source}" before this`);
      if (path.includes(target)) return refuse(alias, "an anchor inside of what it names");
      return undefined;
    },
    Pair: (_key, pair) => {
      return isScalar(pair.key) ? undefined : refuse(pair.key, "a key must be a word");
    },
    Node: (_key, node) => {
      const tag = "tag" in node ? node.tag : undefined;
      if (tag === undefined || PLAIN_TAG.test(tag)) return undefined;
      return refuse(node, "tags are not supported");
    },
  });
  return refused;
}

function toValue(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIAS_COUNT_MAX }) as unknown;
  } catch (error) {
    // Too many aliases, or a merge of something that is no map: yaml says which, but not where.
    const message = error instanceof Error ? error.message : String(error);
    throw syntaxError(file, { line: 1, column: 1 }, sentence(message));
  }
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
  const line = (message.split(/\n|; please/)[0] ?? "").replace(/[.:]$/, "");
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
