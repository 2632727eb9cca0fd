// Owns running other programs for the bootstrap: quietly with their output kept, or in place of
// this process with its signals and its exit code passed on.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../", import.meta.url);
/**
 * What is shown of the output of a program that failed: npm says what is wrong first, compilers
 * last.
 */
const HEAD_LINES = 12;
const TAIL_LINES = 30;
const PARENT_CHECK_MS = 500;

/** A path in the project. */
export function path(name) {
  return fileURLToPath(new URL(name, ROOT));
}

/** One line that says what takes time, on stderr so that the program's own output stays clean. */
export function say(line) {
  process.stderr.write(`edgelane: ${line}\n`);
}

/** Ends with one line. */
export function fail(line, code = 1) {
  say(line);
  process.exit(code);
}

/** Runs a program in the project and keeps what it prints. */
export function run(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: path("."),
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    let output = "";
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.once("error", (error) => resolve({ code: 127, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The same, but its failure is the end, with what it printed. */
export async function runOrFail(what, file, args, options) {
  const { code, output } = await run(file, args, options);
  if (code === 0) return;
  process.stderr.write(`${shorten(output)}\n`);
  fail(`${what} failed (exit code ${code}); its output is above`);
}

function shorten(output) {
  const lines = output.trimEnd().split("\n");
  if (lines.length <= HEAD_LINES + TAIL_LINES) return lines.join("\n");
  return [...lines.slice(0, HEAD_LINES), "…", ...lines.slice(-TAIL_LINES)].join("\n");
}

/** Runs a program with our own input and output, and gives its exit code. */
export function runInPlace(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: "inherit", ...options });
    const pass = (signal) => child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, pass);
    const watch = onOrphaned(() => pass("SIGTERM"));
    child.once("error", (error) => fail(`${file}: ${error.message}`));
    child.once("close", (code, signal) => {
      clearInterval(watch);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** npm may be killed without a word to us; a gateway that stayed would hold its ports for ever. */
function onOrphaned(end) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, PARENT_CHECK_MS);
  return watch;
}
