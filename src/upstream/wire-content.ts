// Owns the content of a request on its way into a connection: its framing, its pace, and its end
// (RFC 9112 sections 6 and 7.1). Knows no responses.

import type { Socket } from "node:net";
import type { Readable } from "node:stream";

export interface ContentEvents {
  /** Some content was written, or the origin server has taken some. */
  contentMoved(): void;
  /** All of it was written. */
  contentSent(): void;
  /** It ended before its end, or is not as long as it was said to be. */
  contentBroken(): void;
}

export class ContentSender {
  /** All content was written. */
  done = false;
  readonly #content: Readable;
  readonly #socket: Socket;
  /** Content-Length; -1 sends it chunked. */
  readonly #length: number;
  readonly #events: ContentEvents;
  #started = false;
  #stopped = false;
  #sentBytes = 0;

  constructor(content: Readable, socket: Socket, length: number, events: ContentEvents) {
    this.#content = content;
    this.#socket = socket;
    this.#length = length;
    this.#events = events;
    content.on("close", this.#onClose);
    if (content.destroyed) process.nextTick(this.#onClose);
  }

  /** Starts to read; does nothing the second time. */
  start(): void {
    if (this.#started || this.#stopped) return;
    this.#started = true;
    this.#content.on("data", this.#onData);
    this.#content.on("end", this.#onEnd);
  }

  /** The socket takes more. */
  drained(): void {
    if (this.#started && !this.#stopped) this.#content.resume();
  }

  /** Sends no more. Content that was begun is of no use to anyone else. */
  stop(): void {
    this.#stopped = true;
    this.#content.off("close", this.#onClose);
    this.#content.off("data", this.#onData);
    this.#content.off("end", this.#onEnd);
    if (this.#started && !this.done) this.#content.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#stopped || chunk.length === 0) return;
    this.#sentBytes += chunk.length;
    if (this.#length >= 0 && this.#sentBytes > this.#length) {
      this.#events.contentBroken();
      return;
    }
    this.#events.contentMoved();
    if (!this.#write(chunk)) this.#content.pause();
  };

  #write(chunk: Buffer): boolean {
    const socket = this.#socket;
    if (this.#length >= 0) return socket.write(chunk);
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    socket.write(chunk);
    const more = socket.write("\r\n", "latin1");
    socket.uncork();
    return more;
  }

  readonly #onEnd = (): void => {
    if (this.#stopped) return;
    if (this.#length >= 0 && this.#sentBytes !== this.#length) {
      this.#events.contentBroken();
      return;
    }
    // RFC 9112 section 7.1: the last chunk, without trailers.
    if (this.#length < 0) this.#socket.write("0\r\n\r\n", "latin1");
    this.done = true;
    this.#events.contentSent();
  };

  readonly #onClose = (): void => {
    if (!this.#stopped && !this.done && !this.#content.readableEnded) this.#events.contentBroken();
  };
}
