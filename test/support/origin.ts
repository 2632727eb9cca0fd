// An origin server for tests that speaks literal bytes on node:net: a script gets each connection
// and decides what is read, sent, stalled, ended or reset. It knows nothing of the gateway and
// parses only as much HTTP as scripts ask for.
//
//   const origin = await startOrigin(async (connection) => {
//     const head = await connection.readHead();     // "GET / HTTP/1.1\r\nhost: …\r\n\r\n"
//     connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
//   });                                               // the connection then stays open
//   origin.url          "http://127.0.0.1:PORT"
//   origin.accepted     connections accepted so far        origin.open    of them still open now
//   origin.heads        every request head that was read with readHead, in order
//   await origin.acceptedAtLeast(n), origin.headsAtLeast(n)
//   await origin.idle() resolves when no connection is open (rejects after 5 s)
//   await origin.close() destroys what is open, stops listening, rethrows a script's first error
//
// Connection: readHead, readExactly(count), readChunked, readContent(head), discard, send (returns
// after the bytes were handed to the kernel), end (FIN), reset (RST), pause/resume (stop reading
// from the socket), closed (promise), index (0 for the first connection). A read rejects with
// ConnectionEnded when the peer is gone; a script that ends so is fine. `answering(...responses)`
// makes a script that answers the nth request of a connection with the nth response and repeats the
// last one.

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { within } from "./within.ts";

/** The peer closed or reset the connection while a script waited for bytes. */
class ConnectionEnded extends Error {}

export type OriginScript = (connection: OriginConnection) => Promise<void> | void;

/** Starts an origin on a free port of 127.0.0.1, or at a path; with `tls` it speaks TLS. */
export async function startOrigin(
  script: OriginScript,
  options: { tls?: TlsOptions; host?: string; port?: number; path?: string } = {},
): Promise<TestOrigin> {
  const origin = new TestOrigin(script, options.tls ?? null);
  await origin.listen(options.path ?? options.port ?? 0, options.host);
  return origin;
}

/**
 * A script that answers each request on a connection with the next of `responses`, the last one for
 * ever.
 */
export function answering(...responses: (string | Uint8Array)[]): OriginScript {
  return async (connection) => {
    for (let turn = 0; ; turn += 1) {
      const head = await connection.readHead();
      await connection.readContent(head);
      await connection.send(responses[Math.min(turn, responses.length - 1)] ?? "");
    }
  };
}

export class TestOrigin {
  readonly heads: string[] = [];
  readonly connections: OriginConnection[] = [];
  accepted = 0;
  readonly #server: Server;
  readonly #open = new Set<OriginConnection>();
  /** Under TLS: all that were accepted, handshake or not. */
  readonly #raw = new Set<Socket>();
  readonly #secure: boolean;
  readonly #script: OriginScript;
  #waiters: (() => void)[] = [];
  #failure: unknown = null;

  constructor(script: OriginScript, tls: TlsOptions | null) {
    this.#script = script;
    this.#secure = tls !== null;
    this.#server =
      tls === null
        ? createServer({ noDelay: true, allowHalfOpen: true })
        : createTlsServer({ ...tls, allowHalfOpen: true });
    this.#server.on(tls === null ? "connection" : "secureConnection", (socket: Socket) => {
      this.#accept(socket);
    });
    if (tls !== null) this.#server.on("connection", (socket: Socket) => this.#raw.add(socket));
    // A client that refuses our certificate breaks the handshake; that is what some tests want.
    this.#server.on("tlsClientError", () => {});
  }

  get open(): number {
    return this.#open.size;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address === "string") return `unix:${address}`;
    return `${this.#secure ? "https" : "http"}://${this.host}`;
  }

  listen(at: number | string, host = "127.0.0.1"): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      if (typeof at === "string") this.#server.listen(at, () => resolve());
      else this.#server.listen(at, host, () => resolve());
    });
  }

  /** Resolves when no connection is open. */
  async idle(timeoutMs = 5000): Promise<void> {
    while (this.#open.size > 0) {
      const change = new Promise<void>((resolve) => this.#waiters.push(resolve));
      await within(change, timeoutMs, `${this.#open.size} origin connections to close`);
    }
  }

  /** Resolves when `count` connections have been accepted. */
  async acceptedAtLeast(count: number, timeoutMs = 5000): Promise<void> {
    while (this.accepted < count) {
      const change = new Promise<void>((resolve) => this.#waiters.push(resolve));
      await within(change, timeoutMs, `connection ${count} at the origin`);
    }
  }

  /** Resolves when `count` request heads have been read. */
  async headsAtLeast(count: number, timeoutMs = 5000): Promise<void> {
    while (this.heads.length < count) {
      const change = new Promise<void>((resolve) => this.#waiters.push(resolve));
      await within(change, timeoutMs, `request ${count} at the origin`);
    }
  }

  /** Stops listening; open connections stay. */
  stopListening(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#server.listening) resolve();
      this.#server.close();
      // close() calls back only when the last connection is gone; the port is free at once.
      setImmediate(resolve);
    });
  }

  async close(): Promise<void> {
    for (const connection of this.#open) connection.socket.destroy();
    for (const socket of this.#raw) socket.destroy();
    if (this.#server.listening) this.#server.close();
    await this.idle();
    if (this.#failure !== null) throw this.#failure;
  }

  #accept(socket: Socket): void {
    const connection = new OriginConnection(socket, this.accepted, (head) => {
      this.heads.push(head);
      this.#notify();
    });
    this.accepted += 1;
    this.connections.push(connection);
    this.#open.add(connection);
    void connection.closed.then(() => {
      this.#open.delete(connection);
      this.#notify();
    });
    this.#notify();
    void this.#run(connection);
  }

  async #run(connection: OriginConnection): Promise<void> {
    try {
      await this.#script(connection);
    } catch (error) {
      if (!(error instanceof ConnectionEnded)) this.#failure ??= error;
    }
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}

/** One accepted connection, as a script sees it. */
export class OriginConnection {
  readonly socket: Socket;
  readonly index: number;
  /** Resolves when the socket is closed, by whomever. */
  readonly closed: Promise<void>;
  /** Bytes received in all. */
  receivedBytes = 0;
  /** The peer sent FIN. */
  halfClosed = false;
  readonly #onHead: (head: string) => void;
  #buffer: Buffer = Buffer.alloc(0);
  #wake: (() => void) | null = null;

  constructor(socket: Socket, index: number, onHead: (head: string) => void) {
    this.socket = socket;
    this.index = index;
    this.#onHead = onHead;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#wakeUp();
        resolve();
      });
    });
    socket.on("error", () => {});
    socket.on("end", () => {
      this.halfClosed = true;
      this.#wakeUp();
      // As most servers do: a client that half-closes after all answers were sent gets a FIN back.
      socket.end();
    });
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wakeUp();
    });
  }

  /** A request head up to and with its empty line, as latin1. */
  async readHead(): Promise<string> {
    let end = this.#buffer.indexOf("\r\n\r\n");
    while (end < 0) {
      await this.#more();
      end = this.#buffer.indexOf("\r\n\r\n");
    }
    const head = this.#take(end + 4).toString("latin1");
    this.#onHead(head);
    return head;
  }

  async readExactly(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    return this.#take(count);
  }

  /** Content of the request whose head is given: by its Content-Length, chunked, or none. */
  async readContent(head: string): Promise<Buffer> {
    if (/^transfer-encoding:/im.test(head)) return (await this.readChunked()).content;
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    return length === undefined ? Buffer.alloc(0) : this.readExactly(Number(length));
  }

  /** A chunked message: its content and the bytes of its trailer section. */
  async readChunked(): Promise<{ content: Buffer; trailers: string }> {
    const chunks: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt(await this.#readLine(), 16);
      if (size === 0) break;
      chunks.push(await this.readExactly(size));
      await this.readExactly(2);
    }
    let trailers = "";
    for (let line = await this.#readLine(); line !== ""; line = await this.#readLine()) {
      trailers += `${line}\r\n`;
    }
    return { content: Buffer.concat(chunks), trailers };
  }

  /**
   * Drops what arrives from now on without keeping it, until the peer is gone; returns the count of
   * bytes dropped.
   */
  async discard(): Promise<number> {
    let count = 0;
    for (;;) {
      count += this.#take(this.#buffer.length).length;
      try {
        await this.#more();
      } catch {
        return count;
      }
    }
  }

  /**
   * Sends bytes (a string is latin1); resolves once the kernel has taken them, false if the peer is
   * gone.
   */
  send(bytes: string | Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
      if (this.socket.destroyed) resolve(false);
      else this.socket.write(data, (error) => resolve(error === null || error === undefined));
    });
  }

  /** Sends FIN after what was sent. */
  end(): void {
    this.socket.end();
  }

  /** Breaks the connection with RST; what the peer has not read yet may be lost. */
  reset(): void {
    // libuv refuses to reset a stream that is shutting down, and Node then never emits "close".
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async #readLine(): Promise<string> {
    let end = this.#buffer.indexOf("\r\n");
    while (end < 0) {
      await this.#more();
      end = this.#buffer.indexOf("\r\n");
    }
    return this.#take(end + 2)
      .toString("latin1")
      .slice(0, -2);
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.halfClosed || this.socket.destroyed) throw new ConnectionEnded("the peer is gone");
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
