// Reads a chunked body from the bytes that are pushed (RFC 9112 section 7.1). Content is reported
// as spans of what was pushed, and of a long chunk only the framing around it goes through the
// engine's memory.

import { TRAILER_INPUT_OFFSET, TRAILER_RECORD_OFFSET } from "#wasm/limits.js";
import {
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNKED_CONSUMED,
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_LOW,
  CHUNKED_PHASE,
  CHUNKED_POSITION_LOW,
  CHUNKED_REMAINING_LOW,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  STATUS_COMPLETE,
  STATUS_ERROR,
} from "../../assembly/layout.ts";
import { ContentSpans } from "./content-spans.ts";
import { FieldsView, type ParserMemory } from "./head-view.ts";
import { PARSE_ERRORS, type ParseError } from "./parse-errors.ts";
import type { SlabPool } from "./slab-pool.ts";
import type { ParserFunctions } from "./wasm.ts";

export type ChunkedResult =
  | { readonly status: "incomplete"; readonly content: ContentSpans }
  | {
      readonly status: "complete";
      readonly content: ContentSpans;
      /** Valid until the reader is reset or closed. */
      readonly trailers: FieldsView;
      /** The bytes behind the body, a view of what was pushed. */
      readonly rest: Uint8Array;
    }
  | {
      readonly status: "error";
      /** Content before the error. */
      readonly content: ContentSpans;
      /** `offset` counts from the first byte of the body. */
      readonly error: ParseError & { readonly offset: number };
    };

const NO_BYTES = new Uint8Array(0);
const WORD = 0x1_0000_0000;
/** Bytes that go to the engine at a time where chunks are short. */
const WINDOW_BYTES = 2048;
/** And where they are long: the end of one chunk and the size of the next, in eight digits. */
const FRAMING_WINDOW_BYTES = 12;

export class ChunkedReader {
  readonly #memory: ParserMemory;
  readonly #functions: ParserFunctions;
  readonly #pool: SlabPool;
  readonly #state: number;
  readonly #input: number;
  readonly #content = new ContentSpans();

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
    const content = this.#content;
    content.begin(bytes);
    let at = 0;
    while (at < bytes.length) {
      const length = this.#takeContent(bytes, at);
      const windowBytes = length < WINDOW_BYTES && at > 0 ? WINDOW_BYTES : FRAMING_WINDOW_BYTES;
      at += length;
      if (at === bytes.length) break;
      const status = this.#decode(bytes, at, Math.min(bytes.length, at + windowBytes));
      if (status === STATUS_ERROR) return { status: "error", content, error: this.#error() };
      at += this.#word(CHUNKED_CONSUMED);
      if (status === STATUS_COMPLETE) {
        const rest = bytes.subarray(at);
        return { status: "complete", content, trailers: this.#trailers(), rest };
      }
    }
    return { status: "incomplete", content };
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

  /** Within a chunk no byte needs the engine: takes what there is of it, and counts it. */
  #takeContent(bytes: Uint8Array, at: number): number {
    const words = this.#memory.words;
    const state = this.#state >> 2;
    if (words[state + CHUNKED_PHASE] !== CHUNK_DATA) return 0;
    const remaining = pair(words, state + CHUNKED_REMAINING_LOW);
    const length = Math.min(remaining, bytes.length - at);
    this.#content.add(at, length);
    setPair(words, state + CHUNKED_REMAINING_LOW, remaining - length);
    const position = pair(words, state + CHUNKED_POSITION_LOW);
    setPair(words, state + CHUNKED_POSITION_LOW, position + length);
    if (length === remaining) words[state + CHUNKED_PHASE] = CHUNK_DATA_CR;
    return length;
  }

  #decode(bytes: Uint8Array, start: number, end: number): number {
    const input = this.#input;
    const memory = this.#memory.bytes;
    if (end - start > FRAMING_WINDOW_BYTES) memory.set(bytes.subarray(start, end), input);
    // So few bytes are copied in less time than a view of them takes.
    else for (let at = start; at < end; at++) memory[input + at - start] = bytes[at] as number;
    const status = this.#functions.decodeChunked(this.#state, input, end - start);
    const spansEnd = CHUNKED_SPANS + this.#word(CHUNKED_SPAN_COUNT) * 2;
    for (let span = CHUNKED_SPANS; span < spansEnd; span += 2) {
      this.#content.add(start + this.#word(span), this.#word(span + 1));
    }
    return status;
  }

  #trailers(): FieldsView {
    const record = this.#state + TRAILER_RECORD_OFFSET;
    return new FieldsView(this.#memory, record, this.#state + TRAILER_INPUT_OFFSET);
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

/** A store keeps the low 32 bits of a whole number, and drops its fraction. */
function setPair(words: Uint32Array, index: number, value: number): void {
  words[index] = value;
  words[index + 1] = value < WORD ? 0 : value / WORD;
}
