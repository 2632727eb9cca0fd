// The parser for embedding: request heads, response heads and chunked bodies, incrementally, as
// they come from a stream (RFC 9112). No dependencies and nothing of Node: runs wherever JavaScript
// does. Knows no sockets; whoever has one feeds it.

import { wasmBytes } from "#wasm/parser-inline.js";
import {
  CHUNKED_STATE_BYTES,
  HEAD_BYTES_MAX,
  POOLS_ADDRESS,
  RECORD_BYTES,
  SLAB_BYTES,
} from "#wasm/limits.js";
import {
  METHOD_GET,
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_HEAD_LENGTH,
  STATUS_COMPLETE,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import { ChunkedReader } from "./chunked-reader.ts";
import { type ParserMemory, RequestView, ResponseView } from "./head-view.ts";
import { PARSE_ERRORS, type ParseError } from "./parse-errors.ts";
import { referenceParser } from "./reference-parser.ts";
import { SlabPool } from "./slab-pool.ts";
import {
  type CompiledModule,
  instantiate,
  moduleFor,
  PAGE_BYTES,
  type ParserFunctions,
} from "./wasm.ts";

export { ChunkedReader, type ChunkedResult, type CompleteBody } from "./chunked-reader.ts";
export type { ContentSpans } from "./content-spans.ts";
export {
  FieldsView,
  type Framing,
  RequestView,
  ResponseView,
  type TargetForm,
} from "./head-view.ts";
export type { ParseError } from "./parse-errors.ts";
export type { CompiledModule } from "./wasm.ts";

export interface ParserOptions {
  /** Default: Wasm where the engine has SIMD and may compile it, else the reference. */
  readonly engine?: "wasm-simd" | "reference";
  /** parser.wasm, compiled, where compiling at run time is forbidden. */
  readonly module?: CompiledModule;
  /** Readers of heads that may be open at a time, and as many of chunked bodies. */
  readonly readersMax?: number;
}

/** What was wrong, and the offset of the byte at which it was seen. */
export interface HeadError extends ParseError {
  readonly offset: number;
}

export type HeadResult<View> =
  | { readonly status: "incomplete" }
  /** `rest`: the bytes behind the head, a view of what was pushed. */
  | { readonly status: "complete"; readonly head: View; readonly rest: Uint8Array }
  | { readonly status: "error"; readonly error: HeadError };

const READERS_MAX_DEFAULT = 64;
const INCOMPLETE = { status: "incomplete" } as const;

export class Parser {
  readonly engine: "wasm-simd" | "reference";
  readonly #memory: ParserMemory;
  readonly #functions: ParserFunctions;
  readonly #slabs: SlabPool;
  readonly #states: SlabPool;

  constructor(options: ParserOptions = {}) {
    const readersMax = options.readersMax ?? READERS_MAX_DEFAULT;
    const statesAddress = POOLS_ADDRESS + readersMax * SLAB_BYTES;
    const end = statesAddress + readersMax * CHUNKED_STATE_BYTES;
    const memoryBytes = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
    const module = moduleFor(options.engine, options.module, wasmBytes);
    this.engine = module === undefined ? "reference" : "wasm-simd";
    if (module === undefined) {
      this.#memory = memoryOver(new ArrayBuffer(memoryBytes));
      this.#functions = referenceParser(this.#memory);
    } else {
      const { buffer, exports } = instantiate(module, memoryBytes);
      this.#memory = memoryOver(buffer);
      this.#functions = exports as ParserFunctions;
    }
    this.#slabs = new SlabPool(POOLS_ADDRESS, readersMax, SLAB_BYTES);
    this.#states = new SlabPool(statesAddress, readersMax, CHUNKED_STATE_BYTES);
  }

  /** Throws a RangeError when `readersMax` readers are open. */
  requestReader(): HeadReader<RequestView> {
    const functions = this.#functions;
    const record = taken(this.#slabs);
    const input = record + RECORD_BYTES;
    const view = new RequestView(this.#memory, record, input);
    const parse = (length: number): number => functions.parseRequestHead(record, input, length);
    return new HeadReader(this.#memory, functions, this.#slabs, record, view, parse);
  }

  /** `requestMethodId`: METHOD_* id of the request that the response answers; GET unless given. */
  responseReader(requestMethodId: number = METHOD_GET): HeadReader<ResponseView> {
    const functions = this.#functions;
    const record = taken(this.#slabs);
    const input = record + RECORD_BYTES;
    const view = new ResponseView(this.#memory, record, input);
    const parse = (length: number): number =>
      functions.parseResponseHead(record, input, length, requestMethodId);
    return new HeadReader(this.#memory, functions, this.#slabs, record, view, parse);
  }

  chunkedReader(): ChunkedReader {
    const state = taken(this.#states);
    return new ChunkedReader(this.#memory, this.#functions, this.#states, state);
  }
}

/** Reads one head after the other from the bytes that are pushed. Close it: slabs are finite. */
export class HeadReader<View> {
  readonly #memory: ParserMemory;
  readonly #functions: ParserFunctions;
  readonly #pool: SlabPool;
  readonly #record: number;
  readonly #view: View;
  readonly #parse: (length: number) => number;
  #held = 0;

  constructor(
    memory: ParserMemory,
    functions: ParserFunctions,
    pool: SlabPool,
    record: number,
    view: View,
    parse: (length: number) => number,
  ) {
    this.#memory = memory;
    this.#functions = functions;
    this.#pool = pool;
    this.#record = record;
    this.#view = view;
    this.#parse = parse;
    functions.resetRecord(record);
  }

  /** Takes the next bytes. After a complete head or an error, they are those of a new head. */
  push(bytes: Uint8Array): HeadResult<View> {
    const held = this.#held;
    const length = Math.min(bytes.length, HEAD_BYTES_MAX - held);
    const part = length === bytes.length ? bytes : bytes.subarray(0, length);
    this.#memory.bytes.set(part, this.#record + RECORD_BYTES + held);
    const status = this.#parse(held + length);
    if (status === STATUS_INCOMPLETE) {
      this.#held = held + length;
      return INCOMPLETE;
    }
    this.#held = 0;
    if (status === STATUS_COMPLETE) {
      const rest = bytes.subarray(this.#word(RECORD_HEAD_LENGTH) - held);
      return { status: "complete", head: this.#view, rest };
    }
    const error = PARSE_ERRORS[this.#word(RECORD_ERROR_CODE)] as ParseError;
    return { status: "error", error: { ...error, offset: this.#word(RECORD_ERROR_OFFSET) } };
  }

  /** Forgets the head that has begun. */
  reset(): void {
    this.#held = 0;
    this.#functions.resetRecord(this.#record);
  }

  /** Gives the slab back. The reader and its views must not be used any more. */
  close(): void {
    this.#pool.release(this.#record);
  }

  #word(index: number): number {
    return this.#memory.words[(this.#record >> 2) + index] as number;
  }
}

function memoryOver(buffer: ArrayBuffer): ParserMemory {
  return { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
}

function taken(pool: SlabPool): number {
  const address = pool.acquire();
  if (address === 0) throw new RangeError("all readers of this parser are open");
  return address;
}
