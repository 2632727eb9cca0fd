// Runs the suites of the core on whatever runtime this is and prints `N passed, M failed` after the
// first failures. Each runtime is told in its own way that "vitest" is vitest-stand-in.ts.

import { runDeclared } from "./vitest-stand-in.ts";

const FAILURES_SHOWN = 20;

const SUITES: (() => Promise<object>)[] = [
  () => import("../core/abi.test.ts"),
  () => import("../core/byte-classes.test.ts"),
  () => import("../core/cache-key.test.ts"),
  () => import("../core/chunked.test.ts"),
  () => import("../core/field-names.test.ts"),
  () => import("../core/hash.test.ts"),
  () => import("../core/head.test.ts"),
  () => import("../core/limits.test.ts"),
  () => import("../core/parser.test.ts"),
  () => import("../core/pool.test.ts"),
];
// The browser's time is virtual: it stands still while a script runs.
if (!("document" in globalThis)) SUITES.push(() => import("../core/linear-work.test.ts"));

const failures: string[] = [];
let passed = 0;
for (const load of SUITES) {
  await load();
  const result = await runDeclared();
  passed += result.passed;
  failures.push(...result.failures);
}
const lines = [...failures.slice(0, FAILURES_SHOWN), `${passed} passed, ${failures.length} failed`];
globalThis.console.log(lines.join("\n"));
