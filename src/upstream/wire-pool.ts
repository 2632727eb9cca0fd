// Hot. Owns the HTTP/1.1 connections to one target: which are idle, which is taken next, when an
// idle one is closed (RFC 9112 section 9.3).

import type { Connector } from "./connector.ts";
import { type ConnectionKeeper, type ConnectionUser, WireConnection } from "./wire-connection.ts";

export interface WirePoolLimits {
  /** How many connections there may be, idle ones included. */
  readonly connections: number;
  readonly keepAliveMs: number;
  /** Age at which a connection is closed instead of becoming idle; 0 for never. */
  readonly ageMaxMs: number;
  /** Requests after which it is; 0 for no limit. */
  readonly requestsMax: number;
}

/** How often idle connections are looked through. */
const SWEEP_MS = 500;

export class WirePool implements ConnectionKeeper {
  readonly #connector: Connector;
  readonly #limits: WirePoolLimits;
  readonly #now: () => number;
  /** The last one used is taken first, so that the others may time out when there is less to do. */
  readonly #idle: WireConnection[] = [];
  readonly #all = new Set<WireConnection>();
  #sweeper: NodeJS.Timeout | null = null;

  /** `now`: monotonic time, in milliseconds. */
  constructor(connector: Connector, limits: WirePoolLimits, now: () => number) {
    this.#connector = connector;
    this.#limits = limits;
    this.#now = now;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** An idle connection for `user`, or undefined. */
  take(user: ConnectionUser): WireConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      // One that the origin server has closed meanwhile leaves by itself.
      if (connection.ended || connection.socket.destroyed) continue;
      connection.user = user;
      return connection;
    }
  }

  /**
   * Opens a connection; the user hears `connected` or `connectFailed`, never before this returns.
   */
  open(user: ConnectionUser): WireConnection {
    const connection = new WireConnection(this.#connector, this, user);
    this.#all.add(connection);
    return connection;
  }

  /**
   * Takes a connection back after a complete exchange that leaves it usable. `hintMs`: how long the
   * origin server says that it keeps it; Infinity where it says nothing.
   */
  giveBack(connection: WireConnection, hintMs: number): void {
    const nowMs = this.#now();
    const { connections, keepAliveMs, ageMaxMs, requestsMax } = this.#limits;
    const isOld = ageMaxMs > 0 && nowMs - connection.openedMs >= ageMaxMs;
    const isUsedUp = requestsMax > 0 && connection.written >= requestsMax;
    // A retry on a fresh connection may have opened one too many.
    const isSurplus = this.#all.size > connections;
    const idleMs = Math.min(keepAliveMs, hintMs);
    if (isOld || isUsedUp || isSurplus || idleMs <= 0 || connection.ended) {
      connection.destroy();
      return;
    }
    connection.rest();
    connection.idleUntilMs = nowMs + idleMs;
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  idleClosed(connection: WireConnection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  forget(connection: WireConnection): void {
    this.#all.delete(connection);
  }

  destroy(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    for (const connection of this.#all) connection.destroy();
  }

  #sweep(): void {
    const nowMs = this.#now();
    for (const connection of this.#idle) {
      if (connection.idleUntilMs <= nowMs) connection.destroy();
    }
    if (this.#idle.length > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}
