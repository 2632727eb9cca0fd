// Hot. Owns the way of a response that no cache may touch: from the origin call to the one exchange
// that asked for it, at that exchange's pace. Has the shape of the cache's fills.

import type { FillReader, FillTicket } from "../cache/collapse.ts";
import { contentLengthOf } from "../cache/fill-contract.ts";
import type { GatewayError } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { OriginCall, OriginHandler } from "../upstream/attempt.ts";

export interface DirectReader extends FillReader {
  /** `headroom` bytes before the chunk, in its memory, are the reader's too. */
  onData(chunk: Uint8Array, headroom?: number): boolean;
  /** Of the content that it was given it needs nothing any more. */
  readonly flushed: boolean;
}

export class DirectFill implements OriginHandler, FillTicket {
  readonly #reader: DirectReader;
  #call: OriginCall | null = null;

  constructor(reader: DirectReader) {
    this.#reader = reader;
  }

  attach(call: OriginCall): void {
    this.#call = call;
  }

  onInterim(head: ResponseHead): void {
    this.#reader.onInterim(head);
  }

  onHead(head: ResponseHead): void {
    const cacheStatus = `edgelane; fwd=bypass; fwd-status=${head.status}`;
    const fields = [...head.fields, "Cache-Status", cacheStatus];
    this.#reader.onHead({ ...head, fields }, contentLengthOf(head));
  }

  onData(chunk: Uint8Array, headroom: number): boolean {
    const more = this.#reader.onData(chunk, headroom);
    if (this.#reader.flushed) this.#call?.giveBack();
    return more;
  }

  onEnd(trailers: FieldLines): void {
    this.#reader.onEnd(trailers);
  }

  onError(error: GatewayError): void {
    this.#reader.onError(error);
  }

  resume(): void {
    if (this.#reader.flushed) this.#call?.giveBack();
    this.#call?.resume();
  }

  leave(): void {
    this.#call?.abort();
  }
}
