// Owns reading the command line against the table of verbs: which verb, which options, and what is
// wrong, with a suggestion. Runs nothing.

import { parseArgs } from "node:util";
import { nearestWord } from "../gateway/suggestion.ts";
import { usageError } from "./exit-code.ts";
import { GLOBAL_OPTIONS, VERBS } from "./verbs.ts";
import type { Option, Verb } from "./verbs.ts";

export interface CommandLine {
  readonly verb: Verb;
  readonly operands: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

/** Reads the arguments after the program's name. Throws a CommandError for whoever typed them. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const verb = findVerb(args);
  const rest = verb.name === "" ? args : args.filter((_, index) => index !== verbIndex(args));
  if (verb.load === null) {
    const help = rest.some((argument) => argument === "--help" || argument === "-h");
    return { verb, operands: [], options: new Map(help ? [["help", ""]] : []) };
  }
  const { operands, options } = readOptions(verb, rest);
  if (operands.length > verb.operandsMax && !options.has("help")) {
    const extra = operands[verb.operandsMax] ?? "";
    throw usageError(`${nameOf(verb)} does not take "${extra}"`);
  }
  return { verb, operands, options };
}

/** "edgelane serve", "edgelane". */
export function nameOf(verb: Verb): string {
  return verb.name === "" ? "edgelane" : `edgelane ${verb.name}`;
}

function verbIndex(args: readonly string[]): number {
  return args.findIndex((argument) => !argument.startsWith("-"));
}

/** The verb comes first; options that every verb has may stand before it. */
function findVerb(args: readonly string[]): Verb {
  const quickStart = VERBS[0];
  if (quickStart === undefined) throw new TypeError("there are no verbs");
  const index = verbIndex(args);
  const word = args[index];
  const before = args.slice(0, Math.max(index, 0));
  if (word === undefined || before.some((argument) => !isSwitch(argument))) return quickStart;
  const named = VERBS.find((verb) => verb.name === word);
  if (named !== undefined) return named;
  if (/[:/.]/.test(word) || word === "localhost") return quickStart;
  const names = VERBS.map((verb) => verb.name).filter((name) => name !== "");
  const port = /^\d+$/.test(word) ? `http://localhost:${word}` : null;
  throw usageError(`unknown verb "${word}"`, port ?? nearestWord(word, names));
}

/** Takes no value, so that what follows it can be a verb. */
function isSwitch(argument: string): boolean {
  return /^(?:-h|-V|--help|--version|--json)$/.test(argument);
}

function readOptions(
  verb: Verb,
  args: readonly string[],
): { operands: readonly string[]; options: ReadonlyMap<string, string> } {
  const known = [...verb.options, ...GLOBAL_OPTIONS];
  const { tokens, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(known.map((option) => [option.name, parserOption(option)])),
  });
  const options = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = known.find((candidate) => candidate.name === token.name);
    if (option === undefined) throw unknownOption(verb, token.rawName, known);
    const value = optionValue(option, token);
    const before = option.repeats === true ? options.get(option.name) : undefined;
    options.set(option.name, before === undefined ? value : `${before}\n${value}`);
  }
  return { operands: positionals, options };
}

function parserOption(option: Option): { type: "string" | "boolean"; short?: string } {
  const type = option.value === undefined ? "boolean" : "string";
  return option.short === undefined ? { type } : { type, short: option.short };
}

function optionValue(
  option: Option,
  token: { readonly rawName: string; readonly value?: string | undefined },
): string {
  if (option.value === undefined) {
    if (token.value !== undefined) throw usageError(`${token.rawName} takes no value`);
    return "";
  }
  const { value } = token;
  if (value === undefined || value === "" || value.startsWith("--")) {
    throw usageError(`${token.rawName} needs a value: ${option.value}`);
  }
  return value;
}

function unknownOption(verb: Verb, rawName: string, known: readonly Option[]): Error {
  const names = known.map((option) => option.name);
  const near = rawName.startsWith("--") ? nearestWord(rawName.slice(2), names) : null;
  return usageError(`${nameOf(verb)} has no option ${rawName}`, near === null ? null : `--${near}`);
}
