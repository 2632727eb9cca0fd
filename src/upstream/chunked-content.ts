// Hot. Owns the chunked content of one response: the decoder's state in the core, and content out
// of its chunks (RFC 9112 section 7.1). Knows no sockets.

import { STATUS_COMPLETE, STATUS_INCOMPLETE } from "../../assembly/layout.ts";
import { ChunkedWindow } from "../core/chunked-window.ts";
import { ContentSpans } from "../core/content-spans.ts";
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
  readonly #window: ChunkedWindow;
  readonly #spans = new ContentSpans();
  /** The decoder's state; 0 before the first content. */
  #state = 0;

  constructor(io: OriginIo, waiter: PoolWaiter) {
    this.#io = io;
    this.#waiter = waiter;
    this.#window = new ChunkedWindow(io.core, io.core);
  }

  /**
   * Takes content from `chunk`; returns the offset behind what it consumed. That is `offset` when
   * no decoder is free: the waiter is called when one is.
   */
  decode(chunk: Buffer, offset: number, length: number): number {
    const { pools } = this.#io;
    this.content = null;
    if (this.#state === 0) this.#state = pools.decoders.acquire(this.#waiter);
    if (this.#state === 0) return offset;
    const window = this.#window;
    this.#spans.begin(chunk);
    this.status = window.decode(this.#state, chunk, offset, length, this.#spans);
    this.content = gather(this.#spans, chunk);
    if (this.status === STATUS_COMPLETE) this.trailers = this.#io.decodeTrailers(this.#state);
    return offset + window.consumed;
  }

  release(): void {
    if (this.#state !== 0) this.#io.pools.decoders.release(this.#state);
    this.#state = 0;
  }
}

/** The content of one read in one piece; null for none. */
function gather(spans: ContentSpans, chunk: Buffer): Buffer | null {
  if (spans.byteLength === 0) return null;
  contentHeld(spans.byteLength);
  const content = Buffer.allocUnsafe(spans.byteLength);
  let at = 0;
  const { offsets } = spans;
  for (let index = 0; index < spans.count * 2; index += 2) {
    at += chunk.copy(content, at, offsets[index], offsets[index + 1]);
  }
  return content;
}
