// Serves the project's sources to headless Chromium, types stripped on the way, and returns what a
// page looks like once it has run.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";

const ROOT = new URL("../../", import.meta.url);
const OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000"];
const run = promisify(execFile);

/** Debian's browser; undefined where there is none. */
export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) =>
  existsSync(path),
);

/** The document of `path` after its scripts have run. `page` is served at "/". */
export async function renderedDocument(
  path: string,
  page: string,
  deadlineMs: number,
): Promise<string> {
  const server = await serve(page);
  try {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}${path}`;
    const { stdout } = await run(CHROMIUM ?? "", [...OPTIONS, "--dump-dom", url], {
      timeout: deadlineMs,
    });
    return stdout;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function serve(page: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const text = path === "/" ? page : sourceOf(path);
    const isPage = path === "/" || path.endsWith(".html");
    response.setHeader("Content-Type", isPage ? "text/html" : "text/javascript");
    if (text === undefined) response.writeHead(404);
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** What the built file at `path` would hold, made from its source where it is not there. */
function sourceOf(path: string): string | Buffer | undefined {
  const source = path
    .replace(/^\/build\/js\//, "/")
    .replace(/(\/(?:src|assembly)\/.*)\.js$/, "$1.ts");
  const file = new URL(`.${source}`, ROOT);
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  return source.endsWith(".ts") ? stripTypeScriptTypes(bytes.toString()) : bytes;
}
