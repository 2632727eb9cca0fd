// Owns how a socket to one target is opened: over TCP, a Unix socket or TLS with SNI, ALPN and
// session resumption (RFC 8446 section 2.2, RFC 6066 section 3, RFC 7301). Node tries the addresses
// of both families (RFC 8305). Knows no HTTP; timeouts are the caller's.

import type { LookupAddress, LookupOptions } from "node:dns";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { connectFailure } from "./failures.ts";
import { GatewayError } from "../http/errors.ts";
import type { TlsIdentity } from "./tls-identity.ts";

/** What a target counts about its connections. */
export interface ConnectionCounts {
  connectionsOpened: number;
  connectionsOpen: number;
  /** TLS handshakes that were completed … */
  tlsHandshakes: number;
  /** … and those of them that resumed a session. */
  tlsResumptions: number;
}

/** Where a connection goes. */
type Address =
  | { readonly host: string; readonly port: number; readonly lookup?: LookupFunction }
  | { readonly path: string };

/** What is connected to. */
export interface Destination {
  /** Scheme, host and port; the host is also the name for TLS. */
  readonly url: URL;
  /** Where the host is, first what is tried first; none: the system resolves it. */
  readonly addresses: readonly string[];
}

/** The ALPN name of what is spoken (RFC 7301 section 6). */
export type AlpnProtocol = "http/1.1" | "h2";

export class Connector {
  readonly secure: boolean;
  /**
   * What undici shall take as server name, so that it does not derive one from each request's Host.
   */
  readonly servername: string;
  readonly address: Address;
  readonly counts: ConnectionCounts;
  readonly nowMs: () => number;
  readonly #tls: TlsIdentity;
  readonly #protocol: AlpnProtocol;
  /** The session to resume, and the context that verified it: no other may resume it. */
  #session: Buffer | null = null;
  #sessionContext: SecureContext | null = null;

  constructor(
    { url, addresses }: Destination,
    tls: TlsIdentity,
    protocol: AlpnProtocol,
    counts: ConnectionCounts,
    nowMs: () => number,
  ) {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    this.secure = url.protocol === "https:";
    this.servername = tls.servername ?? host;
    const port = Number(url.port || (this.secure ? "443" : "80"));
    const known = addresses.length === 0 ? {} : { lookup: lookupIn(addresses) };
    this.address = url.protocol === "unix:" ? { path: url.pathname } : { host, port, ...known };
    this.counts = counts;
    this.nowMs = nowMs;
    this.#tls = tls;
    this.#protocol = protocol;
  }

  /**
   * Starts to connect and calls back once, when the handshakes are done or have failed. Destroying
   * the socket with a GatewayError before that fails the attempt with it.
   */
  open(callback: (error: GatewayError | null) => void): Socket {
    let step: "tcp" | "tls" = "tcp";
    let called = false;
    const once = (error: GatewayError | null): void => {
      if (called) return;
      called = true;
      callback(error);
    };
    const socket = this.secure
      ? this.#openTls(once)
      : connect({ ...this.address, noDelay: true, keepAlive: true });
    if (this.secure) {
      socket.once("connect", () => {
        step = "tls";
      });
    } else {
      socket.once("connect", () => once(null));
    }
    socket.on("error", (error) => once(connectFailure(error, step)));
    socket.once("close", () => once(connectFailure(closedError(), step)));
    return socket;
  }

  #openTls(callback: (error: GatewayError | null) => void): Socket {
    const context = this.#tls.context(this.nowMs());
    const isKnown = this.#session !== null && this.#sessionContext === context;
    const socket = connectTls({
      ...this.address,
      // An address is no name for SNI; the certificate is checked against it all the same.
      servername: isIP(this.servername) === 0 ? this.servername : "",
      secureContext: context,
      rejectUnauthorized: this.#tls.verify,
      ALPNProtocols: [this.#protocol],
      ...(isKnown && this.#session !== null ? { session: this.#session } : {}),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.on("session", (session: Buffer) => {
      this.#session = session;
      this.#sessionContext = context;
    });
    socket.once("secureConnect", () => {
      this.counts.tlsHandshakes += 1;
      if (socket.isSessionReused()) this.counts.tlsResumptions += 1;
      // HTTP/1.1 needs no ALPN; a server that does not choose h2 does not speak it (RFC 9113
      // section 3.2).
      if (this.#protocol === "h2" && socket.alpnProtocol !== "h2") {
        socket.destroy();
        callback(new GatewayError("tls_error", "no h2 by ALPN", { beforeSend: true }));
      } else {
        callback(null);
      }
    });
    return socket;
  }
}

/** Finds what is known already, in the shape of node:dns. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address): LookupAddress => ({ address, family: isIP(address) }));
  return (_host, options: LookupOptions, callback) => {
    const [first] = all;
    if (options.all === true) callback(null, all);
    else callback(null, first?.address ?? "", first?.family);
  };
}

/** TCP keep-alive probes start after this much silence. */
const KEEP_ALIVE_DELAY_MS = 60_000;

function closedError(): Error {
  return Object.assign(new Error("closed while connecting"), { code: "ECONNRESET" });
}
