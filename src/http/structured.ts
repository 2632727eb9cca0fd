// Owns Structured Fields as far as the gateway reads them: dictionaries of items (RFC 9651 sections
// 3.2 and 4.2.2), strict as the specification wants it. Pure.

export type BareItem =
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "decimal"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "token"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  /**
   * Byte sequences, dates, display strings and inner lists: valid, and nothing that we have a use
   * for.
   */
  | { readonly kind: "other" };

/**
 * The members in order of first appearance, without their parameters; undefined where the value
 * does not parse.
 */
export function parseDictionary(value: string): Map<string, BareItem> | undefined {
  const input: Input = { text: value, at: 0 };
  const members = new Map<string, BareItem>();
  skip(input, SPACES);
  while (input.at < value.length) {
    const key = take(input, KEY);
    if (key === undefined) return undefined;
    let item: BareItem | undefined = TRUE;
    if (value[input.at] === "=") {
      input.at++;
      item = value[input.at] === "(" ? innerList(input) : bareItem(input);
    }
    if (item === undefined || !parameters(input)) return undefined;
    members.set(key, item);
    skip(input, OWS);
    if (input.at === value.length) break;
    if (value[input.at] !== ",") return undefined;
    input.at++;
    skip(input, OWS);
    if (input.at === value.length) return undefined;
  }
  return members;
}

interface Input {
  readonly text: string;
  at: number;
}

const TRUE: BareItem = { kind: "boolean", value: true };
const OTHER: BareItem = { kind: "other" };

const SPACES = / */y;
const OWS = /[ \t]*/y;
const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const STRING = /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y;
const BOOLEAN = /\?[01]/y;
const BYTES = /:[A-Za-z0-9+/=]*:/y;
const DATE = /@-?\d{1,15}(?![\d.])/y;
const DISPLAY = /%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"/y;

function bareItem(input: Input): BareItem | undefined {
  const number = take(input, NUMBER);
  if (number !== undefined) {
    return { kind: number.includes(".") ? "decimal" : "integer", value: Number(number) };
  }
  const string = take(input, STRING);
  if (string !== undefined) {
    return { kind: "string", value: string.slice(1, -1).replace(/\\(.)/g, "$1") };
  }
  const token = take(input, TOKEN);
  if (token !== undefined) return { kind: "token", value: token };
  const boolean = take(input, BOOLEAN);
  if (boolean !== undefined) return { kind: "boolean", value: boolean === "?1" };
  const other = take(input, BYTES) ?? take(input, DATE) ?? take(input, DISPLAY);
  return other === undefined ? undefined : OTHER;
}

function innerList(input: Input): BareItem | undefined {
  input.at++;
  for (;;) {
    skip(input, SPACES);
    if (input.text[input.at] === ")") {
      input.at++;
      return OTHER;
    }
    if (bareItem(input) === undefined || !parameters(input)) return undefined;
    const next = input.text[input.at];
    if (next !== " " && next !== ")") return undefined;
  }
}

function parameters(input: Input): boolean {
  while (input.text[input.at] === ";") {
    input.at++;
    skip(input, SPACES);
    if (take(input, KEY) === undefined) return false;
    if (input.text[input.at] === "=") {
      input.at++;
      if (bareItem(input) === undefined) return false;
    }
  }
  return true;
}

function take(input: Input, pattern: RegExp): string | undefined {
  pattern.lastIndex = input.at;
  const match = pattern.exec(input.text);
  if (match === null || match[0] === "") return undefined;
  input.at = pattern.lastIndex;
  return match[0];
}

function skip(input: Input, pattern: RegExp): void {
  pattern.lastIndex = input.at;
  pattern.exec(input.text);
  input.at = Math.max(input.at, pattern.lastIndex);
}
