// Owns the content of one request as a stream: what the connection decodes goes in, the gateway
// reads it out, and a reader that is slow pauses the connection. Knows no framing.

import { Readable } from "node:stream";
import type { GatewayError } from "../http/errors.ts";
import type { FieldLines } from "../http/message.ts";
import { contentHeld } from "../read-memory.ts";

/** The side of the connection that a content stream may ask for more. */
export interface ContentSource {
  /** The reader can take more: resume reading the socket. */
  contentWanted(): void;
}

export class RequestContent extends Readable {
  readonly #source: ContentSource;
  /** Content bytes decoded so far. */
  received = 0;
  /** All content has arrived. */
  complete = false;
  /** What came behind the last chunk (RFC 9112 section 7.1.2); empty before the end. */
  trailers: FieldLines = NO_FIELDS;
  /** The reader is behind: stop reading the socket until `contentWanted`. */
  full = false;

  constructor(source: ContentSource) {
    super({ highWaterMark: CONTENT_BUFFER_BYTES, autoDestroy: true, emitClose: true });
    this.#source = source;
    // A broken upload is reported through the exchange; without a listener it would end the
    // process.
    this.on("error", ignoreReportedError);
  }

  override _read(): void {
    this.full = false;
    this.#source.contentWanted();
  }

  /** `chunk` is the connection's, which reads into it again: what a reader may get is a copy. */
  accept(chunk: Buffer): void {
    this.received += chunk.length;
    contentHeld(chunk.length);
    // A stream that nobody reads any more takes everything: its bytes are being drained.
    this.full = !this.destroyed && !this.push(Buffer.from(chunk));
  }

  finish(trailers: FieldLines = NO_FIELDS): void {
    this.complete = true;
    this.trailers = trailers;
    if (!this.destroyed) this.push(null);
  }

  /** The client broke its content off: readers see an error, never a clean end. */
  breakOff(error: GatewayError): void {
    if (!this.complete) this.destroy(error);
  }
}

/** Bytes held for a slow reader before the socket is paused: one read of the socket. */
const CONTENT_BUFFER_BYTES = 65_536;

const NO_FIELDS: FieldLines = [];

function ignoreReportedError(): void {}
