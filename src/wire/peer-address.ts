// Owns the address of a connection's peer: asked of the kernel once, when somebody first wants it.

import type { Socket } from "node:net";
import type { ClientAddress } from "../http/exchange.ts";

export class PeerAddress implements ClientAddress {
  readonly secure: boolean;
  logFragment: Uint8Array | null = null;
  readonly #socket: Socket;
  #address: string | undefined;

  constructor(socket: Socket, secure: boolean) {
    this.#socket = socket;
    this.secure = secure;
  }

  /** "" when the peer had gone before anybody asked. IPv4-mapped addresses are shown as IPv4. */
  get address(): string {
    this.#address ??= unmapped(this.#socket.remoteAddress ?? "");
    return this.#address;
  }

  get port(): number {
    return this.#socket.remotePort ?? 0;
  }
}

function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
