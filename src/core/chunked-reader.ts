// Reads a chunked body from the bytes that are pushed (RFC 9112 section 7.1). Content is reported
// as spans of what was pushed.

import { TRAILER_INPUT_OFFSET, TRAILER_RECORD_OFFSET } from "#wasm/limits.js";
import {
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_LOW,
  STATUS_COMPLETE,
  STATUS_ERROR,
} from "../../assembly/layout.ts";
import { ChunkedWindow } from "./chunked-window.ts";
import { ContentSpans } from "./content-spans.ts";
import { FieldsView, type ParserMemory } from "./head-view.ts";
import { PARSE_ERRORS, type ParseError } from "./parse-errors.ts";
import type { SlabPool } from "./slab-pool.ts";
import type { ParserFunctions } from "./wasm.ts";

export type ChunkedResult =
  | { readonly status: "incomplete"; readonly content: ContentSpans }
  | CompleteBody
  | {
      readonly status: "error";
      /** Content before the error. */
      readonly content: ContentSpans;
      /** `offset` counts from the first byte of the body. */
      readonly error: ParseError & { readonly offset: number };
    };

/** The views are made for who asks for them. */
export class CompleteBody {
  readonly status = "complete";
  readonly content: ContentSpans;
  readonly #pushed: Uint8Array;
  readonly #end: number;
  readonly #memory: ParserMemory;
  readonly #state: number;

  constructor(
    content: ContentSpans,
    pushed: Uint8Array,
    end: number,
    memory: ParserMemory,
    state: number,
  ) {
    this.content = content;
    this.#pushed = pushed;
    this.#end = end;
    this.#memory = memory;
    this.#state = state;
  }

  /** Valid until the reader is reset or closed. */
  get trailers(): FieldsView {
    const record = this.#state + TRAILER_RECORD_OFFSET;
    return new FieldsView(this.#memory, record, this.#state + TRAILER_INPUT_OFFSET);
  }

  /** The bytes behind the body, a view of what was pushed. */
  get rest(): Uint8Array {
    return this.#pushed.subarray(this.#end);
  }
}

const NO_BYTES = new Uint8Array(0);
const WORD = 0x1_0000_0000;

export class ChunkedReader {
  readonly #memory: ParserMemory;
  readonly #functions: ParserFunctions;
  readonly #pool: SlabPool;
  readonly #state: number;
  readonly #window: ChunkedWindow;
  readonly #content = new ContentSpans();

  constructor(memory: ParserMemory, functions: ParserFunctions, pool: SlabPool, state: number) {
    this.#memory = memory;
    this.#functions = functions;
    this.#pool = pool;
    this.#state = state;
    this.#window = new ChunkedWindow(memory, functions);
    functions.resetChunked(state);
  }

  push(bytes: Uint8Array): ChunkedResult {
    const content = this.#content;
    const window = this.#window;
    content.begin(bytes);
    const status = window.decode(this.#state, bytes, 0, bytes.length, content);
    if (status === STATUS_ERROR) return { status: "error", content, error: this.#error() };
    if (status !== STATUS_COMPLETE) return { status: "incomplete", content };
    return new CompleteBody(content, bytes, window.consumed, this.#memory, this.#state);
  }

  /** Starts a new body. */
  reset(): void {
    this.#functions.resetChunked(this.#state);
    this.#content.begin(NO_BYTES);
  }

  /** Gives the decoder's state back. The reader must not be used any more. */
  close(): void {
    this.#pool.release(this.#state);
  }

  #error(): ParseError & { readonly offset: number } {
    const error = PARSE_ERRORS[this.#word(CHUNKED_ERROR_CODE)] as ParseError;
    const offsetAt = (this.#state >> 2) + CHUNKED_ERROR_OFFSET_LOW;
    return { ...error, offset: pair(this.#memory.words, offsetAt) };
  }

  #word(index: number): number {
    return this.#memory.words[(this.#state >> 2) + index] as number;
  }
}

/** A 64-bit number, its low word at `index`. */
function pair(words: Uint32Array, index: number): number {
  const low = words[index] as number;
  const high = words[index + 1] as number;
  return high === 0 ? low : high * WORD + low;
}
