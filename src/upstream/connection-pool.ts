// Owns the connections to one target: which are idle, which is taken next, which are given up. Hot.
// Measured: undici's own Pool looks through all its clients twice for each request, a fifth of a
// proxied request's time at 100 of them.

import type { Client, Dispatcher } from "undici";
import { Connection } from "./connection.ts";
import type { Connector } from "./connector.ts";
import type { PooledAttempt } from "./pooled-attempt.ts";

export interface PoolLimits {
  /** Age at which a connection is closed instead of becoming idle; 0 for never. */
  readonly ageMaxMs: number;
}

export class ConnectionPool {
  readonly #url: URL;
  readonly #options: Client.Options;
  readonly #connector: Connector;
  readonly #ageMaxMs: number;
  /** The last one used is taken first, so that the others may time out when there is less to do. */
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #starting: PooledAttempt[] = [];

  constructor(url: URL, options: Client.Options, connector: Connector, limits: PoolLimits) {
    this.#url = url;
    this.#options = options;
    this.#connector = connector;
    this.#ageMaxMs = limits.ageMaxMs;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /**
   * Has a connection take the attempt: at the end of this turn, because undici's parser is one for
   * all connections and does not bear a dispatch from within its callbacks.
   */
  dispatch(attempt: PooledAttempt): void {
    if (this.#starting.push(attempt) === 1) process.nextTick(this.#dispatchStarting);
  }

  /**
   * Takes a connection back after a complete exchange. It may be about to close; then it leaves
   * again by itself.
   */
  giveBack(connection: Connection, nowMs: number): void {
    if (connection.socket === null) {
      this.#all.delete(connection);
    } else if (this.#ageMaxMs > 0 && nowMs - connection.openedMs >= this.#ageMaxMs) {
      this.#all.delete(connection);
      void connection.close();
    } else {
      this.#idle.push(connection);
    }
  }

  /** Drops a connection whose exchange failed, with its socket if that is still open. */
  giveUp(connection: Connection): void {
    this.#all.delete(connection);
    if (connection.socket !== null) void connection.destroy();
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#all].map((connection) => connection.destroy()));
  }

  readonly #dispatchStarting = (): void => {
    const attempts = this.#starting;
    this.#starting = [];
    for (const attempt of attempts) {
      if (attempt.abandoned) attempt.discard();
      else this.#dispatch(attempt);
    }
  };

  #dispatch(attempt: PooledAttempt): void {
    const idle = attempt.reset === true ? undefined : this.#idle.pop();
    const connection = idle ?? this.#create();
    attempt.connection = connection;
    connection.dispatch(attempt as Dispatcher.DispatchOptions, attempt);
  }

  #create(): Connection {
    const connection = new Connection(this.#url, this.#options, this.#connector);
    this.#all.add(connection);
    connection.on("disconnect", () => {
      const index = this.#idle.indexOf(connection);
      if (index < 0) return;
      this.#idle.splice(index, 1);
      this.#all.delete(connection);
    });
    return connection;
  }
}
