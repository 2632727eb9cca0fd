// The core decides alike in every runtime: Node, Deno and Bun run the same cases and print the same
// digest, to the byte.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = "test/runtimes/digest.ts";
const DEADLINE_MS = 120_000;

const RUNTIMES: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ["Node", process.execPath, [SCRIPT]],
  ["Deno", "node_modules/.bin/deno", ["run", "--no-check", "--allow-read", SCRIPT]],
  ["Bun", "node_modules/.bin/bun", [SCRIPT]],
];

const run = promisify(execFile);

async function outputOf(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(file, args, { cwd: ROOT, timeout: DEADLINE_MS });
  return stdout.trim();
}

test(
  "Node, Deno and Bun decide alike, and load the Wasm of their own accord",
  async () => {
    const digests: string[] = [];
    for (const [, file, args] of RUNTIMES) digests.push(await outputOf(file, args));
    const [first = ""] = digests;
    expect(first).toMatch(/^-?\d+ -?\d+ wasm-simd wasm-simd$/);
    expect(digests).toEqual(RUNTIMES.map(() => first));
  },
  RUNTIMES.length * DEADLINE_MS,
);

// A processor without SSE4.1 is an engine without SIMD; elsewhere the engine is made to say so.
const NO_SIMD =
  process.arch === "x64"
    ? ["--no-enable-sse4-1"]
    : ["--import", "data:text/javascript,WebAssembly.validate=()=>false"];

test("an engine without SIMD gets the reference of its own accord, and it works", async () => {
  const args = [...NO_SIMD, "test/runtimes/fallback.ts"];
  expect(await outputOf(process.execPath, args)).toBe("reference reference complete");
});
