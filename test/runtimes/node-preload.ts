// Preloaded into Node: "vitest" is vitest-stand-in.ts.

import { registerHooks } from "node:module";

const standIn = new URL("vitest-stand-in.ts", import.meta.url).href;

registerHooks({
  resolve: (name, context, next) =>
    name === "vitest" ? { url: standIn, shortCircuit: true } : next(name, context),
});
