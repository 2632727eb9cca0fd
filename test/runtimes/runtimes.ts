// The runtimes beside the one that runs the tests, and how each is told to run a script of ours.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Runtime {
  readonly name: string;
  /** Undefined where it is not installed. */
  readonly file: string | undefined;
  readonly args: readonly string[];
  /** Before the script when it imports suites: "vitest" is then vitest-stand-in.ts. */
  readonly suiteArgs: readonly string[];
}

const ROOT = new URL("../../", import.meta.url);
const NODE_24 = new URL("test/runtimes/node-24/node_modules/node/bin/node", ROOT);
const NODE_PRELOAD = ["--import", "./test/runtimes/node-preload.ts"];

export const RUNTIMES: readonly Runtime[] = [
  {
    name: `Node ${process.versions.node.split(".")[0]}`,
    file: process.execPath,
    args: [],
    suiteArgs: NODE_PRELOAD,
  },
  {
    name: "Node 24",
    // `npm test` installs it (build/bootstrap-install.mjs).
    file: existsSync(NODE_24) ? fileURLToPath(NODE_24) : undefined,
    args: [],
    suiteArgs: NODE_PRELOAD,
  },
  {
    name: "Deno",
    file: "node_modules/.bin/deno",
    args: ["run", "--no-check", "--allow-read"],
    suiteArgs: ["--import-map=test/runtimes/import-map.json"],
  },
  {
    name: "Bun",
    file: "node_modules/.bin/bun",
    args: [],
    suiteArgs: ["--preload", "./test/runtimes/bun-preload.ts"],
  },
];

/** What core-suites.ts prints when no test of a thousand and more failed. */
export const SUITES_PASSED = /^1\d{3} passed, 0 failed$/;
