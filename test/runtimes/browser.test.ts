// The core in a browser: headless Chromium runs the same cases as Node, from sources whose types
// are stripped on the way, and comes to the same digest.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) =>
  existsSync(path),
);
const DEADLINE_MS = 120_000;

const PAGE = `<!doctype html><script type="importmap">{"imports":{"#wasm/":"/build/wasm/"}}</script>
<body>none</body><script type="module">
console.log = (text) => { document.body.textContent = "digest: " + text; };
try { await import("/test/runtimes/digest.ts"); } catch (error) { console.log(String(error)); }
</script>`;

const run = promisify(execFile);
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? "/";
    if (path === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
    const file = new URL(`.${path}`, ROOT);
    if (!existsSync(file)) return response.writeHead(404).end();
    const text = readFileSync(file, "utf8");
    response.setHeader("Content-Type", "text/javascript");
    return response.end(path.endsWith(".ts") ? stripTypeScriptTypes(text) : text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

test.skipIf(CHROMIUM === undefined)(
  "headless Chromium decides as Node does",
  async () => {
    const { port } = server.address() as AddressInfo;
    const options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000"];
    const [browser, node] = await Promise.all([
      run(CHROMIUM ?? "", [...options, "--dump-dom", `http://127.0.0.1:${port}/`], {
        timeout: DEADLINE_MS,
      }),
      run(process.execPath, ["test/runtimes/digest.ts"], { cwd: fileURLToPath(ROOT) }),
    ]);
    expect(/digest: [^<]*/.exec(browser.stdout)?.[0]).toBe(`digest: ${node.stdout.trim()}`);
  },
  DEADLINE_MS,
);
