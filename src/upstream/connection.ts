// Owns one pooled connection to a target: an undici Client that knows its socket and how often it
// was used, which undici's Pool does not tell. Both are needed to judge a reset (stale connection
// or dead origin) and a stall.

import type { Socket } from "node:net";
import { isIP } from "node:net";
import { buildConnector, Client } from "undici";
import type { GatewayError } from "../http/errors.ts";
import { connectFailure } from "./failures.ts";

export interface TlsConfig {
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string | readonly string[];
  /** PEM of the client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** Name for SNI and verification; the target's host name by default. */
  readonly servername?: string;
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean;
}

/** What a target counts about its connections. */
export interface ConnectionCounts {
  connectionsOpened: number;
  connectionsOpen: number;
}

/** Opens sockets to one target, TLS verified by default; timeouts are the caller's. */
export class Connector {
  readonly secure: boolean;
  /**
   * What undici shall take as server name, so that it does not derive one from each request's Host.
   */
  readonly servername: string;
  readonly nowMs: () => number;
  /** Where a cleartext connection goes. */
  readonly address: { readonly host: string; readonly port: number };
  readonly #connect: buildConnector.connector;
  readonly #options: buildConnector.Options;
  readonly counts: ConnectionCounts;

  constructor(url: URL, tls: TlsConfig, counts: ConnectionCounts, nowMs: () => number) {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    this.secure = url.protocol === "https:";
    this.servername = tls.servername ?? host;
    this.counts = counts;
    this.nowMs = nowMs;
    this.address = { host, port: Number(url.port === "" ? "80" : url.port) };
    this.#options = {
      hostname: host,
      host: url.host,
      protocol: url.protocol,
      port: url.port,
      // An address is no name for SNI (RFC 6066 section 3); the certificate is checked against it
      // all the same.
      servername: isIP(this.servername) === 0 ? this.servername : "",
    };
    this.#connect = buildConnector({
      allowH2: false,
      timeout: 0,
      rejectUnauthorized: tls.verify ?? true,
      ...(tls.ca === undefined ? {} : { ca: typeof tls.ca === "string" ? tls.ca : [...tls.ca] }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    });
  }

  /**
   * Starts to connect and calls back once, when the handshakes are done or have failed. Destroying
   * the socket with a GatewayError before that fails the attempt with it.
   */
  open(callback: (error: GatewayError | null) => void): Socket {
    let step: "tcp" | "tls" = "tcp";
    // undici's types leave out that its connector returns the socket.
    const socket = this.#connect(this.#options, (error, _socket) => {
      if (error !== null) {
        callback(connectFailure(error, step));
        return;
      }
      callback(null);
    }) as unknown as Socket;
    if (this.secure) {
      socket.once("connect", () => {
        step = "tls";
      });
    }
    return socket;
  }
}

export class Connection extends Client {
  /** The socket, connecting or connected; null before and after. */
  socket: Socket | null = null;
  /** Requests written to the present socket. */
  written = 0;
  /** The error that the present socket ended with. */
  socketError: Error | null = null;
  /** The origin sent FIN on the present socket. */
  originEnded = false;
  connecting = false;
  /** When the present socket was connected, on the clock of the connector. */
  openedMs = 0;

  constructor(url: URL, options: Client.Options, connector: Connector) {
    super(url, {
      ...options,
      connect: (_options: buildConnector.Options, callback: buildConnector.Callback) => {
        this.#open(connector, callback);
      },
    });
  }

  /** Gives up a connection attempt; the request that waits for it fails with `error`. */
  cancelConnect(error: Error): void {
    if (this.connecting) this.socket?.destroy(error);
  }

  #open(connector: Connector, callback: buildConnector.Callback): void {
    this.written = 0;
    this.socketError = null;
    this.originEnded = false;
    this.connecting = true;
    const socket = connector.open((error) => {
      this.connecting = false;
      this.openedMs = connector.nowMs();
      if (error === null) countUntilClosed(connector.counts, socket);
      if (error === null) callback(null, socket);
      else callback(error, null);
    });
    this.socket = socket;
    // Registered before undici's listeners, so that its callbacks see the error already.
    socket.on("error", (error) => {
      if (this.socket === socket) this.socketError = error;
    });
    socket.once("end", () => {
      if (this.socket === socket) this.originEnded = true;
    });
    socket.once("close", () => {
      if (this.socket === socket) this.socket = null;
    });
  }
}

function countUntilClosed(counts: ConnectionCounts, socket: Socket): void {
  counts.connectionsOpened += 1;
  counts.connectionsOpen += 1;
  socket.once("close", () => {
    counts.connectionsOpen -= 1;
  });
}
