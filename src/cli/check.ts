// Owns `edgelane check`: every problem of a config file, for people or as JSON.

import { checkFile } from "../gateway/config.ts";
import { formatProblem } from "../gateway/config-problem.ts";
import type { ConfigProblem } from "../gateway/config-problem.ts";
import { requireConfigFile } from "./config-file.ts";
import { describeModuleError } from "./module-error.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";

export async function run({ operands, options, terminal }: Invocation): Promise<ExitCode> {
  const file = operands[0] ?? (await requireConfigFile());
  const { environment } = terminal;
  const { config, problems } = await describeModuleError(file, checkFile(file, { environment }));
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const warnings = problems.length - errors;
  if (options.has("json")) {
    terminal.print(JSON.stringify({ file, ok: config !== null, problems: problems.map(flat) }));
    return errors === 0 ? EXIT.ok : EXIT.failed;
  }
  for (const problem of problems) {
    const colour = problem.severity === "error" ? "red" : "yellow";
    terminal.print(terminal.style(colour, formatProblem(file, problem)));
  }
  const counted = `${count(errors, "error")}, ${count(warnings, "warning")}`;
  const routes = config === null ? "" : `, ${count(config.routes.length, "route")}`;
  terminal.print(`${file}: ${counted}${routes}`);
  return errors === 0 ? EXIT.ok : EXIT.failed;
}

function flat({ place, ...problem }: ConfigProblem): unknown {
  return { line: place?.line ?? null, column: place?.column ?? null, ...problem };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
