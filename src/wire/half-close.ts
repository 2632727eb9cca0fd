// Owns the question whether a client that has ended its side of the connection still waits for its
// response (a half-close) or is gone: the same FIN says both, and only the answer to something sent
// tells them apart.

import type { Socket } from "node:net";
import type { H1Exchange } from "./h1-exchange.ts";

/** How long a half-closed client's connection is silent before it is asked. */
const PROBE_AFTER_MS = 40;
/** How long the reset of a client that is near may take. */
const RESET_AFTER_MS = 20;
/** A client that goes on waiting is asked less and less often. */
const PROBE_INTERVAL_MS_MAX = 10_000;

const NO_BYTES = Buffer.alloc(0);

/** Asks until the exchange has ended; calls `gone` where nothing can be asked and nothing moves. */
export function probeHalfClosed(
  exchange: H1Exchange,
  socket: Socket,
  gone: () => void,
  afterMs = PROBE_AFTER_MS,
): void {
  const sentBytes = socket.bytesWritten;
  const timer = setTimeout(() => {
    if (exchange.ended) return;
    const moving = socket.bytesWritten !== sentBytes || socket.writableLength > 0;
    if (moving) {
      probeHalfClosed(exchange, socket, gone);
    } else if (exchange.probe()) {
      noticeReset(socket);
      probeHalfClosed(exchange, socket, gone, Math.min(afterMs * 2, PROBE_INTERVAL_MS_MAX));
    } else {
      gone();
    }
  }, afterMs);
  timer.unref();
}

/**
 * A client that has gone answers bytes with a reset. Nobody reads behind its FIN, so only the next
 * write fails with it, even one of no bytes: that closes the socket and ends the exchange.
 */
function noticeReset(socket: Socket): void {
  const timer = setTimeout(() => {
    if (socket.writable) socket.write(NO_BYTES);
  }, RESET_AFTER_MS);
  timer.unref();
}
