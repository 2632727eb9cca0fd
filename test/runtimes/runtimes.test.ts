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

async function digestIn(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(file, args, { cwd: ROOT, timeout: DEADLINE_MS });
  return stdout.trim();
}

test(
  "Node, Deno and Bun decide alike, and load the Wasm of their own accord",
  async () => {
    const digests: string[] = [];
    for (const [, file, args] of RUNTIMES) digests.push(await digestIn(file, args));
    const [first = ""] = digests;
    expect(first).toMatch(/^-?\d+ -?\d+ wasm-simd wasm-simd$/);
    expect(digests).toEqual(RUNTIMES.map(() => first));
  },
  RUNTIMES.length * DEADLINE_MS,
);
