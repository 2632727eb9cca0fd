// Owns the text of `--help`, for all verbs and for each, made from the table of verbs.

import { nameOf } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";
import { GLOBAL_OPTIONS, VERBS } from "./verbs.ts";
import type { Option, Verb } from "./verbs.ts";

/** Help for the whole program. */
export function programHelp(terminal: Terminal): string {
  const here = VERBS.filter((verb) => verb.load !== null);
  const missing = VERBS.filter((verb) => verb.load === null).map((verb) => verb.name);
  const rows = here.map(
    (verb) => [`${nameOf(verb)} ${shortUsage(verb)}`.trim(), verb.about] as const,
  );
  return [
    "edgelane: a reverse proxy, HTTP cache and load balancer",
    "",
    terminal.style("bold", "Usage"),
    ...table(rows),
    "",
    terminal.style("bold", "Options"),
    ...table(GLOBAL_OPTIONS.map(optionRow)),
    "",
    `Not available in this version: ${missing.join(", ")}`,
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 admin API not reachable. NO_COLOR is respected.",
    "`edgelane VERB --help` says more.",
  ].join("\n");
}

/** Help for one verb. */
export function verbHelp(verb: Verb, terminal: Terminal): string {
  const missing = verb.load === null ? ["", "Not available in this version."] : [];
  const options = [...verb.options, ...GLOBAL_OPTIONS.filter((option) => option.name === "help")];
  return [
    `${nameOf(verb)} ${verb.usage}`.trim(),
    "",
    `  ${verb.about}`,
    ...verb.details.map((line) => `  ${line}`),
    ...missing,
    "",
    terminal.style("bold", "Options"),
    ...table(options.map(optionRow)),
  ].join("\n");
}

/** What follows an option of the verb stays out of the overview. */
function shortUsage(verb: Verb): string {
  return verb.usage.length <= 20 ? verb.usage : "[OPTIONS]";
}

function optionRow(option: Option): readonly [string, string] {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.value === undefined ? "" : ` ${option.value}`;
  return [`${short}--${option.name}${value}`, option.about];
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
