// Hot. Owns one HTTP/1.1 connection to a target: its socket, the buffer that it is read into, and
// which attempt it serves. Bytes go to the attempt as they are read; who keeps them takes the
// buffer with them, else the next read overwrites it. Knows no messages.

import { connect, type Socket } from "node:net";
import type { GatewayError } from "../http/errors.ts";
import { contentHeld } from "../read-memory.ts";
import type { Connector } from "./connector.ts";
import { connectFailure } from "./failures.ts";
import { HEADROOM } from "./wire-response.ts";

/**
 * One read takes this much: a common 64 KiB of content with its head in one go, and a large
 * response in half as many reads and writes as what libuv would ask for.
 */
const READ_BYTES_MAX = 131_072;
/**
 * What a client's socket takes before it says stop, in the smallest pieces that are lent, and one
 * read ahead of it.
 */
const LENT_BUFFERS_MAX = 5;
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
  /** Bytes before what is read, in the same memory. */
  readonly headroom: number;
  readonly #keeper: ConnectionKeeper;
  readonly #connector: Connector;
  #connecting = true;
  #counted = false;
  /** Its user reads no more for the time being. */
  #stopped = false;
  #error: Error | null = null;
  /** What cleartext is read into; pages that no read reaches cost no memory. */
  #buffer: Buffer = NO_BYTES;
  /** Somebody keeps what was read last. */
  #bufferKept = true;
  #readBytes = 0;
  /** Its user tells when it needs no more of what was lent. */
  #comesBack = false;
  /** Buffers with bytes that are on their way to a client, and those that came back from there. */
  readonly #lent: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  constructor(connector: Connector, keeper: ConnectionKeeper, user: ConnectionUser) {
    this.#connector = connector;
    this.#keeper = keeper;
    this.user = user;
    this.headroom = connector.secure ? 0 : HEADROOM;
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

  /** The bytes of this `received` call stay as they are: the next read goes elsewhere. */
  lendBuffer(chunk: Buffer): void {
    if (chunk === this.#buffer) this.#bufferKept = true;
  }

  /** Nobody needs any more what was lent, but for `held`. */
  takeBack(held: Buffer | null): void {
    this.#comesBack = true;
    this.#bufferKept = false;
    if (this.#lent.length === 0) return;
    const kept = held === null ? -1 : this.#lent.findIndex(({ buffer }) => buffer === held.buffer);
    const [still] = kept < 0 ? [] : this.#lent.splice(kept, 1);
    this.#spare.push(...this.#lent);
    this.#lent.length = 0;
    if (still !== undefined) this.#lent.push(still);
  }

  /**
   * It serves nobody: it hears what the origin server does, and what its user has lent does not
   * come back by the next one, because bytes of it may still be sent.
   */
  rest(): void {
    this.user = null;
    if (this.#stopped) this.resumeReading();
    if (this.#bufferKept) this.#buffer = NO_BYTES;
    this.#comesBack = false;
    this.#lent.length = 0;
    this.#spare.length = 0;
  }

  #nextBuffer(): Buffer {
    if (this.#bufferKept) {
      const isLent = this.#comesBack && this.#buffer.length > 0;
      if (isLent && this.#lent.length < LENT_BUFFERS_MAX) this.#lent.push(this.#buffer);
      else contentHeld(this.#readBytes);
      this.#buffer = this.#spare.pop() ?? newBuffer();
    }
    this.#bufferKept = false;
    return this.#buffer;
  }

  resumeReading(): void {
    this.#stopped = false;
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
    if (this.user !== null) {
      this.#stopped = !this.user.received(chunk, length);
      return !this.#stopped;
    }
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

function newBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(HEADROOM + READ_BYTES_MAX).subarray(HEADROOM);
}
