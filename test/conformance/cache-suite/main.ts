// Owns `npm run conformance:cache`: runs the HTTP cache test suite through a gateway, prints
// required and optimal scores, and compares our own with the list of expected failures, which may
// only shrink.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nowMs } from "../../../bench/end-to-end/clock.ts";
import { freePort, waitUntilReady } from "../../../bench/end-to-end/http-client.ts";
import { ChildProcesses } from "../../../bench/end-to-end/processes.ts";
import { gateways } from "./gateways.ts";
import { installedSuite, loadSuite, runSuite, type Suite, startSuiteOrigin } from "./suite.ts";
import { type ExpectedFailures, type Judgement, judge, type RawResults } from "./verdicts.ts";

interface Options {
  readonly gateway: string;
  /** A checkout of the suite's repository (with its dependencies), or null for the npm package. */
  readonly suite: string | null;
  readonly ids: readonly string[];
  readonly jsonFile: string | null;
  readonly update: boolean;
}

const usage = `npm run conformance:cache -- [options]
  --gateway NAME   edgelane (default), nginx, varnish
  --suite DIR      a checkout of http-tests/cache-tests instead of the copy on npm
  --id TEST        run this test only (may be repeated)
  --json FILE      write the raw results
  --update         take tests that pass now off the list of expected failures
`;

const nothingExpected: ExpectedFailures = { required: {}, optimal: {} };

async function run(options: Options): Promise<number> {
  const suite = await loadSuite(options.suite ?? installedSuite());
  const expected = options.gateway === "edgelane" ? readExpected(options) : nothingExpected;
  const results = await collectResults(suite, options, expected);
  if (options.jsonFile !== null) {
    writeFileSync(options.jsonFile, `${JSON.stringify(results, null, 1)}\n`);
  }
  const tests = suite.tests.filter(
    (test) => options.ids.length === 0 || options.ids.includes(test.id) || test.id in results,
  );
  const judgement = judge(tests, results, expected);
  process.stdout.write(render(options, judgement));
  if (options.gateway !== "edgelane" || options.ids.length > 0) return 0;
  if (options.update) writeExpected(options, shrink(expected, judgement));
  else if (judgement.fixed.length > 0) return 1;
  return judgement.unexpected.length > 0 ? 1 : 0;
}

async function collectResults(
  suite: Suite,
  options: Options,
  expected: ExpectedFailures,
): Promise<RawResults> {
  const children = new ChildProcesses();
  const directory = mkdtempSync(join(os.tmpdir(), "edgelane-cache-suite-"));
  try {
    const originPort = await startSuiteOrigin(suite, children, directory);
    const port = await startGateway(options.gateway, originPort, directory, children);
    const ids = withDependencies(suite, options.ids);
    const results = await runSuite(suite, children, port, ids);
    if (options.gateway !== "edgelane" || ids.length > 0) return results;
    const { unexpected } = judge(suite.tests, results, expected);
    const again = withDependencies(
      suite,
      unexpected.map((failure) => failure.id),
    );
    if (again.length === 0) return results;
    // Some tests depend on whole seconds passing; a surprise counts when it happens twice.
    return { ...results, ...(await runSuite(suite, children, port, again)) };
  } finally {
    await children.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startGateway(
  name: string,
  originPort: number,
  workDirectory: string,
  children: ChildProcesses,
): Promise<number> {
  const launch = gateways[name];
  if (launch === undefined) throw new RangeError(`there is no gateway called ${name}`);
  const directory = join(workDirectory, name);
  mkdirSync(directory);
  const port = await freePort();
  const child = children.start({ ...launch({ directory, port, originPort }), directory });
  await waitUntilReady(child, port, "/index.html", nowMs(), 20);
  return port;
}

function withDependencies(suite: Suite, ids: readonly string[]): string[] {
  const wanted = new Set(ids);
  for (const id of wanted) {
    const test = suite.tests.find((one) => one.id === id);
    if (test === undefined) throw new RangeError(`the suite has no test called ${id}`);
    for (const dependency of test.depends_on ?? []) wanted.add(dependency);
  }
  return [...wanted];
}

/** One list for each of the two copies of the suite, because their tests differ. */
function expectedFile(options: Options): string {
  const copy = options.suite === null ? "package" : "repository";
  return join(import.meta.dirname, `expected-failures-${copy}.json`);
}

function readExpected(options: Options): ExpectedFailures {
  const file = expectedFile(options);
  if (!existsSync(file)) return nothingExpected;
  return JSON.parse(readFileSync(file, "utf8")) as ExpectedFailures;
}

function writeExpected(options: Options, expected: ExpectedFailures): void {
  writeFileSync(expectedFile(options), `${JSON.stringify(expected, null, 2)}\n`);
}

function shrink(expected: ExpectedFailures, judgement: Judgement): ExpectedFailures {
  const keep = (list: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(list).filter(([id]) => !judgement.fixed.includes(id)));
  return { required: keep(expected.required), optimal: keep(expected.optimal) };
}

function render(options: Options, judgement: Judgement): string {
  const { passed, total, unexpected, fixed } = judgement;
  const listed = options.gateway === "edgelane" ? unexpected : judgement.failures;
  const lines = listed.map(
    (failure) => `  ${failure.kind} ${failure.id} (${failure.verdict}): ${failure.message}`,
  );
  const score = (kind: "required" | "optimal"): string =>
    `${passed[kind]} of ${total[kind]} ${kind}`;
  return [
    ...(lines.length > 0 ? ["failures:", ...lines] : []),
    ...(fixed.length > 0 ? ["pass now, take them off the list with --update:"] : []),
    ...fixed.map((id) => `  ${id}`),
    `${options.gateway}: ${score("required")}, ${score("optimal")}`,
    "",
  ].join("\n");
}

function parseOptions(words: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...words],
    options: {
      gateway: { type: "string", default: "edgelane" },
      suite: { type: "string" },
      id: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
      update: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  return {
    gateway: values.gateway,
    suite: values.suite ?? null,
    ids: values.id,
    jsonFile: values.json ?? null,
    update: values.update,
  };
}

if (import.meta.main) {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === "help") process.stdout.write(usage);
    else process.exitCode = await run(options);
  } catch (error) {
    process.stderr.write(
      `cache suite: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = error instanceof TypeError || error instanceof RangeError ? 2 : 1;
  }
}
