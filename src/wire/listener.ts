// Owns one listening address: it accepts connections up to a limit, sweeps their deadlines, and
// drains them when it stops. Knows no requests.

import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { WireHandler, WireLimits } from "./handler.ts";
import { H1Connection } from "./h1.ts";
import type { InputStage } from "./input-stage.ts";
import type { WireContext } from "./wire-context.ts";
import { reset } from "./sending.ts";

export interface ListenAddress {
  /** null: all addresses of the machine, IPv6 and IPv4. */
  readonly host: string | null;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface ListenerOptions {
  readonly handler: WireHandler;
  readonly limits: WireLimits;
  readonly clock: Clock;
  readonly stage: InputStage;
  /** Now, as an HTTP-date. */
  readonly date: () => string;
  /** Other threads listen on the same port, and the kernel spreads connections over them. */
  readonly reusePort: boolean;
}

export class Listener {
  readonly #server: Server;
  readonly #context: WireContext;
  readonly #connections = new Set<H1Connection>();
  readonly #address: ListenAddress;
  readonly #reusePort: boolean;
  #sweeper: NodeJS.Timeout | undefined;
  #drained: (() => void) | null = null;
  /** Connections beyond the limit that are still being told so. */
  #turnedAway = 0;

  constructor(address: ListenAddress, options: ListenerOptions) {
    this.#address = address;
    this.#reusePort = options.reusePort;
    this.#context = {
      ...options,
      secure: 0,
      draining: false,
      closed: (connection) => this.#remove(connection),
    };
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
      (socket) => this.#accept(socket),
    );
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Resolves with the port once it is listening; rejects with the system's error. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once("error", reject);
      const { host, port } = this.#address;
      const ready = (): void => {
        server.off("error", reject);
        // An accept that fails (out of file descriptors) concerns one client, not the gateway.
        server.on("error", () => this.#context.handler.connectionRefused());
        this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs(this.#context.limits));
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      };
      const options = { port, backlog: BACKLOG, reusePort: this.#reusePort };
      server.listen(host === null ? options : { ...options, host }, ready);
    });
  }

  /** Other limits, for the connections that are open too. */
  limit(limits: WireLimits): void {
    this.#context.limits = limits;
    if (this.#sweeper === undefined) return;
    clearInterval(this.#sweeper);
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs(limits));
  }

  /**
   * Stops accepting, closes idle connections, lets the others finish; those that have not by
   * `graceMs` are reset. Resolves when no connection is left.
   */
  async close(graceMs: number): Promise<void> {
    this.#context.draining = true;
    this.#server.close();
    for (const connection of this.#connections) connection.drainConnection();
    if (this.#connections.size > 0) {
      const deadline = setTimeout(() => this.#resetAll(), graceMs);
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      clearTimeout(deadline);
    }
    clearInterval(this.#sweeper);
  }

  #resetAll(): void {
    for (const connection of this.#connections) reset(connection.socket);
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#context.limits.connectionsMax) {
      this.#turnAway(socket);
      return;
    }
    this.#connections.add(new H1Connection(socket, this.#context));
    this.#context.handler.connections(1);
  }

  /**
   * Reads on for a moment: closing with unread bytes would reset the connection, and the 503 with
   * it.
   */
  #turnAway(socket: Socket): void {
    this.#context.handler.connectionRefused();
    socket.on("error", () => socket.destroy());
    if (this.#turnedAway >= TURNED_AWAY_MAX) {
      socket.destroy();
      return;
    }
    this.#turnedAway++;
    const timer = setTimeout(() => socket.destroy(), this.#context.limits.lingerMs);
    timer.unref();
    socket.on("close", () => {
      clearTimeout(timer);
      this.#turnedAway--;
    });
    socket.resume();
    socket.end(TOO_MANY_CONNECTIONS);
  }

  #remove(connection: H1Connection): void {
    if (!this.#connections.delete(connection)) return;
    const { socket } = connection;
    this.#context.handler.connections(-1);
    this.#context.handler.received(socket.bytesRead);
    if (this.#connections.size === 0) this.#drained?.();
  }

  #sweep(): void {
    const nowMs = this.#context.clock.monotonicMs();
    for (const connection of this.#connections) connection.sweep(nowMs);
  }
}

/** Asked for; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

/** Connections beyond the limit that are answered at a time; more are closed without a word. */
const TURNED_AWAY_MAX = 256;

const TOO_MANY_CONNECTIONS =
  "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n" +
  "Retry-After: 1\r\n" +
  'Proxy-Status: edgelane; error=connection_limit_reached; details="too many connections"\r\n\r\n';

/** Deadlines are kept to a quarter of the shortest one, but no more often than every 25 ms. */
function sweepIntervalMs(limits: WireLimits): number {
  const shortest = Math.min(
    limits.headTimeoutMs,
    limits.idleTimeoutMs,
    limits.contentStallMs,
    limits.sendStallMs,
    limits.lingerMs,
  );
  return Math.max(25, Math.min(1000, shortest / 4));
}
