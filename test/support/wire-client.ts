// A client that speaks literal bytes: it sends what it is told in the pieces it is told, keeps what
// comes back, and knows how the connection ended. Nothing in it knows HTTP but the reader of
// responses.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { readResponses, type WireResponse } from "./response-reader.ts";
import { within } from "./within.ts";

/** How the peer ended the connection; "open" while it has not. */
export type Ending = "open" | "closed" | "reset";

export interface ClientOptions {
  /** Keeps its own side open when the server has ended its side; by default it ends too. */
  readonly allowHalfOpen?: boolean;
}

const TIMEOUT_MS = 5000;

export class WireClient {
  readonly socket: Socket;
  readonly localPort: number;
  sentBytes = 0;
  receivedBytes = 0;
  ending: Ending = "open";
  #chunks: Buffer[] = [];
  #keeps = true;
  #wakes: (() => void)[] = [];

  static async connect(port: number, options: ClientOptions = {}): Promise<WireClient> {
    const socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      allowHalfOpen: options.allowHalfOpen ?? false,
    });
    await within(once(socket, "connect"), TIMEOUT_MS, "the connection");
    return new WireClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.localPort = socket.localPort ?? 0;
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      if (this.#keeps) this.#chunks.push(chunk);
      this.#wake();
    });
    socket.on("end", () => this.#end("closed"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => this.#end("closed"));
  }

  /** What was received and kept. */
  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /**
   * Sends bytes (a string is latin1); resolves once the kernel has them, or the connection is gone.
   */
  send(bytes: string | Uint8Array): Promise<void> {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    this.sentBytes += data.length;
    return new Promise((resolve) => {
      if (this.socket.writable) this.socket.write(data, () => resolve());
      else resolve();
    });
  }

  /** Ends this side (FIN). */
  finish(): void {
    this.socket.end();
  }

  /** Breaks the connection (RST). */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Closes both sides: FIN, or RST where something was not read. */
  destroy(): void {
    this.socket.destroy();
  }

  /** From now on received bytes are counted and dropped. */
  countOnly(): void {
    this.#keeps = false;
  }

  /** Responses so far. `methods`: of the requests, GET where there are no more. */
  responses(methods: readonly string[] = []): WireResponse[] {
    return readResponses(this.received, methods, this.ending !== "open").responses;
  }

  /** The first `count` responses, once they are complete; fails when the connection ends before. */
  async complete(count: number, methods: readonly string[] = []): Promise<WireResponse[]> {
    for (;;) {
      const responses = this.responses(methods).filter((response) => response.complete);
      if (responses.length >= count) return responses.slice(0, count);
      if (this.ending !== "open") {
        throw new Error(`${this.ending} after ${responses.length} of ${count} responses`);
      }
      await this.#change(`response ${responses.length + 1} of ${count}`);
    }
  }

  /** All responses, once the server has ended its side; fails if other bytes are left over. */
  async all(methods: readonly string[] = []): Promise<WireResponse[]> {
    await this.end();
    const { responses, rest } = readResponses(this.received, methods, true);
    if (rest.length > 0) throw new Error(`left over: ${JSON.stringify(rest.toString("latin1"))}`);
    return responses;
  }

  /** Resolves when the server has ended the connection, with how it did. */
  async end(timeoutMs = TIMEOUT_MS): Promise<Ending> {
    while (this.ending === "open") await this.#change("the end of the connection", timeoutMs);
    return this.ending;
  }

  /** Resolves once the bytes received satisfy `condition`. */
  async receivedSuch(condition: (text: string) => boolean, what: string): Promise<void> {
    while (!condition(this.received.toString("latin1"))) {
      if (this.ending !== "open") throw new Error(`${this.ending} before ${what}`);
      await this.#change(what);
    }
  }

  #change(what: string, timeoutMs = TIMEOUT_MS): Promise<void> {
    const change = new Promise<void>((resolve) => this.#wakes.push(resolve));
    return within(change, timeoutMs, what);
  }

  #end(ending: Ending): void {
    if (this.ending === "open") this.ending = ending;
    this.#wake();
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}
