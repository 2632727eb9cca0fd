// The core in a browser: headless Chromium runs the same cases as Node and comes to the same
// digest; and the browser example works.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { CHROMIUM, renderedDocument } from "./chromium.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 120_000;

const PAGE = `<!doctype html><script type="importmap">{"imports":{"#wasm/":"/build/wasm/"}}</script>
<body>none</body><script type="module">
console.log = (text) => { document.body.textContent = "digest: " + text; };
try { await import("/test/runtimes/digest.ts"); } catch (error) { console.log(String(error)); }
</script>`;

const run = promisify(execFile);

test.skipIf(CHROMIUM === undefined)(
  "headless Chromium decides as Node does",
  async () => {
    const [document, node] = await Promise.all([
      renderedDocument("/", PAGE, DEADLINE_MS),
      run(process.execPath, ["test/runtimes/digest.ts"], { cwd: ROOT }),
    ]);
    expect(/digest: [^<]*/.exec(document)?.[0]).toBe(`digest: ${node.stdout.trim()}`);
  },
  DEADLINE_MS,
);

test.skipIf(CHROMIUM === undefined)(
  "docs/examples/browser.html parses what its text area holds",
  async () => {
    const document = await renderedDocument("/docs/examples/browser.html", PAGE, DEADLINE_MS);
    const result = /<pre id="result">([^<]*)<\/pre>/.exec(document)?.[1];
    expect(result).toBe("GET /a?b (origin)\nHost = example.com");
  },
  DEADLINE_MS,
);
