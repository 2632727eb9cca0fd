// Owns the check of a config against the key table: a zod schema made from the table, its issues
// turned into problems with places and suggestions, and the JSON Schema that editors use. Knows
// nothing across keys (config-checks.ts).

import * as z from "zod";
import { KEY_TREE, nodeAt } from "./config-keys.ts";
import type { ConfigKey, ConfigPath, KeyNode } from "./config-keys.ts";
import type { ProblemList } from "./config-problem.ts";
import { nearestWord } from "./suggestion.ts";

const SCHEMA = schemaOf(KEY_TREE);

/**
 * Reports every value that has not the form its key has, every unknown key and every missing one.
 */
export function checkShape(value: unknown, problems: ProblemList): void {
  const result = SCHEMA.safeParse(value);
  for (const issue of result.error?.issues ?? []) report(issue, [], value, problems);
}

/** JSON Schema (2020-12) of the config, for editors. */
export function jsonSchema(): unknown {
  const schema = z.toJSONSchema(SCHEMA, { io: "input", unrepresentable: "any" });
  return { ...schema, title: "edgelane config" };
}

function schemaOf(node: KeyNode): z.ZodType {
  const options: z.ZodType[] = [];
  if (node.row !== null) options.push(leafOf(node.row));
  if (node.item !== null) options.push(z.array(schemaOf(node.item)));
  if (node.entry !== null) options.push(z.record(z.string(), schemaOf(node.entry)));
  if (node.keys.size > 0) options.push(mapOf(node));
  const [first, second, ...others] = options;
  if (first === undefined) throw new TypeError("a key without a form");
  return second === undefined ? first : z.union([first, second, ...others]);
}

function mapOf(node: KeyNode): z.ZodType {
  const shape: Record<string, z.ZodType> = {};
  for (const [key, child] of node.keys) {
    const required = (child.row ?? child.item?.row)?.required === true;
    shape[key] = required ? schemaOf(child) : schemaOf(child).optional();
  }
  return z.strictObject(shape);
}

function leafOf(row: ConfigKey): z.ZodType {
  const { form } = row;
  const bases = form.json.map((json) => {
    if (json === "integer") return z.int();
    if (json === "boolean") return z.boolean();
    return json === "string" ? z.string() : z.custom((value) => typeof value === "function");
  });
  const [first, second] = bases;
  if (first === undefined) throw new TypeError(`${row.key} has no type`);
  const base: z.ZodType = second === undefined ? first : z.union([first, second]);
  const meta: Record<string, unknown> = { description: `${row.about} Default: ${row.reason}` };
  if (row.default !== null && !row.key.endsWith("[]")) meta["default"] = row.default;
  if (form.pattern !== "") meta["pattern"] = form.pattern;
  else if (form.words.length > 0 && second === undefined) meta["enum"] = form.words;
  return base.refine((value) => form.accepts(value)).meta(meta);
}

function report(
  issue: z.core.$ZodIssue,
  prefix: ConfigPath,
  value: unknown,
  problems: ProblemList,
): void {
  const path: ConfigPath = [...prefix, ...issue.path.map(asStep)];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) reportUnknown(path, key, problems);
    return;
  }
  if (issue.code === "invalid_union") {
    const deeper = issue.errors.find((option) => !option.some(isAtRoot));
    if (deeper !== undefined) {
      for (const inner of deeper) report(inner, path, value, problems);
      return;
    }
  }
  reportValue(path, valueAt(value, path), problems);
}

/** The option of a union that the value was not even the type of. */
function isAtRoot(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && issue.code !== "unrecognized_keys";
}

function reportUnknown(path: ConfigPath, key: string, problems: ProblemList): void {
  const known = nodeAt(path)?.keys.keys() ?? [];
  problems.error([...path, key], "unknown key", nearestWord(key, known));
}

function reportValue(path: ConfigPath, value: unknown, problems: ProblemList): void {
  if (problems.has(path)) return;
  if (value === undefined) {
    // A list item that an optional variable left out is no problem.
    if (typeof path.at(-1) !== "number") problems.error(path, "is required");
    return;
  }
  const node = nodeAt(path);
  if (value === null) {
    problems.error(path, "has no value");
    return;
  }
  const row = node?.row ?? null;
  const guess = row?.secret === true || typeof value === "object" ? null : row?.form.guess(value);
  const why = typeof value === "string" ? row?.form.explain(value) : null;
  const message = typeof why === "string" ? why : `expected ${node === null ? "" : expected(node)}`;
  problems.error(path, message, guess ?? null);
}

function expected(node: KeyNode): string {
  const options: string[] = [];
  if (node.row !== null) options.push(node.row.form.expected);
  if (node.item !== null) options.push("a list");
  if (node.entry !== null) options.push("a map of names");
  if (node.keys.size > 0) options.push(`a map of ${[...node.keys.keys()].join(", ")}`);
  return options.join(", or ");
}

function asStep(step: PropertyKey): string | number {
  return typeof step === "symbol" ? String(step) : step;
}

/** The part of a value at a path; undefined where there is none. */
function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((part, step) => {
    if (typeof part !== "object" || part === null) return undefined;
    return (part as Readonly<Record<string | number, unknown>>)[step];
  }, value);
}
