// The package as others get it: packed, installed into an empty folder, and used there, its exports
// for embedders on every runtime and the gateway on Node; types as a program that imports it sees
// them.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RUNTIMES } from "./runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 120_000;
const run = promisify(execFile);

const PROGRAM = `
import { readFileSync } from "node:fs";
import { Parser } from "edgelane/parser";
import { loadCore } from "edgelane/core";
import { decideReuse, decideStoring } from "edgelane/policy";
import { wasmBytes } from "edgelane/wasm/core-inline.js";

const text = new TextEncoder().encode("GET /x?y HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\nrest");
const module = (name) =>
  new WebAssembly.Module(readFileSync(new URL(import.meta.resolve("edgelane/wasm/" + name))));
for (const options of [{}, { module: module("parser.wasm") }, { engine: "reference" }]) {
  const parser = new Parser(options);
  const result = parser.requestReader().push(text);
  if (result.status !== "complete") throw new Error(result.status);
  console.log(parser.engine, result.head.method, result.head.target, result.rest.length);
}
const core = loadCore({ seed: 1n, slabs: 1, chunkedStates: 1, module: module("core.wasm") });
core.bytes.set(text, core.scratchInput);
core.parseRequestHead(core.scratchRecord, core.scratchInput, text.length);
const length = core.requestKey(core.scratchRecord, core.scratchInput, 1);
const key = core.bytes.subarray(core.keyAddress, core.keyAddress + length);
console.log(core.engine, String.fromCharCode(...key), wasmBytes.length > 1000);
const request = { method: "GET", fields: [] };
const fields = ["Cache-Control", "max-age=60", "Date", "Thu, 01 Jan 2026 00:00:00 GMT"];
const at = Date.UTC(2026, 0, 1);
const times = { requestMs: at, responseMs: at };
const decision = decideStoring(request, { status: 200, reason: "OK", fields }, times);
const verdictAfter = (ms) => decideReuse(decision.metadata, request, at + ms).verdict;
console.log(decision.store, verdictAfter(59_000), verdictAfter(61_000));
`;

const PRINTED = [
  "wasm-simd GET /x?y 4",
  "wasm-simd GET /x?y 4",
  "reference GET /x?y 4",
  "wasm-simd https://a.example/x?y true",
  "true use validate",
];

const TYPED = `
import { type ChunkedResult, type HeadResult, Parser, type RequestView } from "edgelane/parser";
import { type Core, loadCore } from "edgelane/core";
import { decideStoring, type StoreDecision } from "edgelane/policy";
import { HEAD_BYTES_MAX } from "edgelane/wasm/limits.js";
import { wasmBytes } from "edgelane/wasm/parser-inline.js";

const parser = new Parser({ engine: "reference" });
const head: HeadResult<RequestView> = parser.requestReader().push(new Uint8Array(HEAD_BYTES_MAX));
const body: ChunkedResult = parser.chunkedReader().push(wasmBytes);
const core: Core = loadCore({ slabs: 1 });
export const used: [string, string, number] = [head.status, body.status, core.slabCount];
export type Stored = StoreDecision extends ReturnType<typeof decideStoring> ? true : never;
// @ts-expect-error an engine is one of two
new Parser({ engine: "other" });
`;

const GATEWAY = `
import { createGateway, defineConfig } from "edgelane";
const config = defineConfig({ listen: ["127.0.0.1:0"], upstreams: { a: "http://127.0.0.1:1" },
  routes: [{ match: "/*", to: "a" }], admin: "off", log: { access: "off" } });
const gateway = await createGateway(config);
const response = await gateway.fetch(new Request("http://a.example/x"));
console.log(response.status, response.headers.get("proxy-status"));
await gateway.close();
`;

let app = "";

/** The npm that runs this, or the system's. */
async function npm(args: readonly string[], cwd: string): Promise<void> {
  const script = process.env["npm_execpath"];
  const [file, ...first] = script?.endsWith(".js") ? [process.execPath, script] : ["npm"];
  await run(file, [...first, ...args], { cwd, timeout: DEADLINE_MS });
}

function write(name: string, text: string): void {
  writeFileSync(join(app, name), text);
}

beforeAll(async () => {
  app = mkdtempSync(join(tmpdir(), "edgelane-package-"));
  const packed = join(app, "packed");
  mkdirSync(packed);
  await npm(["pack", "--silent", "--ignore-scripts", "--pack-destination", packed], ROOT);
  const [tarball = ""] = readdirSync(packed);
  write("package.json", JSON.stringify({ name: "app", private: true, type: "module" }));
  const quick = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await npm(["install", "--silent", ...quick, join(packed, tarball)], app);
  write("program.mjs", PROGRAM);
  write("typed.ts", TYPED);
  write("gateway.mjs", GATEWAY);
}, DEADLINE_MS);

afterAll(() => {
  rmSync(app, { recursive: true, force: true });
});

test.each(RUNTIMES.filter(({ file }) => file !== undefined))(
  "$name uses the exports for embedders",
  async ({ file = "", args }) => {
    const program = isAbsolute(file) ? file : join(ROOT, file);
    const { stdout } = await run(program, [...args, "program.mjs"], { cwd: app });
    expect(stdout.trim().split("\n")).toEqual(PRINTED);
  },
  DEADLINE_MS,
);

test("Node runs the gateway", async () => {
  const { stdout } = await run(process.execPath, ["gateway.mjs"], { cwd: app });
  expect(stdout).toMatch(/^502 edgelane; error=connection_refused/);
});

test(
  "a program without Node's types compiles against the types",
  async () => {
    const options = { module: "nodenext", target: "es2024", lib: ["es2024"], types: [] };
    const compilerOptions = { ...options, strict: true, noEmit: true };
    write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", app]).catch((error) => error);
    expect(stdout).toBe("");
  },
  DEADLINE_MS,
);
