// Owns `npm run check`: types, lint, format, dead code and the package as others will see it. Every
// check runs, so that one pass says it all.

import { path, run } from "./bootstrap-process.mjs";

const CHECKS = [
  { name: "types (tsc)", script: "typescript/bin/tsc", args: ["-p", "."] },
  { name: "types of the dashboard", script: "typescript/bin/tsc", args: ["-p", "dashboard"] },
  {
    name: "lint (oxlint)",
    script: "oxlint/bin/oxlint",
    args: ["--type-aware", "--deny-warnings"],
  },
  { name: "format (biome)", script: "@biomejs/biome/bin/biome", args: ["format", "."] },
  { name: "dead code (knip)", script: "knip/bin/knip.js", args: [] },
  { name: "package (publint)", script: "publint/src/cli.js", args: ["--strict"] },
  {
    name: "package types (attw)",
    script: "@arethetypeswrong/cli/dist/index.js",
    args: ["--pack", ".", "--profile", "esm-only", "--exclude-entrypoints", "wasm/*"],
  },
];

/** Runs every check, prints one line each and the output of those that fail; gives the counts. */
export async function runChecks(node) {
  let failed = 0;
  // Programs that a check starts find the same Node first.
  const env = { ...process.env, PATH: `${path("node_modules/.bin")}:${process.env.PATH ?? ""}` };
  for (const { name, script, args } of CHECKS) {
    const { code, output } = await run(node, [path(`node_modules/${script}`), ...args], { env });
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name}`);
    if (code === 0) continue;
    failed += 1;
    console.log(output.trimEnd().replaceAll(/^/gm, "       "));
  }
  return { passed: CHECKS.length - failed, failed };
}
