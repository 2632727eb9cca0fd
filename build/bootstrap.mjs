// Owns what npm's scripts do: install what is missing, build what is out of date, then run on Node
// 26. Runs on Node 20 with nothing installed, so it imports nothing but node:*.

import { existsSync } from "node:fs";
import { parseCommand } from "./bootstrap-command.mjs";
import { buildAll } from "./bootstrap-build.mjs";
import { runChecks } from "./bootstrap-check.mjs";
import { installOldestNode, installPackages, installPrograms } from "./bootstrap-install.mjs";
import { fail, path, runInPlace } from "./bootstrap-process.mjs";
import { runTests, summaryLine } from "./bootstrap-test.mjs";

const { verb, args } = parseCommand(process.argv.slice(2));

const verbs = {
  /** The gateway from source. */
  start: async () => {
    const node = await prepare();
    return runInPlace(node, [path("build/js/src/cli.js"), ...args]);
  },
  build: async () => {
    await prepare();
    return 0;
  },
  test: async () => {
    const node = await prepare();
    await installPrograms();
    await installOldestNode();
    const counts = await runTests(node, args);
    console.log(summaryLine(counts));
    return counts.failed === 0 ? 0 : 1;
  },
  /** What `.ci/run` asks for: checks and tests, in one line of counts. */
  ci: async () => {
    const node = await prepare();
    await installPrograms();
    await installOldestNode();
    const checks = await runChecks(node);
    const tests = await runTests(node, args);
    const passed = checks.passed + tests.passed;
    const failed = checks.failed + tests.failed;
    console.log(summaryLine({ passed, failed }));
    return failed === 0 ? 0 : 1;
  },
  check: async () => {
    const counts = await runChecks(await prepare());
    return counts.failed === 0 ? 0 : 1;
  },
  /** Any script of the project, on the right Node and with everything built. */
  run: async () => {
    const [script, ...rest] = args;
    if (script === undefined || !existsSync(script)) fail("run: which script?");
    return runInPlace(await prepare(), [script, ...rest]);
  },
};

async function prepare() {
  const node = await installPackages();
  await buildAll(node);
  return node;
}

process.exitCode = await verbs[verb]();
