// Owns the command line of the bootstrap.

import { fail } from "./bootstrap-process.mjs";

const VERBS = ["start", "build", "test", "check", "run"];

/** The verb and what follows it; `test --ci` is a verb of its own. */
export function parseCommand([verb, ...args]) {
  if (!VERBS.includes(verb)) fail(`usage: node build/bootstrap.mjs ${VERBS.join("|")} [ARGUMENTS]`);
  if (verb === "test" && args[0] === "--ci") return { verb: "ci", args: args.slice(1) };
  return { verb, args };
}
