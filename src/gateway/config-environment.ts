// Owns `$X` and `$X?` in config values: the whole value is replaced from the environment that is
// handed in. `$X` must be set, `$X?` may be unset and then the key is as if it were not there, `$$`
// starts a value that begins with a dollar.

import { nodeAt } from "./config-keys.ts";
import type { ConfigPath } from "./config-keys.ts";
import type { ProblemList } from "./config-problem.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLE = /^\$([A-Za-z_][A-Za-z0-9_]*)(\?)?$/;

/** A copy of the value with its variables replaced. An unset one is reported, and left out. */
export function substitute(
  value: unknown,
  environment: Environment,
  problems: ProblemList,
  path: ConfigPath = [],
): unknown {
  if (typeof value === "string") return substituteText(value, environment, problems, path);
  if (Array.isArray(value)) {
    // An unset item stays as undefined until the whole is valid, so that those after it keep their
    // places.
    return value.map((item: unknown, index) => {
      return substitute(item, environment, problems, [...path, index]);
    });
  }
  if (!isMap(value)) return value;
  const entries = Object.entries(value)
    .map(([key, item]) => [key, substitute(item, environment, problems, [...path, key])] as const)
    .filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries);
}

/**
 * A map as YAML, JSON and object literals make them; not a class instance, a list or a function.
 */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function substituteText(
  text: string,
  environment: Environment,
  problems: ProblemList,
  path: ConfigPath,
): unknown {
  if (!text.startsWith("$")) return text;
  if (text.startsWith("$$")) return text.slice(1);
  const match = VARIABLE.exec(text);
  if (match === null) {
    problems.error(path, "expected $NAME or $NAME?; a value that begins with a dollar takes two");
    return undefined;
  }
  const name = match[1] ?? "";
  const found = environment[name];
  if (found !== undefined && found !== "") return typed(found, path);
  if (match[2] === undefined) {
    problems.error(path, `the environment has no ${name}; $${name}? may be unset`);
  }
  return undefined;
}

/** The environment only has text: where a number or a boolean belongs, it is read as one. */
function typed(text: string, path: ConfigPath): string | number | boolean {
  const json = nodeAt(path)?.row?.form.json ?? [];
  if (json.includes("integer") && /^\d+$/.test(text)) return Number(text);
  if (json.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  return text;
}
