// A listener on a free port in front of a recording handler, for tests with real sockets. Closing
// it checks that nothing is left: connections, slabs, decoder states, and exchanges that did not
// end exactly once.

import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { expect, vi } from "vitest";
import { type Core, type Engine, loadCore } from "../../src/core/core.ts";
import type { WireLimits } from "../../src/wire/handler.ts";
import { CorePools } from "../../src/core/pool-queue.ts";
import { InputStage } from "../../src/wire/input-stage.ts";
import { Listener } from "../../src/wire/listener.ts";
import { FakeClock } from "./clock.ts";
import { until } from "./until.ts";
import { type ClientOptions, WireClient } from "./wire-client.ts";
import { type Answer, RecordingHandler } from "./wire-handler.ts";

/**
 * Far away, so that a test meets only the limit that it sets. With the linger, sweeps come every 25
 * ms.
 */
const TEST_LIMITS: WireLimits = {
  connectionsMax: 10_000,
  requestsPerConnectionMax: 1_000_000,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  contentBytesMax: 1_073_741_824,
  contentStallMs: 30_000,
  contentBytesPerSecondMin: 0,
  contentRateGraceMs: 5_000,
  sendStallMs: 30_000,
  drainBytesMax: 65_536,
  lingerMs: 100,
};

export interface WireOptions {
  readonly engine: Engine;
  readonly answer: Answer;
  readonly limits?: Partial<WireLimits>;
  readonly slabs?: number;
  readonly chunkedStates?: number;
}

export async function startWire(options: WireOptions): Promise<TestWire> {
  const wire = new TestWire(options);
  await wire.listen();
  return wire;
}

const HTTP_DATE = "Thu, 01 Jan 2026 00:00:00 GMT";
const socketAccepted = channel("net.server.socket");

export class TestWire {
  readonly core: Core;
  readonly stage: InputStage;
  readonly handler: RecordingHandler;
  readonly clock = new FakeClock();
  readonly limits: WireLimits;
  readonly listener: Listener;
  port = 0;
  readonly #clients = new Set<WireClient>();
  /** The gateway's side of each connection, by the client's port. */
  readonly #sockets = new Map<number, Socket>();
  #sweep: () => void = () => {};
  readonly #note = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === this.port) this.#sockets.set(socket.remotePort ?? 0, socket);
  };

  constructor(options: WireOptions) {
    this.core = loadCore({
      engine: options.engine,
      slabs: options.slabs ?? 64,
      chunkedStates: options.chunkedStates ?? 64,
    });
    this.stage = new InputStage(this.core, new CorePools(this.core));
    this.handler = new RecordingHandler(options.answer);
    this.limits = { ...TEST_LIMITS, ...options.limits };
    this.listener = new Listener(
      { host: "127.0.0.1", port: 0 },
      {
        handler: this.handler,
        limits: this.limits,
        clock: this.clock,
        stage: this.stage,
        reusePort: false,
        date: () => HTTP_DATE,
      },
    );
  }

  async listen(): Promise<void> {
    socketAccepted.subscribe(this.#note);
    const intervals = vi.spyOn(globalThis, "setInterval");
    this.port = await this.listener.listen();
    const [sweep] = intervals.mock.calls[0] ?? [];
    intervals.mockRestore();
    if (sweep === undefined) throw new Error("nobody looks at the deadlines");
    this.#sweep = sweep;
  }

  async client(options: ClientOptions = {}): Promise<WireClient> {
    const client = await WireClient.connect(this.port, options);
    this.#clients.add(client);
    client.socket.once("close", () => {
      this.#clients.delete(client);
      this.#sockets.delete(client.localPort);
    });
    return client;
  }

  /** A client that has sent `bytes`. */
  async sent(bytes: string | Uint8Array, options: ClientOptions = {}): Promise<WireClient> {
    const client = await this.client(options);
    await client.send(bytes);
    return client;
  }

  /** Sends each piece after the connection has worked on those before it. */
  async sendPieces(client: WireClient, pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      await client.send(piece);
      await this.delivered(client);
    }
  }

  /** The gateway's side of a client's connection. */
  async socketOf(client: WireClient): Promise<Socket> {
    const find = (): Socket | undefined => this.#sockets.get(client.localPort);
    await until(() => find() !== undefined, "the connection at the gateway");
    const socket = find();
    if (socket === undefined) throw new Error("the connection is gone");
    return socket;
  }

  /** Resolves when the gateway has read all that the client sent, or has closed the connection. */
  async delivered(client: WireClient): Promise<void> {
    if (client.ending !== "open" && client.socket.destroyed) return;
    const socket = await this.socketOf(client);
    const isRead = (): boolean => socket.bytesRead >= client.sentBytes || socket.destroyed;
    await until(isRead, "the bytes at the gateway");
  }

  /** Lets time pass for the gateway, and has it look at its deadlines. */
  sweepAfter(ms: number): void {
    this.clock.advance(ms);
    this.#sweep();
  }

  /** Resolves when no connection is open. */
  idle(): Promise<void> {
    return until(() => this.listener.connections === 0, "all connections to close");
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.idle();
    await this.listener.close(1000);
    socketAccepted.unsubscribe(this.#note);
    const { handler, core } = this;
    expect({
      open: handler.open,
      slabs: core.slabsInUse(),
      decoders: core.chunkedInUse(),
      endedOnce: handler.exchanges.filter((exchange) => handler.ends.get(exchange) === 1).length,
      ended: handler.ends.size,
    }).toEqual({
      open: 0,
      slabs: 0,
      decoders: 0,
      endedOnce: handler.exchanges.length,
      ended: handler.exchanges.length,
    });
  }
}
