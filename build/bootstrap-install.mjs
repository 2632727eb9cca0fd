// Owns what has to be installed: npm packages as package-lock.json says, Node 26 among them, and
// programs for the tests where the system's package manager may be used.

import { existsSync, readFileSync } from "node:fs";
import { fail, path, run, runOrFail, say } from "./bootstrap-process.mjs";

const NODE_MAJOR_MIN = 24;

/** Installs packages unless they are there, and gives the path of a Node that is new enough. */
export async function installPackages() {
  if (!isInstalled()) {
    say("installing packages (npm ci); the first time takes a minute or two …");
    const npm = npmCommand();
    const flags = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
    await runOrFail("npm ci", npm.file, [...npm.args, ...flags]);
  }
  return findNode();
}

/** The oldest Node that is supported, for test/runtimes; apart, because it links a binary too. */
export async function installOldestNode() {
  const directory = path("test/runtimes/node-24");
  if (await runs(`${directory}/node_modules/node/bin/node`)) return;
  say("installing Node 24 for the tests of the core (npm ci) …");
  const npm = npmCommand();
  const flags = ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts=false"];
  const { code } = await run(npm.file, [...npm.args, ...flags], { cwd: directory });
  if (code !== 0) say("Node 24 could not be installed: the tests that need it are skipped");
}

/** npm notes what it has installed; it is compared with what the lock file asks for. */
function isInstalled() {
  const installed = readLock("node_modules/.package-lock.json");
  const wanted = readLock("package-lock.json");
  if (installed === null || wanted === null) return false;
  return Object.entries(wanted.packages).every(([name, { version, optional, link }]) => {
    if (name === "" || link === true) return true;
    const found = installed.packages[name];
    // An optional package is for another platform when it is not there.
    return found === undefined ? optional === true : found.version === version;
  });
}

function readLock(name) {
  if (!existsSync(path(name))) return null;
  try {
    return JSON.parse(readFileSync(path(name), "utf8"));
  } catch {
    // Half written, by an installation that was broken off: as good as none.
    return null;
  }
}

function npmCommand() {
  const script = process.env.npm_execpath;
  // npm tells its scripts where it is; on Windows the plain name could not be started without a
  // shell.
  if (script?.endsWith(".js")) return { file: process.execPath, args: [script] };
  return { file: "npm", args: [] };
}

/**
 * Node from the npm package `node`; the one that runs this, if that is new enough and the other
 * cannot run.
 */
async function findNode() {
  const bundled = path("node_modules/.bin/node");
  if (await runs(bundled)) return bundled;
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) return process.execPath;
  // Its binary is linked by an install script, and scripts may be off.
  const npm = npmCommand();
  const flags = ["rebuild", "node", "--ignore-scripts=false", "--foreground-scripts"];
  await runOrFail("installing Node 26", npm.file, [...npm.args, ...flags]);
  if (await runs(bundled)) return bundled;
  return fail(`Node ${NODE_MAJOR_MIN} or newer is needed, and the npm package "node" does not run`);
}

async function runs(file) {
  return existsSync(file) && (await run(file, ["--version"])).code === 0;
}

/** What some tests run beside npm's packages, and Debian's package that has it. */
const PROGRAMS = [
  { program: "redis-server", debian: "redis-server" },
  { program: "chromium", debian: "chromium" },
  { program: "promtool", debian: "prometheus" },
];

/** Programs for the tests that need them; without one those are skipped, and that is said. */
export async function installPrograms() {
  const missing = [];
  for (const entry of PROGRAMS) {
    const { code } = await run("sh", ["-c", `command -v ${entry.program}`]);
    if (code !== 0) missing.push(entry);
  }
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program).join(", ");
  const apt = process.getuid?.() === 0 && (await run("apt-get", ["--version"])).code === 0;
  if (!apt) {
    say(`not installed, and cannot be from here: ${names}; tests that need them are skipped`);
    return;
  }
  say(`installing ${names} (apt-get) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], { env });
  for (const { program, debian } of missing) {
    const install = ["install", "-y", "-qq", "--no-install-recommends", debian];
    const { code } = await run("apt-get", install, { env });
    if (code !== 0) say(`${program} could not be installed: tests that need it are skipped`);
  }
}
