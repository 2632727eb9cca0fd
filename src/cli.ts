#!/usr/bin/env node
// Owns the process: arguments in, exit code out. Everything else is in src/cli.

import { enableCompileCache } from "node:module";

enableCompileCache();

// A reader that goes away early, as `head` does, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

// Loaded only now, so that the compile cache holds it.
const { main } = await import("./cli/main.ts");
const { createTerminal } = await import("./cli/terminal.ts");

process.exit(await main(process.argv.slice(2), createTerminal()));
