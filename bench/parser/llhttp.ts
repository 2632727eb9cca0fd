// llhttp in the Wasm build that undici ships, as a baseline: fed like undici feeds it, but its
// callbacks only note offsets, which flatters it.

import { createRequire } from "node:module";

const INPUT_BYTES_MAX = 65_536;
const SKIP_CONTENT = 1;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  llhttp_alloc(type: number): number;
  llhttp_execute(parser: number, address: number, length: number): number;
  malloc(bytes: number): number;
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

/** Returns a function that parses a head and says how many field lines it had. */
export function llhttpParser(kind: "request" | "response"): (bytes: Uint8Array) => number {
  const require = createRequire(import.meta.url);
  const wasm = require("undici/lib/llhttp/llhttp_simd-wasm.js") as Uint8Array;
  const spans = new Uint32Array(1024);
  let count = 0;
  let fields = 0;
  const note = (_parser: number, at: number, length: number): number => {
    spans[count++ & 1023] = at;
    spans[count++ & 1023] = length;
    return 0;
  };
  const nothing = (): number => 0;
  const env = {
    wasm_on_message_begin: nothing,
    wasm_on_status: note,
    wasm_on_body: nothing,
    wasm_on_message_complete: nothing,
    wasm_on_url: note,
    wasm_on_header_field: note,
    wasm_on_header_value: (parser: number, at: number, length: number): number => {
      fields++;
      return note(parser, at, length);
    },
    wasm_on_headers_complete: () => SKIP_CONTENT,
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
  const exports = instance.exports as Exports;
  exports._initialize();
  const input = exports.malloc(INPUT_BYTES_MAX);
  const parser = exports.llhttp_alloc(kind === "request" ? 1 : 2);
  const memory = new Uint8Array(exports.memory.buffer);
  return (bytes) => {
    count = 0;
    fields = 0;
    memory.set(bytes, input);
    const errno = exports.llhttp_execute(parser, input, bytes.length);
    return errno === 0 ? fields : -1;
  };
}
