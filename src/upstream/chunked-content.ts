// Hot. Owns the chunked content of one response: the decoder's state in the core, and content out
// of its chunks (RFC 9112 section 7.1). Knows no sockets.

import {
  CHUNKED_CONSUMED,
  CHUNKED_SPAN_COUNT,
  CHUNKED_SPANS,
  STATUS_COMPLETE,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import type { FieldLines } from "../http/message.ts";
import { contentHeld } from "../read-memory.ts";
import type { OriginIo } from "./origin-io.ts";

export class ChunkedContent {
  /** STATUS_* of the last `decode`. */
  status = STATUS_INCOMPLETE as number;
  /** Content among the bytes that it consumed, in one piece; null for none. */
  content: Buffer | null = null;
  /** Valid after STATUS_COMPLETE. */
  trailers: FieldLines = [];
  readonly #io: OriginIo;
  readonly #waiter: PoolWaiter;
  /** The decoder's state; 0 before the first content. */
  #state = 0;

  constructor(io: OriginIo, waiter: PoolWaiter) {
    this.#io = io;
    this.#waiter = waiter;
  }

  /**
   * Takes content from `chunk`; returns the offset behind what it consumed. That is `offset` when
   * no decoder is free: the waiter is called when one is.
   */
  decode(chunk: Buffer, offset: number, length: number): number {
    const { core, memory, input, pools } = this.#io;
    this.content = null;
    if (this.#state === 0) this.#state = pools.decoders.acquire(this.#waiter);
    if (this.#state === 0) return offset;
    const end = Math.min(length, offset + core.headBytesMax);
    chunk.copy(memory, input, offset, end);
    this.status = core.decodeChunked(this.#state, input, end - offset);
    const base = this.#state >>> 2;
    this.content = gather(core.words, base, chunk, offset);
    if (this.status === STATUS_COMPLETE) this.trailers = this.#io.decodeTrailers(this.#state);
    return offset + (core.words[base + CHUNKED_CONSUMED] ?? 0);
  }

  release(): void {
    if (this.#state !== 0) this.#io.pools.decoders.release(this.#state);
    this.#state = 0;
  }
}

/** The content among what the decoder has just consumed, in one piece; null for none. */
function gather(words: Uint32Array, base: number, chunk: Buffer, offset: number): Buffer | null {
  const spans = words[base + CHUNKED_SPAN_COUNT] ?? 0;
  let total = 0;
  for (let index = 0; index < spans; index++) {
    total += words[base + CHUNKED_SPANS + index * 2 + 1] ?? 0;
  }
  if (total === 0) return null;
  contentHeld(total);
  const content = Buffer.allocUnsafe(total);
  let at = 0;
  for (let index = 0; index < spans; index++) {
    const start = offset + (words[base + CHUNKED_SPANS + index * 2] ?? 0);
    const length = words[base + CHUNKED_SPANS + index * 2 + 1] ?? 0;
    chunk.copy(content, at, start, start + length);
    at += length;
  }
  return content;
}
