// Owns what has to be built, and when: Wasm from assembly/, JavaScript from src/. A stamp holds the
// hash of everything that an output is made from, because file times say nothing after a checkout.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { path, runOrFail, say } from "./bootstrap-process.mjs";

const STEPS = [
  {
    name: "wasm",
    inputs: [
      "assembly",
      "wasm-build.config.json",
      "package-lock.json",
      "build/wasm.mjs",
      "build/field-names.mjs",
      "build/memory-map.mjs",
    ],
    output: "build/wasm/core.wasm",
    build: (node) => runOrFail("building the Wasm", node, [path("build/wasm.mjs")]),
  },
  {
    name: "js",
    inputs: [
      "src",
      "assembly/layout.ts",
      "build/wasm/limits.d.ts",
      "package-lock.json",
      "package.json",
      "tsconfig.json",
      "tsconfig.build.json",
    ],
    output: "build/js/src/cli.js",
    build: buildJs,
  },
];

/** Builds what is out of date, in order. */
export async function buildAll(node) {
  for (const step of STEPS) {
    const stamp = path(`build/.stamps/${step.name}`);
    const hash = hashOf(step.inputs);
    const current = existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
    if (current && existsSync(path(step.output))) continue;
    say(`building ${step.name} …`);
    await step.build(node);
    mkdirSync(path("build/.stamps"), { recursive: true });
    writeFileSync(stamp, hash);
  }
}

/**
 * Compiles beside the old output and swaps, so that nothing stale stays and nobody sees half of it.
 */
async function buildJs(node) {
  const fresh = path(`build/.stamps/js-${process.pid}`);
  const old = path(`build/.stamps/js-${process.pid}-old`);
  const target = path("build/js");
  process.once("exit", () => {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  });
  const compiler = path("node_modules/typescript/bin/tsc");
  await runOrFail("compiling", node, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh]);
  if (existsSync(target)) renameSync(target, old);
  renameSync(fresh, target);
}

function hashOf(names) {
  const hash = createHash("sha256");
  for (const file of names.flatMap((name) => filesOf(path(name)))) {
    hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

function filesOf(name) {
  if (!existsSync(name)) return [];
  // A file has no entries: reading it as a directory fails with ENOTDIR.
  const entries = readEntries(name);
  if (entries === null) return [name];
  return entries
    .map((entry) => entry.name)
    .sort()
    .flatMap((entry) => filesOf(join(name, entry)));
}

function readEntries(name) {
  try {
    return readdirSync(name, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOTDIR") return null;
    throw error;
  }
}
