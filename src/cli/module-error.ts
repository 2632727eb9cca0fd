// Owns what goes wrong when a config is a program: it does not parse, imports what is not there, or
// throws.

import { CommandError } from "./exit-code.ts";
import { describeSystemError } from "./system-error.ts";

const PROGRAM = /\.[mc]?[jt]s$/;

/** Turns the rejection of a config that is a program into a sentence that names the file. */
export async function describeModuleError<T>(file: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const system = describeSystemError(error);
    const ours = !PROGRAM.test(file) || !(error instanceof Error) || error.name === "ConfigError";
    if (ours || system !== null) throw error;
    const line = error.message.split("\n")[0] ?? "";
    throw new CommandError(`${file}: ${error.name}: ${line}`);
  }
}
