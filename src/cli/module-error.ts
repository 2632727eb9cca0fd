// Owns what goes wrong when a config is a program: it does not parse, imports what is not there, or
// throws.

import { spawnSync } from "node:child_process";
import { ConfigError } from "../gateway/config-problem.ts";
import { CommandError } from "./exit-code.ts";
import { describeSystemError } from "./system-error.ts";

const PROGRAM = /\.[mc]?[jt]s$/;
/** A stack that begins with a place: the file as a path or URL, and the line. */
const PLACE = /^\S+:(\d+)\n/;

/** Turns the rejection of a config that is a program into a sentence that names the file. */
export async function describeModuleError<T>(file: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const explained = error instanceof ConfigError || describeSystemError(error) !== null;
    if (explained || !PROGRAM.test(file) || !(error instanceof Error)) throw error;
    const line = lineOf(file, error);
    const message = error.message.split("\n")[0] ?? "";
    throw new CommandError(`${file}${line === null ? "" : `:${line}`}: ${error.name}: ${message}`);
  }
}

/**
 * Line of a syntax error. Node keeps it from the error itself when JavaScript is imported, but not
 * from a check.
 */
function lineOf(file: string, error: Error): string | null {
  if (error.name !== "SyntaxError") return null;
  const place = PLACE.exec(error.stack ?? "");
  if (place !== null) return place[1] ?? null;
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8" });
  return PLACE.exec(stderr)?.[1] ?? null;
}
