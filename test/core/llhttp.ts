// Node's own parser, llhttp, in the Wasm build that undici ships, as a second opinion on heads. All
// its leniencies are off.

import { createRequire } from "node:module";

const HEAD_IS_ENOUGH = 21; // HPE_PAUSED: returned from a callback, it stops the parser there.
const INPUT_BYTES_MAX = 65_536;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, address: number, length: number): number;
  llhttp_get_errno(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  malloc(bytes: number): number;
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

export type LlhttpKind = "request" | "response";

export interface LlhttpHead {
  /** The header section is complete and nothing was found wrong with it. */
  readonly complete: boolean;
  /** Its error number, 0 without one. */
  readonly errno: number;
  readonly url: string;
  readonly fields: readonly string[];
  readonly minor: number;
}

export class Llhttp {
  readonly #exports: Exports;
  readonly #input: number;
  #complete = false;
  #url = "";
  #fields: string[] = [];
  #lastWasValue = true;

  constructor() {
    const require = createRequire(import.meta.url);
    const bytes = require("undici/lib/llhttp/llhttp_simd-wasm.js") as Uint8Array;
    const text = (at: number, length: number): string =>
      String.fromCharCode(...new Uint8Array(this.#exports.memory.buffer, at, length));
    const env = {
      wasm_on_message_begin: () => 0,
      wasm_on_status: () => 0,
      wasm_on_body: () => 0,
      wasm_on_message_complete: () => 0,
      wasm_on_url: (_parser: number, at: number, length: number) => {
        this.#url += text(at, length);
        return 0;
      },
      wasm_on_header_field: (_parser: number, at: number, length: number) => {
        if (this.#lastWasValue) this.#fields.push("");
        this.#lastWasValue = false;
        this.#extendLast(text(at, length));
        return 0;
      },
      wasm_on_header_value: (_parser: number, at: number, length: number) => {
        if (!this.#lastWasValue) this.#fields.push("");
        this.#lastWasValue = true;
        this.#extendLast(text(at, length));
        return 0;
      },
      wasm_on_headers_complete: () => {
        this.#complete = true;
        return HEAD_IS_ENOUGH;
      },
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
    this.#exports = instance.exports as Exports;
    this.#exports._initialize();
    this.#input = this.#exports.malloc(INPUT_BYTES_MAX);
  }

  parse(kind: LlhttpKind, bytes: Uint8Array): LlhttpHead {
    this.#complete = false;
    this.#url = "";
    this.#fields = [];
    this.#lastWasValue = true;
    const parser = this.#exports.llhttp_alloc(kind === "request" ? 1 : 2);
    new Uint8Array(this.#exports.memory.buffer).set(bytes, this.#input);
    const errno = this.#exports.llhttp_execute(parser, this.#input, bytes.length);
    const minor = this.#exports.llhttp_get_http_minor(parser);
    this.#exports.llhttp_free(parser);
    return {
      complete: this.#complete,
      errno: this.#complete ? 0 : errno,
      url: this.#url,
      fields: this.#fields,
      minor,
    };
  }

  #extendLast(text: string): void {
    const last = this.#fields.length - 1;
    this.#fields[last] = (this.#fields[last] ?? "") + text;
  }
}
