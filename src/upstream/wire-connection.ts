// Hot. Owns one HTTP/1.1 connection to a target: its socket, the buffer that it is read into, and
// which attempt it serves. Bytes go to the attempt as they are read; who keeps them takes the
// buffer with them, else the next read overwrites it. Knows no messages.

import { connect, type Socket } from "node:net";
import type { GatewayError } from "../http/errors.ts";
import { contentHeld } from "../read-memory.ts";
import type { Connector } from "./connector.ts";
import { connectFailure } from "./failures.ts";

/**
 * One read takes this much: a common 64 KiB of content with its head in one go, and a large
 * response in half as many reads and writes as what libuv would ask for.
 */
const READ_BYTES_MAX = 131_072;
const NO_BYTES = Buffer.alloc(0);

/** Whom a connection serves at the moment. */
export interface ConnectionUser {
  connected(): void;
  /**
   * Bytes arrived; they are valid during the call, and longer after `lendBuffer`. False: read no
   * more until `resumeReading`.
   */
  received(chunk: Buffer, length: number): boolean;
  drained(): void;
  /** The connection has ended, by FIN (null) or by an error. Nothing follows. */
  closed(error: Error | null): void;
  connectFailed(error: GatewayError): void;
}

/** Who keeps connections that serve nobody. */
export interface ConnectionKeeper {
  /** An idle connection has closed. */
  idleClosed(connection: WireConnection): void;
  /** One that no longer counts as open. */
  forget(connection: WireConnection): void;
}

export class WireConnection {
  user: ConnectionUser | null = null;
  /** Requests written to it. */
  written = 0;
  openedMs = 0;
  /** Until when it may be idle, on the host's clock. */
  idleUntilMs = 0;
  /** The origin server has sent FIN. */
  ended = false;
  readonly socket: Socket;
  readonly #keeper: ConnectionKeeper;
  readonly #connector: Connector;
  #connecting = true;
  #counted = false;
  #error: Error | null = null;
  /** What cleartext is read into; pages that no read reaches cost no memory. */
  #buffer: Buffer = NO_BYTES;
  /** Somebody keeps what was read last. */
  #bufferKept = true;
  #readBytes = 0;

  constructor(connector: Connector, keeper: ConnectionKeeper, user: ConnectionUser) {
    this.#connector = connector;
    this.#keeper = keeper;
    this.user = user;
    if (connector.secure) {
      this.socket = connector.open((error) => this.#opened(error));
      this.socket.on("data", (chunk: Buffer) => {
        contentHeld(chunk.length);
        if (!this.#read(chunk, chunk.length)) this.socket.pause();
      });
    } else {
      this.socket = connect({
        ...connector.address,
        noDelay: true,
        keepAlive: true,
        onread: {
          buffer: () => this.#nextBuffer(),
          callback: (length) => this.#read(this.#buffer, length),
        },
      });
      this.socket.once("connect", () => this.#opened(null));
    }
    this.#listen();
  }

  #listen(): void {
    const { socket } = this;
    socket.on("drain", () => this.user?.drained());
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("close", () => this.#closed());
  }

  /** The bytes of the `received` call under way stay as they are: the next read gets new memory. */
  lendBuffer(): void {
    this.#bufferKept = true;
  }

  /** Nobody needs them any more, still in that call. */
  takeBack(): void {
    this.#bufferKept = false;
  }

  #nextBuffer(): Buffer {
    if (this.#bufferKept) {
      contentHeld(this.#readBytes);
      this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);
    }
    this.#bufferKept = false;
    return this.#buffer;
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Ends it at once; its user hears nothing. */
  destroy(): void {
    this.user = null;
    this.#uncount();
    this.socket.destroy();
  }

  /** A connection that is given up counts no more, although its socket closes a little later. */
  #uncount(): void {
    if (this.#counted) this.#connector.counts.connectionsOpen -= 1;
    this.#counted = false;
  }

  #opened(error: GatewayError | null): void {
    if (error !== null) {
      this.#error = error;
      return;
    }
    this.#connecting = false;
    this.#counted = true;
    this.#connector.counts.connectionsOpened += 1;
    this.#connector.counts.connectionsOpen += 1;
    this.openedMs = this.#connector.nowMs();
    this.user?.connected();
  }

  #read(chunk: Buffer, length: number): boolean {
    this.#readBytes = length;
    if (this.user !== null) return this.user.received(chunk, length);
    // Nothing was asked: what speaks first on an idle connection cannot be trusted with the next
    // request.
    this.socket.destroy();
    return false;
  }

  #closed(): void {
    const { user } = this;
    this.user = null;
    this.#uncount();
    this.#keeper.forget(this);
    if (user === null) this.#keeper.idleClosed(this);
    else if (this.#connecting) user.connectFailed(connectFailure(this.#error, "tcp"));
    else user.closed(this.#error);
  }
}
