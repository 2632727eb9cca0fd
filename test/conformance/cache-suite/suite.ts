// Owns finding the cache-tests suite, in the layout of the npm package or of the repository today,
// and running its origin and its client, each in a process of its own.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { nowMs } from "../../../bench/end-to-end/clock.ts";
import { freePort, waitUntilReady } from "../../../bench/end-to-end/http-client.ts";
import type { ChildProcesses } from "../../../bench/end-to-end/processes.ts";
import type { RawResults, SuiteTest } from "./verdicts.ts";

export interface Suite {
  readonly directory: string;
  readonly tests: readonly SuiteTest[];
}

/** The package's copy, installed at first use. Throws when npm cannot. */
export function installedSuite(): string {
  const directory = join(import.meta.dirname, "node_modules", "http-cache-tests");
  if (existsSync(directory)) return directory;
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  if (result.status === 0) return directory;
  throw new Error(`npm could not install the suite: ${(result.stderr ?? "").trim().slice(-300)}`);
}

export async function loadSuite(directory: string): Promise<Suite> {
  const index = pathToFileURL(join(directory, "tests", "index.mjs")).href;
  const loaded = (await import(index)) as { default: readonly { tests: readonly SuiteTest[] }[] };
  return { directory, tests: loaded.default.flatMap((group) => group.tests) };
}

/** Starts the suite's origin server and gives its port. */
export async function startSuiteOrigin(
  suite: Suite,
  children: ChildProcesses,
  workDirectory: string,
): Promise<number> {
  const port = await freePort();
  const child = children.start({
    file: process.execPath,
    arguments: ["--no-warnings", join(engineDirectory(suite.directory), "server", "server.mjs")],
    directory: suite.directory,
    environment: {
      npm_config_protocol: "http",
      npm_config_port: String(port),
      npm_config_pidfile: join(workDirectory, "origin.pid"),
    },
  });
  await waitUntilReady(child, port, "/index.html", nowMs(), 20);
  return port;
}

/** Runs the tests with these ids, or all of them, through the gateway at `port`. */
export async function runSuite(
  suite: Suite,
  children: ChildProcesses,
  port: number,
  ids: readonly string[],
): Promise<RawResults> {
  const client = join(import.meta.dirname, "client.ts");
  const base = `http://127.0.0.1:${port}`;
  const output = await children.run({
    file: process.execPath,
    arguments: ["--no-warnings", client, suite.directory, base, ...ids],
  });
  const line = output.split("\n").find((one) => one.startsWith("results "));
  if (line === undefined)
    throw new Error(`the suite's client gave no results: ${output.slice(-300)}`);
  return JSON.parse(line.slice("results ".length)) as RawResults;
}

/** Where the client and the server are: at the top in the npm package, in test-engine since. */
export function engineDirectory(directory: string): string {
  const engine = join(directory, "test-engine");
  return existsSync(engine) ? engine : directory;
}
