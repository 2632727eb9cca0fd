// Owns the content of the request that a connection is receiving: its framing, its stream and its
// deadline, from the head to the last byte or the end of the connection. Knows no sockets.

import type { PoolWaiter } from "../core/pool-queue.ts";
import type { GatewayError } from "../http/errors.ts";
import { ContentDeadline } from "./content-deadline.ts";
import { ChunkedDecoder, type ContentDecoder, LengthDecoder } from "./content-decoder.ts";
import type { MessageError } from "./content-decoder.ts";
import type { WireLimits } from "./handler.ts";
import type { InputStage } from "./input-stage.ts";
import { type ContentSource, RequestContent } from "./request-content.ts";

export class IncomingContent {
  readonly stream: RequestContent;
  readonly #decoder: ContentDecoder;
  readonly #deadline: ContentDeadline;

  /** `length`: of the content, -1 when it is chunked. */
  constructor(
    length: number,
    connection: ContentSource & PoolWaiter,
    about: { stage: InputStage; limits: WireLimits; nowMs: number },
  ) {
    const { stage, limits, nowMs } = about;
    this.stream = new RequestContent(connection);
    this.#deadline = new ContentDeadline(limits, nowMs);
    this.#decoder =
      length >= 0
        ? new LengthDecoder(length)
        : new ChunkedDecoder(stage, connection, limits.contentBytesMax);
  }

  /** All of it has arrived. */
  get done(): boolean {
    return this.#decoder.done;
  }

  /** Some of it has arrived. */
  get begun(): boolean {
    return this.stream.received > 0;
  }

  /** Nothing can be received before a pool of the core has a place; the connection is told then. */
  get waiting(): boolean {
    return this.#decoder.waiting;
  }

  get error(): MessageError | null {
    return this.#decoder.error;
  }

  /** The reader is behind. */
  get full(): boolean {
    return this.stream.full;
  }

  /** What is left may be at most `bytes`. */
  mayEndWithin(bytes: number): boolean {
    return this.#decoder.mayEndWithin(bytes);
  }

  /** Takes bytes from `chunk` at `offset`; returns the offset behind the last one that it took. */
  receive(chunk: Buffer, offset: number, nowMs: number): number {
    const next = this.#decoder.decode(chunk, offset, this.stream);
    this.#deadline.progress(next - offset, nowMs);
    return next;
  }

  /** The time since the last byte was not the client's fault. */
  excuse(nowMs: number): void {
    this.#deadline.excuse(nowMs);
  }

  expired(nowMs: number): boolean {
    return this.#deadline.expired(nowMs);
  }

  /** Nobody reads on: what still arrives is dropped. */
  abandon(): void {
    this.stream.destroy();
  }

  /** Readers see an error unless all has arrived. */
  breakOff(error: GatewayError): void {
    this.stream.breakOff(error);
  }

  /** Gives back what the decoder holds in the core. */
  release(): void {
    this.#decoder.release();
  }
}
