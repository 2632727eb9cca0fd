// Hot. Takes a chunked body to an engine: the framing goes through the engine's memory a window at
// a time, and of long chunks the content goes past it.

import {
  CHUNKED_CONSUMED,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import { CHUNKED_WINDOW_ADDRESS, CHUNKED_WINDOW_BYTES } from "#wasm/limits.js";
import type { ContentSpans } from "./content-spans.ts";
import type { ParserMemory } from "./head-view.ts";
import type { ParserFunctions } from "./wasm.ts";

/** Where chunks are long: the end of one and the size of the next, in up to six digits. */
const FRAMING_WINDOW_BYTES = 10;
/** Content that a look at the framing behind it costs less than its copy. */
const LONG_BYTES_MIN = 2048;
const SHORT_WINDOW_BYTES = 2048;
/** More than that cannot be told to an engine, which adds it to an address. */
const FOLLOWING_BYTES_MAX = 0x7000_0000;

export class ChunkedWindow {
  /** Bytes of the source that the last `decode` is done with. */
  consumed = 0;
  readonly #memory: ParserMemory;
  readonly #decodeChunked: ParserFunctions["decodeChunked"];
  #windowBytes = FRAMING_WINDOW_BYTES;

  constructor(memory: ParserMemory, functions: Pick<ParserFunctions, "decodeChunked">) {
    this.#memory = memory;
    this.#decodeChunked = functions.decodeChunked;
  }

  /**
   * Decodes `source` from `start` to `end`, or to the end of the body or an error before it;
   * returns the STATUS_*. Adds what is content to `spans`.
   */
  decode(
    state: number,
    source: Uint8Array,
    start: number,
    end: number,
    spans: ContentSpans,
  ): number {
    let status: number = STATUS_INCOMPLETE;
    let at = start;
    while (status === STATUS_INCOMPLETE && at < end) {
      status = this.#decodeWindow(state, source, at, end);
      at += this.#noteSpans(state >>> 2, at, spans);
    }
    this.consumed = at - start;
    return status;
  }

  #decodeWindow(state: number, source: Uint8Array, start: number, end: number): number {
    const { bytes } = this.#memory;
    const length = Math.min(end - start, this.#windowBytes);
    if (length > FRAMING_WINDOW_BYTES) {
      bytes.set(source.subarray(start, start + length), CHUNKED_WINDOW_ADDRESS);
    } else {
      // So few bytes are copied in less time than a view of them takes.
      for (let at = 0; at < length; at++) {
        bytes[CHUNKED_WINDOW_ADDRESS + at] = source[start + at] as number;
      }
    }
    const following = Math.min(end - start - length, FOLLOWING_BYTES_MAX);
    return this.#decodeChunked(state, CHUNKED_WINDOW_ADDRESS, length, following);
  }

  /** Returns how many bytes the engine has consumed; by that the next window is measured. */
  #noteSpans(base: number, start: number, spans: ContentSpans): number {
    const { words } = this.#memory;
    const first = base + CHUNKED_SPANS;
    const last = first + (words[base + CHUNKED_SPAN_COUNT] as number) * 2;
    for (let span = first; span < last; span += 2) {
      spans.add(start + (words[span] as number), words[span + 1] as number);
    }
    const consumed = words[base + CHUNKED_CONSUMED] as number;
    this.#windowBytes = this.#nextWindow(consumed);
    return consumed;
  }

  /** After a long chunk the next framing only; else as many bytes as an engine takes at a time. */
  #nextWindow(consumed: number): number {
    const windowBytes = this.#windowBytes;
    if (consumed > windowBytes + LONG_BYTES_MIN) return FRAMING_WINDOW_BYTES;
    if (consumed < windowBytes) return Math.max(consumed, SHORT_WINDOW_BYTES);
    return Math.min(Math.max(2 * windowBytes, SHORT_WINDOW_BYTES), CHUNKED_WINDOW_BYTES);
  }
}
