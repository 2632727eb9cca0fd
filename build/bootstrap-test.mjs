// Owns running the tests and saying how many passed: on the last line, for CI, and never a success
// that was not one.

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { path, runInPlace, say } from "./bootstrap-process.mjs";

const REPORT = path("build/.stamps/test-report.json");

/**
 * Runs vitest and gives its counts. What vitest did not report, because it crashed, is a failure.
 */
export async function runTests(node, args) {
  mkdirSync(path("build/.stamps"), { recursive: true });
  rmSync(REPORT, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const vitest = path("node_modules/vitest/vitest.mjs");
  const code = await runInPlace(node, [vitest, "run", ...reporters, ...args], { cwd: path(".") });
  const report = readReport();
  const passed = report?.numPassedTests ?? 0;
  // A file that could not be loaded has no tests to fail.
  const unloaded = report?.testResults.filter(isUnloaded).length ?? 0;
  const failed = (report?.numFailedTests ?? 0) + unloaded;
  const skipped = report?.numPendingTests ?? 0;
  if (skipped > 0) say(`${skipped} tests were skipped`);
  const sound = report !== null && code === 0 && report.success === true && passed > 0;
  return { passed, failed: sound ? failed : Math.max(failed, 1) };
}

/** The line that CI reads. */
export function summaryLine({ passed, failed }) {
  return `${passed} passed, ${failed} failed`;
}

function isUnloaded({ status, assertionResults }) {
  return status === "failed" && !assertionResults.some((result) => result.status === "failed");
}

function readReport() {
  return existsSync(REPORT) ? JSON.parse(readFileSync(REPORT, "utf8")) : null;
}
