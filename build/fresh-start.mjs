// Owns the whole of a newcomer's first minutes, network included: a fresh clone, an empty npm
// cache, `npm start`, a page from the cache, the end. `npm run test:fresh`; with --tests it runs
// `npm test` in the clone as well.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fail, path, runInPlace, runOrFail, say } from "./bootstrap-process.mjs";

const START_MS_MAX = 10 * 60_000;

const directory = mkdtempSync(join(tmpdir(), "edgelane-fresh-"));
const clone = join(directory, "edgelane");
const env = freshEnvironment();
try {
  await runOrFail("git clone", "git", ["clone", "--quiet", path("."), clone]);
  await tryStart();
  if (process.argv.includes("--tests")) {
    const code = await runInPlace("npm", ["test", "--silent"], { cwd: clone, env });
    process.exitCode = code;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function tryStart() {
  const startedMs = Date.now();
  const args = ["start", "--silent", "--", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const child = spawn("npm", args, { cwd: clone, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const deadline = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  const serving = await Promise.race([servingLine(child), ended.then(() => null)]);
  clearTimeout(deadline);
  if (serving === null) return fail("npm start ended before it served");
  say(`npm start served after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  const url = `${serving.listen[0]}/cacheable`;
  await (await fetch(url)).text();
  const status = (await fetch(url)).headers.get("cache-status");
  child.kill("SIGTERM");
  const code = await ended;
  if (!status?.includes("hit")) return fail(`the second request was no hit: ${status}`);
  if (code !== 0) return fail(`npm start ended with ${code}`);
  return say("a page came from the cache, and SIGTERM ended it with 0");
}

function servingLine(child) {
  return new Promise((resolve) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const line = output.split("\n").find((text) => text.includes('"msg":"serving"'));
      if (line !== undefined && output.includes(`${line}\n`)) resolve(JSON.parse(line));
    });
  });
}

/** Without what npm hands to its scripts, and without the packages of this checkout on the path. */
function freshEnvironment() {
  const entries = Object.entries(process.env).filter(([name]) => {
    return !/^npm_/i.test(name) || name.toLowerCase() === "npm_config_registry";
  });
  const ours = join("node_modules", ".bin");
  const paths = (process.env.PATH ?? "").split(delimiter).filter((entry) => !entry.endsWith(ours));
  return {
    ...Object.fromEntries(entries),
    PATH: paths.join(delimiter),
    npm_config_cache: join(directory, "cache"),
  };
}
