// Owns a way to a server that tests make slow, swallow what goes either way, or cut.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "to server" | "to client";

export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(serverPort);
  await proxy.open();
  return proxy;
}

export class TcpProxy implements AsyncDisposable {
  /** What the server says arrives this much later. */
  delayMs = 0;
  /** What goes this way is held until `heal`. */
  readonly #held = new Set<Direction>();
  readonly #serverPort: number;
  readonly #server: Server;
  readonly #ways = new Map<Socket, { direction: Direction; to: Socket }>();
  #isCut = false;

  constructor(serverPort: number) {
    this.#serverPort = serverPort;
    this.#server = createServer((socket) => this.#join(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async open(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Connections stay, and nothing arrives any more, as where a cable is pulled out. */
  hold(direction: Direction): void {
    this.#held.add(direction);
    for (const [socket, way] of this.#ways) if (way.direction === direction) socket.pause();
  }

  /** Connections end, and new ones with them. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#ways.keys()) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
    this.#held.clear();
    for (const socket of this.#ways.keys()) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const server = connect(this.#serverPort, "127.0.0.1");
    this.#pipe(client, server, "to server");
    this.#pipe(server, client, "to client");
  }

  #pipe(from: Socket, to: Socket, direction: Direction): void {
    this.#ways.set(from, { direction, to });
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      if (this.delayMs === 0 || direction === "to server") to.write(chunk);
      else setTimeout(() => to.writable && to.write(chunk), this.delayMs);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#ways.delete(from);
      to.destroy();
    });
    if (this.#held.has(direction)) from.pause();
  }
}
