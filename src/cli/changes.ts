// Owns how changes of a config are shown to people: a line each, what was there and what comes.

import type { ConfigChange } from "../gateway/config-diff.ts";
import type { Terminal } from "./terminal.ts";

/** A line stays a line. */
const VALUE_LENGTH_MAX = 60;

const SIGNS = {
  added: ["green", "+"],
  removed: ["red", "-"],
  changed: ["yellow", "~"],
} as const;

/** "~ upstreams.api.timeout.totalMs  0 -> 60000" */
export function printChanges(changes: readonly ConfigChange[], terminal: Terminal): void {
  for (const { key, kind, before, after, needsRestart } of changes) {
    const [colour, sign] = SIGNS[kind];
    const values =
      kind === "changed"
        ? `${valueText(before)} -> ${valueText(after)}`
        : valueText(kind === "added" ? after : before);
    const late = needsRestart ? "  ! at the next start" : "";
    terminal.print(`${terminal.style(colour, `${sign} ${key}`)}  ${values}${late}`);
  }
}

/** The changes of an answer of the admin API; null where it has none. */
export function readChanges(body: unknown): readonly ConfigChange[] | null {
  if (typeof body !== "object" || body === null || !("changes" in body)) return null;
  return Array.isArray(body.changes) ? (body.changes as ConfigChange[]) : null;
}

function valueText(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX - 1)}…` : text;
}
