// The core in every runtime: Node 26 and 24, Deno and Bun pass the suites of the core, run the same
// generated cases and print the same digest, to the byte.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { RUNTIMES, SUITES_PASSED } from "./runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DIGEST = "test/runtimes/digest.ts";
const SUITES = "test/runtimes/core-suites.ts";
const DEADLINE_MS = 120_000;

const run = promisify(execFile);

async function outputOf(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(file, args, { cwd: ROOT, timeout: DEADLINE_MS });
  return stdout.trim();
}

/** What the Node that runs this prints; the others are held against it. */
let expected: Promise<string> | undefined;

describe.each(RUNTIMES)("the core on $name", ({ file = "", args, suiteArgs }) => {
  test.skipIf(file === "")(
    "decides as everywhere, and loads the Wasm of its own accord",
    async () => {
      expected ??= outputOf(process.execPath, [DIGEST]);
      expect(await outputOf(file, [...args, DIGEST])).toBe(await expected);
      expect(await expected).toMatch(/^-?\d+ -?\d+ wasm-simd wasm-simd$/);
    },
    DEADLINE_MS,
  );

  test.skipIf(file === "")(
    "passes the suites of the core",
    async () => {
      expect(await outputOf(file, [...args, ...suiteArgs, SUITES])).toMatch(SUITES_PASSED);
    },
    DEADLINE_MS,
  );
});

// A processor without SSE4.1 is an engine without SIMD; elsewhere the engine is made to say so.
const NO_SIMD =
  process.arch === "x64"
    ? ["--no-enable-sse4-1"]
    : ["--import", "data:text/javascript,WebAssembly.validate=()=>false"];

test("an engine without SIMD gets the reference of its own accord, and it works", async () => {
  const args = [...NO_SIMD, "test/runtimes/fallback.ts"];
  expect(await outputOf(process.execPath, args)).toBe("reference reference complete");
});
