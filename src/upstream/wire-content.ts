// Owns the content of a request on its way to an origin: its pace, its length, its end, and how
// HTTP/1.1 frames it (RFC 9112 sections 6 and 7.1). Knows no responses.

import type { Readable, Writable } from "node:stream";
import type { OriginRequest } from "./attempt.ts";
import { renderLastChunk } from "./wire-request.ts";

export interface ContentEvents {
  /** Some content was written, or the origin server has taken some. */
  contentMoved(): void;
  /** All of it was written. */
  contentSent(): void;
  /** It ended before its end, or is not as long as it was said to be. */
  contentBroken(): void;
}

/** Where content goes. */
export interface ContentSink {
  /** False: no more until `drained`. */
  write(chunk: Buffer): boolean;
  /** All of it was written. */
  finish(): void;
}

export class ContentSender {
  /** All content was written. */
  done = false;
  readonly #content: Readable;
  readonly #sink: ContentSink;
  /** Content-Length; -1 where it is not known. */
  readonly #length: number;
  readonly #events: ContentEvents;
  /** Content was asked for: it can go to nobody else any more. */
  started = false;
  #stopped = false;
  #sentBytes = 0;

  constructor(content: Readable, sink: ContentSink, length: number, events: ContentEvents) {
    this.#content = content;
    this.#sink = sink;
    this.#length = length;
    this.#events = events;
    content.on("close", this.#onClose);
    if (content.destroyed) process.nextTick(this.#onClose);
  }

  /** Starts to read; does nothing the second time. */
  start(): void {
    if (this.started || this.#stopped) return;
    this.started = true;
    this.#content.on("data", this.#onData);
    this.#content.on("end", this.#onEnd);
  }

  /** The socket takes more. */
  drained(): void {
    if (this.started && !this.#stopped) this.#content.resume();
  }

  /** Sends no more. Content that was begun is of no use to anyone else. */
  stop(): void {
    this.#stopped = true;
    this.#content.off("close", this.#onClose);
    this.#content.off("data", this.#onData);
    this.#content.off("end", this.#onEnd);
    if (this.started && !this.done) this.#content.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#stopped || chunk.length === 0) return;
    this.#sentBytes += chunk.length;
    if (this.#length >= 0 && this.#sentBytes > this.#length) {
      this.#events.contentBroken();
      return;
    }
    this.#events.contentMoved();
    if (!this.#sink.write(chunk)) this.#content.pause();
  };

  readonly #onEnd = (): void => {
    if (this.#stopped) return;
    if (this.#length >= 0 && this.#sentBytes !== this.#length) {
      this.#events.contentBroken();
      return;
    }
    this.#sink.finish();
    this.done = true;
    this.#events.contentSent();
  };

  readonly #onClose = (): void => {
    if (!this.#stopped && !this.done && !this.#content.readableEnded) this.#events.contentBroken();
  };
}

/** A connection as the sink of a request's content; of a length that is not known, chunked. */
export function framedSink(socket: Writable, request: OriginRequest): ContentSink {
  return request.bodyLength < 0 ? new ChunkedSink(socket, request.trailers) : new PlainSink(socket);
}

class PlainSink implements ContentSink {
  readonly #socket: Writable;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  write(chunk: Buffer): boolean {
    return this.#socket.write(chunk);
  }

  finish(): void {}
}

class ChunkedSink implements ContentSink {
  readonly #socket: Writable;
  readonly #trailers: OriginRequest["trailers"];

  constructor(socket: Writable, trailers: OriginRequest["trailers"]) {
    this.#socket = socket;
    this.#trailers = trailers;
  }

  write(chunk: Buffer): boolean {
    const socket = this.#socket;
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    socket.write(chunk);
    const more = socket.write("\r\n", "latin1");
    socket.uncork();
    return more;
  }

  finish(): void {
    this.#socket.write(renderLastChunk(this.#trailers?.() ?? []), "latin1");
  }
}
