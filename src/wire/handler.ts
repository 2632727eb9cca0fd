// Owns the contract between the wire and whoever answers requests, and the limits that a listener
// keeps. The wire calls down this interface only; it knows no cache, no cluster and no route.

import type { ClientAddress, Exchange } from "../http/exchange.ts";
import type { RequestHead } from "../http/message.ts";

/**
 * Bounds of one listener. Each has a stated outcome; the defaults and their reasons are in the
 * config reference.
 */
export interface WireLimits {
  /** Open connections; one more gets a canned 503 and is closed. */
  readonly connectionsMax: number;
  /** Requests on one connection; the last is answered with `Connection: close`. */
  readonly requestsPerConnectionMax: number;
  /** From the first byte of a head to its last: 408, then closed. */
  readonly headTimeoutMs: number;
  /** Between two requests, or before the first: closed. */
  readonly idleTimeoutMs: number;
  /** Request content; more is 413, then closed. */
  readonly contentBytesMax: number;
  /** Without a byte of content that the gateway was ready to take: 408, or a broken exchange. */
  readonly contentStallMs: number;
  /** Mean rate of content after `contentRateGraceMs`; slower is 408. 0 switches the check off. */
  readonly contentBytesPerSecondMin: number;
  readonly contentRateGraceMs: number;
  /** Without progress in sending a response: the connection is reset. */
  readonly sendStallMs: number;
  /** Unwanted request content that is read and dropped to keep a connection; more closes it. */
  readonly drainBytesMax: number;
  /** How long a closing connection is read so that the client can see the response. */
  readonly lingerMs: number;
}

/** A message that was refused before it became an exchange. */
export interface Rejection {
  readonly status: number;
  /** Name of the parse error or limit; a metric label, so from a fixed set. */
  readonly error: string;
  /** What is wrong and at which byte; never holds a field value. */
  readonly detail: string;
  readonly client: ClientAddress;
  readonly id: string;
  readonly durationMs: number;
  readonly sentBytes: number;
}

export interface WireHandler {
  /**
   * Hot. The whole response to the plain request (no content, keep-alive, nothing special) whose
   * HeadRecord is at `record`, or null when it has to become an exchange. The bytes are the
   * cache's: valid until the next call of `hit`, but `hitWritten` says whether the socket still
   * needs them.
   */
  hit(record: number, input: number, secure: 0 | 1, client: ClientAddress): Uint8Array | null;
  /** Bytes that follow those that `hit` returned last; null when there are none. */
  readonly tail: Uint8Array | null;
  /**
   * Hot. Called once after the bytes of a hit went to the socket; `pending`: not all of them are
   * written yet.
   */
  hitWritten(pending: boolean, startedMs: number, client: ClientAddress): void;
  /** Takes over an exchange and sees to it that it ends. Must not throw. */
  exchange(exchange: Exchange): void;
  /** Called once for each exchange, when it has ended and its outcome is known. */
  finished(exchange: Exchange, durationMs: number): void;
  rejected(rejection: Rejection): void;
  /** A new X-Request-Id. */
  newId(): string;
  /** The X-Request-Id of a request: its own where its peer is believed, or a new one. */
  idOf(request: RequestHead, client: ClientAddress): string;
  /** An open connection more (1) or less (-1). */
  connections(change: 1 | -1): void;
  /** A connection was turned away, by the limit or by the system. */
  connectionRefused(): void;
  /** Bytes that an ended connection has received. */
  received(bytes: number): void;
}
