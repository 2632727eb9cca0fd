// Owns the framing of one request's content: how many bytes of what the socket delivers belong to
// it, and which of them are content (RFC 9112 sections 6 and 7). Knows no sockets; the connection
// feeds it.

import {
  CHUNKED_ERROR_CODE,
  CHUNKED_ERROR_OFFSET_HIGH,
  CHUNKED_ERROR_OFFSET_LOW,
  STATUS_COMPLETE,
  STATUS_ERROR,
} from "../../assembly/layout.ts";
import { ChunkedWindow } from "../core/chunked-window.ts";
import { ContentSpans } from "../core/content-spans.ts";
import { PARSE_ERRORS } from "../core/parse-errors.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import { decodeTrailers } from "../http/decoded-fields.ts";
import type { InputStage } from "./input-stage.ts";
import type { RequestContent } from "./request-content.ts";

const WORD = 0x1_0000_0000;

/**
 * Why a message was refused: a status, a name from a fixed set, and what is wrong without any of
 * its bytes.
 */
export interface MessageError {
  readonly status: number;
  readonly error: string;
  readonly detail: string;
}

/** One call of `decode` consumes at least a byte, or ends the content, or sets `error`. */
export interface ContentDecoder {
  readonly done: boolean;
  readonly error: MessageError | null;
  /** Nothing can be decoded before a decoder state is free; the waiter is called then. */
  readonly waiting: boolean;
  /** Whether what is left is known to be at most `bytes`. */
  mayEndWithin(bytes: number): boolean;
  /** Takes content from `chunk` at `offset`; returns the offset behind what it consumed. */
  decode(chunk: Buffer, offset: number, content: RequestContent): number;
  /** Gives back what the decoder holds in the core. */
  release(): void;
}

export class LengthDecoder implements ContentDecoder {
  readonly error = null;
  readonly waiting = false;
  #remaining: number;

  constructor(length: number) {
    this.#remaining = length;
  }

  get done(): boolean {
    return this.#remaining === 0;
  }

  mayEndWithin(bytes: number): boolean {
    return this.#remaining <= bytes;
  }

  decode(chunk: Buffer, offset: number, content: RequestContent): number {
    const end = Math.min(chunk.length, offset + this.#remaining);
    this.#remaining -= end - offset;
    content.accept(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end));
    if (this.#remaining === 0) content.finish();
    return end;
  }

  release(): void {}
}

export class ChunkedDecoder implements ContentDecoder {
  done = false;
  error: MessageError | null = null;
  waiting = false;
  readonly #stage: InputStage;
  readonly #waiter: PoolWaiter;
  readonly #contentBytesMax: number;
  readonly #window: ChunkedWindow;
  readonly #spans = new ContentSpans();
  /** Address of the decoder's state in the core; 0 before the first content. */
  #state = 0;
  #received = 0;

  constructor(stage: InputStage, waiter: PoolWaiter, contentBytesMax: number) {
    this.#stage = stage;
    this.#waiter = waiter;
    this.#contentBytesMax = contentBytesMax;
    this.#window = new ChunkedWindow(stage.core, stage.core);
  }

  /**
   * An unfinished chunked message may always end with its next bytes: it is drained until the
   * bound.
   */
  mayEndWithin(): boolean {
    return true;
  }

  decode(chunk: Buffer, offset: number, content: RequestContent): number {
    const { core } = this.#stage;
    if (this.#state === 0) {
      this.#state = this.#stage.decoders.acquire(this.#waiter);
      this.waiting = this.#state === 0;
      if (this.waiting) return offset;
    }
    const window = this.#window;
    this.#spans.begin(chunk);
    const status = window.decode(this.#state, chunk, offset, chunk.length, this.#spans);
    const part = joined(this.#spans, chunk);
    if (part !== null) {
      this.#received += part.length;
      content.accept(part);
    }
    if (status === STATUS_ERROR) {
      this.error = chunkedRefusal(core.words, this.#state >>> 2);
    } else if (this.#received > this.#contentBytesMax) {
      this.error = contentTooLarge(this.#contentBytesMax);
    } else if (status === STATUS_COMPLETE) {
      this.done = true;
      content.finish(decodeTrailers(core, this.#stage.memory, this.#state));
    }
    return offset + window.consumed;
  }

  release(): void {
    if (this.#state !== 0) this.#stage.decoders.release(this.#state);
    this.#state = 0;
  }
}

/**
 * The content of one read; null where there is none. Several chunks become one buffer: a client
 * that sends a byte a chunk must not cost an object for each, nor keep all its framing in memory.
 */
function joined(spans: ContentSpans, chunk: Buffer): Buffer | null {
  if (spans.byteLength === 0) return null;
  if (spans.count === 1) return chunk.subarray(spans.start(0), spans.end(0));
  const content = Buffer.allocUnsafe(spans.byteLength);
  let at = 0;
  const { offsets } = spans;
  for (let index = 0; index < spans.count * 2; index += 2) {
    at += chunk.copy(content, at, offsets[index], offsets[index + 1]);
  }
  return content;
}

export function contentTooLarge(bytesMax: number): MessageError {
  return {
    status: 413,
    error: "content_too_large",
    detail: `request content is larger than ${bytesMax} bytes`,
  };
}

/** What the answer says of an ERROR_* code: its name, where it is, why, by which section. */
export function parseRefusal(code: number, place: string): MessageError {
  const row = PARSE_ERRORS[code];
  if (row === undefined) throw new Error("the core reported an error code without a row");
  const { name, reason, section, status } = row;
  return { status, error: name, detail: `${name} at ${place}: ${reason} (${section})` };
}

/** Of a chunked decoder's state at word index `base`. */
function chunkedRefusal(words: Uint32Array, base: number): MessageError {
  const high = words[base + CHUNKED_ERROR_OFFSET_HIGH] ?? 0;
  const offset = high * WORD + (words[base + CHUNKED_ERROR_OFFSET_LOW] ?? 0);
  return parseRefusal(words[base + CHUNKED_ERROR_CODE] ?? 0, `byte ${offset} of the chunked body`);
}
