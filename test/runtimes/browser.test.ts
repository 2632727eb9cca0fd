// The core in a browser: headless Chromium runs the suites of the core, comes to the same digest as
// Node over the same cases; and the browser example works.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { CHROMIUM, renderedDocument } from "./chromium.ts";
import { SUITES_PASSED } from "./runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 120_000;

const IMPORTS = {
  "#wasm/": "/build/wasm/",
  "node:fs": "/test/runtimes/browser-files.ts",
  vitest: "/test/runtimes/vitest-stand-in.ts",
};

/** Shows what a module prints. */
const pageOf = (module: string, policy = ""): string => `<!doctype html>${policy}
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<body>none</body><script type="module">
console.log = (text) => { document.body.textContent = "printed: " + text + "."; };
try { await import("/test/runtimes/${module}"); } catch (error) { console.log(String(error)); }
</script>`;

const run = promisify(execFile);

const printedIn = (document: string): string | undefined =>
  /printed: ([^<]*)\./.exec(document)?.[1];

test.skipIf(CHROMIUM === undefined)(
  "headless Chromium decides as Node does",
  async () => {
    const [document, node] = await Promise.all([
      renderedDocument("/", pageOf("digest.ts"), DEADLINE_MS),
      run(process.execPath, ["test/runtimes/digest.ts"], { cwd: ROOT }),
    ]);
    expect(printedIn(document)).toBe(node.stdout.trim());
  },
  DEADLINE_MS,
);

test.skipIf(CHROMIUM === undefined)(
  "headless Chromium passes the suites of the core",
  async () => {
    const document = await renderedDocument("/", pageOf("core-suites.ts"), DEADLINE_MS);
    expect(printedIn(document)).toMatch(SUITES_PASSED);
  },
  DEADLINE_MS,
);

const NO_COMPILING =
  "<meta http-equiv='Content-Security-Policy' content=\"script-src 'self' 'unsafe-inline'\">";

test.skipIf(CHROMIUM === undefined)(
  "a page whose policy forbids to compile Wasm gets the reference",
  async () => {
    const page = pageOf("fallback.ts", NO_COMPILING);
    const document = await renderedDocument("/", page, DEADLINE_MS);
    expect(printedIn(document)).toBe("reference reference complete");
  },
  DEADLINE_MS,
);

test.skipIf(CHROMIUM === undefined)(
  "docs/examples/browser.html parses what its text area holds",
  async () => {
    const document = await renderedDocument("/docs/examples/browser.html", "", DEADLINE_MS);
    const result = /<pre id="result">([^<]*)<\/pre>/.exec(document)?.[1];
    expect(result).toBe("GET /a?b (origin)\nHost = example.com");
  },
  DEADLINE_MS,
);
