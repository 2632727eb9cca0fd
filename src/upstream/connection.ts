// Owns one pooled connection to a target: an undici Client that knows its socket and how often it
// was used, which undici's Pool does not tell. Both are needed to judge a reset (stale connection
// or dead origin) and a stall.

import type { Socket } from "node:net";
import { type buildConnector, Client } from "undici";
import type { Connector, ConnectionCounts } from "./connector.ts";

export class Connection extends Client {
  /** The socket, connecting or connected; null before and after. */
  socket: Socket | null = null;
  /** Requests written to the present socket. */
  written = 0;
  /** The error that the present socket ended with. */
  socketError: Error | null = null;
  /** The origin sent FIN on the present socket. */
  originEnded = false;
  connecting = false;
  /** When the present socket was connected, on the clock of the connector. */
  openedMs = 0;

  constructor(url: URL, options: Client.Options, connector: Connector) {
    super(url, {
      ...options,
      connect: (_options: buildConnector.Options, callback: buildConnector.Callback) => {
        this.#open(connector, callback);
      },
    });
  }

  /** Gives up a connection attempt; the request that waits for it fails with `error`. */
  cancelConnect(error: Error): void {
    if (this.connecting) this.socket?.destroy(error);
  }

  #open(connector: Connector, callback: buildConnector.Callback): void {
    this.written = 0;
    this.socketError = null;
    this.originEnded = false;
    this.connecting = true;
    const socket = connector.open((error) => {
      this.connecting = false;
      this.openedMs = connector.nowMs();
      if (error === null) countUntilClosed(connector.counts, socket);
      if (error === null) callback(null, socket);
      else callback(error, null);
    });
    this.socket = socket;
    // Registered before undici's listeners, so that its callbacks see the error already.
    socket.on("error", (error) => {
      if (this.socket === socket) this.socketError = error;
    });
    socket.once("end", () => {
      if (this.socket === socket) this.originEnded = true;
    });
    socket.once("close", () => {
      if (this.socket === socket) this.socket = null;
    });
  }
}

function countUntilClosed(counts: ConnectionCounts, socket: Socket): void {
  counts.connectionsOpened += 1;
  counts.connectionsOpen += 1;
  socket.once("close", () => {
    counts.connectionsOpen -= 1;
  });
}
