// Hot. Owns what leaves a socket: parts in one gathered write, and the deadline for a client that
// takes nothing.

import type { Socket } from "node:net";

/** Writes a response that is in one piece, or in two. */
export function writeParts(socket: Socket, first: Uint8Array, second: Uint8Array | null): void {
  if (second === null) {
    socket.write(first);
    return;
  }
  socket.cork();
  socket.write(first);
  socket.write(second);
  socket.uncork();
}

/**
 * Resets a connection whose client takes nothing. Node's socket timeout knows whether the kernel
 * makes progress with a write; it runs only while one is pending, so that a connection that flows
 * does not pay for it.
 */
export class SendWatch {
  readonly #socket: Socket;
  readonly #stallMs: number;
  #running = false;

  /** The owner of the socket handles its "timeout". */
  constructor(socket: Socket, stallMs: number) {
    this.#socket = socket;
    this.#stallMs = stallMs;
  }

  /** Called every now and then. */
  sweep(): void {
    const pending = this.#socket.writableLength > 0;
    if (pending === this.#running) return;
    this.#running = pending;
    this.#socket.setTimeout(pending ? this.#stallMs : 0);
  }
}

/**
 * Ends a connection so that its peer cannot take it for a clean end. Node never closes a socket
 * that is reset while its own end is on the way; such a one is destroyed.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
