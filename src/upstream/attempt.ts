// Owns the shapes between the gateway, a call and its attempts: what is asked of an origin, who
// hears the answer, and what each way of asking (pooled connection, connection of its own) offers.
// Types only.

import type { Readable } from "node:stream";
import type { GatewayError } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { Priority } from "./concurrency-limit.ts";
import type { Try } from "./retry-rules.ts";

export interface OriginRequest {
  readonly method: string;
  /** Absolute path and query, or "*" for OPTIONS. */
  readonly path: string;
  /**
   * Final field lines, Host among them, hop-by-hop fields and Transfer-Encoding gone.
   * Content-Length may be there.
   */
  readonly fields: FieldLines;
  /**
   * The content, read with backpressure; null where the request has none. It is destroyed if the
   * origin won't have it.
   */
  readonly body: Readable | null;
  /** Length of `body`; -1 sends it chunked. */
  readonly bodyLength: number;
  /** The trailer section of `body` once it has ended; null where there can be none. */
  readonly trailers: (() => FieldLines) | null;
  /** Hash of what consistent hashing places the request by; 0 where nothing does. */
  readonly key: number;
  /** The token that the client came back with, whatever it is; "" for none. */
  readonly sticky: string;
  /** RFC 9110 section 9.2.2: sending it twice does no more than sending it once. */
  readonly idempotent: boolean;
  /** Who goes first where not everyone can. */
  readonly priority: Priority;
  /** The client waits for a 100 (Continue); the origin decides on it. */
  readonly expectsContinue: boolean;
}

/**
 * Hears the answer. Exactly one of onEnd and onError ends the call; nothing is called before
 * `forward` returned.
 */
export interface OriginHandler {
  /** An interim response: 1xx, never 101. */
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /**
   * False pauses the call until `resume`; what was already read from the socket may still arrive
   * then when the origin closes. The handler owns the bytes until it says `giveBack`, and with them
   * `headroom` bytes before them in their memory, to put a head there.
   */
  onData(chunk: Uint8Array, headroom: number): boolean;
  onEnd(trailers: FieldLines): void;
  onError(error: GatewayError): void;
}

export interface OriginCall {
  /** The target asked last, as "host:port"; "" before one was chosen. */
  readonly target: string;
  /** What brings the client back to that target; "" where nothing does. */
  readonly stickyToken: string;
  /** Attempts made so far. */
  readonly attempts: number;
  /** What became of those before the last. */
  readonly history: readonly Try[];
  resume(): void;
  /** Of the bytes given by `onData` none are of any more use: they may be overwritten. */
  giveBack(): void;
  /**
   * Frees the connection; nothing is called after it. May be called at any time, more than once.
   */
  abort(): void;
}

/** What an attempt tells its call. */
export interface AttemptListener {
  interim(head: ResponseHead): void;
  head(head: ResponseHead): void;
  data(chunk: Uint8Array, headroom: number): boolean;
  end(trailers: FieldLines): void;
  failed(error: GatewayError): void;
}

/**
 * One try to get an answer from one target. It ends by `end`, `failed` or `abort`, and then says
 * nothing more.
 */
export interface Attempt {
  /** The request went to a connection that had served another before. */
  readonly reused: boolean;
  /** A byte of the request may have been written, or its content read. */
  readonly sent: boolean;
  /** The origin has said that it did not look at the request. */
  readonly refused: boolean;
  /** A byte of the response has arrived. */
  readonly responseBegun: boolean;
  start(): void;
  resume(): void;
  /** The bytes given by `data` may be overwritten. */
  giveBack(): void;
  abort(): void;
  /** Fails the attempt if one of its timeouts has passed. */
  checkDeadlines(nowMs: number): void;
}

/** Timeouts of an attempt in milliseconds; 0 means none. */
export interface AttemptTimeouts {
  /** Until the TCP and TLS handshakes are done. */
  readonly connectMs: number;
  /**
   * From the end of the request to the end of the response head; each interim response starts it
   * again.
   */
  readonly headersMs: number;
  /** Without a byte of content from the origin, or without the origin taking one. */
  readonly idleMs: number;
  /** From an Expect: 100-continue head until content that the client sends is passed on unasked. */
  readonly continueMs: number;
}
