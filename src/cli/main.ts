// Owns dispatch: from arguments to a verb to an exit code, and from whatever was thrown to one line
// on stderr.

import { ConfigError } from "../gateway/config-problem.ts";
import { readCommandLine } from "./arguments.ts";
import { CommandError, EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { describeSystemError } from "./system-error.ts";
import type { Terminal } from "./terminal.ts";
import type { Run } from "./verbs.ts";

/** Runs one command line; the arguments are those after the program's name. */
export async function main(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    const { verb, operands, options } = readCommandLine(args);
    if (options.has("help")) {
      const { programHelp, verbHelp } = await import("./help.ts");
      const text = verb.name === "" ? programHelp(terminal) : verbHelp(verb, terminal);
      terminal.print(text);
      return EXIT.ok;
    }
    if (verb.load === null) {
      throw usageError(`${verb.name} is not available in this version`);
    }
    const run: Run = options.has("version")
      ? (await import("./version.ts")).run
      : await verb.load();
    return await run({ operands, options, terminal });
  } catch (error) {
    return explain(error, terminal);
  }
}

function explain(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommandError) {
    terminal.complain(error.message);
    return error.exitCode;
  }
  if (error instanceof ConfigError) {
    for (const line of error.message.split("\n")) terminal.complain(line);
    return EXIT.failed;
  }
  const sentence = describeSystemError(error);
  if (sentence !== null) {
    terminal.complain(sentence);
    return EXIT.failed;
  }
  // Nobody foresaw this one: whoever reports it needs the stack.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.complain(`this is a bug in edgelane: ${stack}`);
  return EXIT.failed;
}
