// Owns one run of the suite's own client in a process of its own, because the suite changes its
// tests while they run. node client.ts SUITE_DIRECTORY BASE_URL [TEST_ID...] prints one line:
// "results " and the raw results as JSON.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { engineDirectory } from "./suite.ts";
import type { RawResults, SuiteTest } from "./verdicts.ts";

interface Group {
  readonly tests: readonly SuiteTest[];
}

/**
 * The repository's runner finds `fetch` itself; the npm package's wants it as the second argument.
 */
interface Runner {
  runTests(groups: readonly Group[], ...rest: unknown[]): Promise<void>;
  getResults(): RawResults;
}

const [directory = "", base = "", ...ids] = process.argv.slice(2);
const engine = engineDirectory(directory);
const runner = await load<Runner>(join(engine, "client", "runner.mjs"));
const index = await load<{ default: readonly Group[] }>(join(directory, "tests", "index.mjs"));
const wanted = index.default.map((group) => ({
  ...group,
  tests: group.tests.filter((test) => ids.length === 0 || ids.includes(test.id)),
}));
const inPackage = engine === directory;
// With few tests at a time, the pauses that count whole seconds are not stretched by a busy
// machine.
const testsAtATime = 25;
await runner.runTests(wanted, ...(inPackage ? [packageFetch()] : []), false, base, testsAtATime);
process.stdout.write(`\nresults ${JSON.stringify(runner.getResults())}\n`, () => process.exit(0));

async function load<T>(file: string): Promise<T> {
  return (await import(pathToFileURL(file).href)) as T;
}

function packageFetch(): unknown {
  const require = createRequire(join(directory, "cli.mjs"));
  return require("node-fetch");
}
