// Owns the one table of config keys: what each is, its form, its default and why that is the
// default. The schema, the defaults, "did you mean", docs/config.md and `edgelane schema` are all
// made from it. Knows no values.

import { DNS_KEYS } from "./config-keys-dns.ts";
import { GATEWAY_KEYS } from "./config-keys-gateway.ts";
import { ROUTE_KEYS } from "./config-keys-routes.ts";
import { UPSTREAM_KEYS } from "./config-keys-upstreams.ts";
import type { Form } from "./config-forms.ts";

export interface ConfigKey {
  /**
   * Where it stands: "[]" is each item of a list, "<name>" each key of a map that the user names.
   */
  readonly key: string;
  readonly form: Form;
  /**
   * As a user would write it; null where leaving it out means that there is none, or it is
   * required.
   */
  readonly default: string | number | boolean | null;
  readonly required?: true;
  readonly about: string;
  /** Why the default is what it is; for a required key, what it is for. */
  readonly reason: string;
  /** What happens at the limit, where it is one. */
  readonly outcome?: string;
  /** Its value is never printed. */
  readonly secret?: true;
}

/**
 * One step of the tree that the table describes. A value may be a leaf, a map or a list, whichever
 * it has.
 */
export interface KeyNode {
  row: ConfigKey | null;
  readonly keys: Map<string, KeyNode>;
  /** Values of a map whose keys the user names. */
  entry: KeyNode | null;
  item: KeyNode | null;
}

export type ConfigPath = readonly (string | number)[];

export const CONFIG_KEYS: readonly ConfigKey[] = [
  ...GATEWAY_KEYS,
  ...UPSTREAM_KEYS,
  ...DNS_KEYS,
  ...ROUTE_KEYS,
];

export const KEY_TREE: KeyNode = makeTree();

/** The node that describes the value at a path; null where no key is known. */
export function nodeAt(path: ConfigPath): KeyNode | null {
  let node: KeyNode | null = KEY_TREE;
  for (const step of path) {
    if (node === null) return null;
    node = typeof step === "number" ? node.item : (node.keys.get(step) ?? node.entry);
  }
  return node;
}

/** The default of a key that has one, as a user would write it. */
export function defaultOf(key: string): string | number | boolean {
  const row = CONFIG_KEYS.find((candidate) => candidate.key === key);
  if (row === undefined || row.default === null) throw new TypeError(`${key} has no default`);
  return row.default;
}

/** ["routes", 0, "cache", "ttl"] -> "routes[0].cache.ttl". */
export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const word = /^[\w-]+$/.test(step) ? step : JSON.stringify(step);
    return text === "" ? word : `${text}.${word}`;
  }, "");
}

function makeTree(): KeyNode {
  const root = makeNode();
  for (const row of CONFIG_KEYS) {
    let node = root;
    for (const step of row.key.replaceAll("[]", ".[]").split(".")) node = child(node, step);
    node.row = row;
  }
  return root;
}

function child(node: KeyNode, step: string): KeyNode {
  if (step === "[]") return (node.item ??= makeNode());
  if (step === "<name>") return (node.entry ??= makeNode());
  const known = node.keys.get(step) ?? makeNode();
  node.keys.set(step, known);
  return known;
}

function makeNode(): KeyNode {
  return { row: null, keys: new Map(), entry: null, item: null };
}
