// Reads a chunked body from the bytes that are pushed (RFC 9112 section 7.1). Content is never
// copied: it is reported as views of what was pushed, and of a long chunk only the framing around
// it goes through the engine's memory.

import { TRAILER_INPUT_OFFSET, TRAILER_RECORD_OFFSET } from "#wasm/limits.js";
import {
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNKED_CONSUMED,
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_HIGH,
  CHUNKED_ERROR_OFFSET_LOW,
  CHUNKED_PHASE,
  CHUNKED_POSITION_HIGH,
  CHUNKED_POSITION_LOW,
  CHUNKED_REMAINING_HIGH,
  CHUNKED_REMAINING_LOW,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  STATUS_COMPLETE,
  STATUS_ERROR,
} from "../../assembly/layout.ts";
import { FieldsView, type ParserMemory } from "./head-view.ts";
import { PARSE_ERRORS, type ParseError } from "./parse-errors.ts";
import type { SlabPool } from "./slab-pool.ts";
import type { ParserFunctions } from "./wasm.ts";

export type ChunkedResult =
  | { readonly status: "incomplete"; readonly content: readonly Uint8Array[] }
  | {
      readonly status: "complete";
      readonly content: readonly Uint8Array[];
      /** Valid until the reader is reset or closed. */
      readonly trailers: FieldsView;
      /** The bytes behind the body, a view of what was pushed. */
      readonly rest: Uint8Array;
    }
  | {
      readonly status: "error";
      /** Content before the error. */
      readonly content: readonly Uint8Array[];
      /** `offset` counts from the first byte of the body. */
      readonly error: ParseError & { readonly offset: number };
    };

const WORD = 0x1_0000_0000;
/** Bytes that go to the engine at a time: a few short chunks, or the framing before a long one. */
const WINDOW_BYTES = 2048;

export class ChunkedReader {
  readonly #memory: ParserMemory;
  readonly #functions: ParserFunctions;
  readonly #pool: SlabPool;
  readonly #state: number;
  readonly #input: number;

  constructor(
    memory: ParserMemory,
    functions: ParserFunctions,
    pool: SlabPool,
    state: number,
    input: number,
  ) {
    this.#memory = memory;
    this.#functions = functions;
    this.#pool = pool;
    this.#state = state;
    this.#input = input;
    functions.resetChunked(state);
  }

  push(bytes: Uint8Array): ChunkedResult {
    const content: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      at = this.#takeContent(bytes, at, content);
      if (at === bytes.length) break;
      const window = bytes.subarray(at, at + WINDOW_BYTES);
      this.#memory.bytes.set(window, this.#input);
      const status = this.#functions.decodeChunked(this.#state, this.#input, window.length);
      this.#addSpans(window, content);
      if (status === STATUS_ERROR) return { status: "error", content, error: this.#error() };
      at += this.#word(CHUNKED_CONSUMED);
      if (status === STATUS_COMPLETE) {
        return {
          status: "complete",
          content,
          trailers: this.#trailers(),
          rest: bytes.subarray(at),
        };
      }
    }
    return { status: "incomplete", content };
  }

  /** Starts a new body. */
  reset(): void {
    this.#functions.resetChunked(this.#state);
  }

  /** Gives the decoder's state back. The reader must not be used any more. */
  close(): void {
    this.#pool.release(this.#state);
  }

  /** Within a chunk no byte needs the engine: takes what there is of it, and counts it. */
  #takeContent(bytes: Uint8Array, at: number, content: Uint8Array[]): number {
    if (this.#word(CHUNKED_PHASE) !== CHUNK_DATA) return at;
    const remaining = this.#pair(CHUNKED_REMAINING_LOW, CHUNKED_REMAINING_HIGH);
    const length = Math.min(remaining, bytes.length - at);
    content.push(bytes.subarray(at, at + length));
    this.#setPair(CHUNKED_REMAINING_LOW, CHUNKED_REMAINING_HIGH, remaining - length);
    const position = this.#pair(CHUNKED_POSITION_LOW, CHUNKED_POSITION_HIGH);
    this.#setPair(CHUNKED_POSITION_LOW, CHUNKED_POSITION_HIGH, position + length);
    if (length === remaining) this.#setWord(CHUNKED_PHASE, CHUNK_DATA_CR);
    return at + length;
  }

  #addSpans(window: Uint8Array, content: Uint8Array[]): void {
    const end = CHUNKED_SPANS + this.#word(CHUNKED_SPAN_COUNT) * 2;
    for (let span = CHUNKED_SPANS; span < end; span += 2) {
      const start = this.#word(span);
      content.push(window.subarray(start, start + this.#word(span + 1)));
    }
  }

  #trailers(): FieldsView {
    const record = this.#state + TRAILER_RECORD_OFFSET;
    return new FieldsView(this.#memory, record, this.#state + TRAILER_INPUT_OFFSET);
  }

  #error(): ParseError & { readonly offset: number } {
    const error = PARSE_ERRORS[this.#word(CHUNKED_ERROR_CODE)] as ParseError;
    return { ...error, offset: this.#pair(CHUNKED_ERROR_OFFSET_LOW, CHUNKED_ERROR_OFFSET_HIGH) };
  }

  #word(index: number): number {
    return this.#memory.words[(this.#state >> 2) + index] as number;
  }

  #setWord(index: number, value: number): void {
    this.#memory.words[(this.#state >> 2) + index] = value;
  }

  #pair(low: number, high: number): number {
    return this.#word(high) * WORD + this.#word(low);
  }

  #setPair(low: number, high: number, value: number): void {
    this.#setWord(low, value % WORD);
    this.#setWord(high, Math.floor(value / WORD));
  }
}
