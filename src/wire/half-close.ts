// Owns the question whether a client that has ended its side of the connection still waits for its
// response (a half-close) or is gone: the same FIN says both, and only the answer to something sent
// tells them apart.

import type { Socket } from "node:net";
import type { H1Exchange } from "./h1-exchange.ts";

/** How long a half-closed client's connection is silent before it is asked. */
const PROBE_AFTER_MS = 40;
/** A client that goes on waiting is asked less and less often. */
const PROBE_INTERVAL_MS_MAX = 10_000;

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
    // A client that has gone answers bytes with a reset, which closes the socket and ends the
    // exchange.
    if (moving) probeHalfClosed(exchange, socket, gone);
    else if (!exchange.probe()) gone();
    else probeHalfClosed(exchange, socket, gone, Math.min(afterMs * 2, PROBE_INTERVAL_MS_MAX));
  }, afterMs);
  timer.unref();
}
