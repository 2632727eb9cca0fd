// Owns the exchange of one request and its response, whatever carries it (RFC 9110 section 3).
// Knows no sockets, no caches, no clusters.

import type { Readable } from "node:stream";
import type { GatewayError, ReasonCode } from "./errors.ts";
import type { FieldLines, RequestHead, ResponseHead } from "./message.ts";

export interface ClientAddress {
  /** Address of the peer of the connection, not of a forwarded field. */
  readonly address: string;
  readonly port: number;
  readonly secure: boolean;
  /**
   * The part of a log line that the connection determines; prepared by the log when first needed.
   */
  logFragment: Uint8Array | null;
}

/**
 * What became of an exchange, for log and metrics; filled in by whoever learns it, read once when
 * the exchange ends.
 */
export interface Outcome {
  /** Name of the route: the `endpoint` label. */
  endpoint: string;
  /** Status sent; 0 when the client left before one was. */
  status: number;
  /** Content bytes sent to the client. */
  bytes: number;
  /**
   * Everything sent to the client, heads and framing included; known when the exchange has ended.
   */
  sentBytes: number;
  /** The Cache-Status outcome in one word: hit, stale, miss, …; "" where no cache was asked. */
  cache: string;
  /** Origin target, as "host:port"; "" when none was asked. The last one of several tries. */
  target: string;
  /** The tries before the last: "target what-came-of-it, …"; "" when there was one at most. */
  retried: string;
  /** What answered in the upstream's place, and why: "name: reason"; "" where nothing did. */
  fallback: string;
  /** Why the request failed; "" when it did not. */
  reason: ReasonCode | "";
  /** The version-independent detail of the failure; never holds a field value. */
  detail: string;
}

/** Of an exchange of which nothing is known yet. */
export function newOutcome(): Outcome {
  return {
    endpoint: "",
    status: 0,
    bytes: 0,
    sentBytes: 0,
    cache: "",
    target: "",
    retried: "",
    fallback: "",
    reason: "",
    detail: "",
  };
}

/**
 * One request and its response, whatever the HTTP version. The wire makes it, the gateway answers
 * it. Every exchange ends exactly once: by `end`, by `fail`, or by the client leaving.
 */
export interface Exchange {
  readonly request: RequestHead;
  /**
   * Request content with backpressure; null where the request has none. Destroyed with an error if
   * the client breaks it off.
   */
  readonly body: Readable | null;
  /** Length of `body` when the client declared it; -1 for chunked content. */
  readonly bodyLength: number;
  /**
   * The trailer section of `body` (RFC 9110 section 6.5); empty before `body` has ended, and where
   * it has none.
   */
  readonly bodyTrailers: FieldLines;
  readonly client: ClientAddress;
  /** X-Request-Id of this exchange. */
  readonly id: string;
  /** Monotonic time of its first byte, in milliseconds. */
  readonly startedMs: number;
  /**
   * The client waits for a 100 (Continue) before it sends its content (RFC 9110 section 10.1.1).
   */
  readonly expectsContinue: boolean;
  readonly outcome: Outcome;
  /** A final response head was written. */
  readonly responded: boolean;
  /** The exchange has ended. */
  readonly ended: boolean;
  /** Of what was written nothing waits for the client: its bytes are the writer's again. */
  readonly flushed: boolean;

  /** Called once if the client leaves before the exchange has ended. */
  onAbort: ((this: Exchange) => void) | null;
  /** Called when the client can take more after `write` returned false. */
  onDrain: ((this: Exchange) => void) | null;
  /**
   * For the two above: who answers, so that they are two functions for all exchanges. Closures of
   * their own for each are what a minor collection of 12 ms was made of (docs/adr/0012).
   */
  reader: { resume(): void; leave(): void } | null;

  /** Sends an interim response (1xx, not 101). */
  inform(head: ResponseHead): void;
  /**
   * Sends the final response head. `length` is the content length in bytes, -1 when it is not known
   * beforehand; the wire picks the message framing, drops framing fields from `head.fields` and
   * sets its own.
   */
  respond(head: ResponseHead, length: number): void;
  /**
   * Sends content. False: stop until onDrain. The bytes are the exchange's until they are flushed,
   * and so are `headroom` bytes before them in their memory (0): a head that waits goes there.
   */
  write(chunk: Uint8Array, headroom?: number): boolean;
  /** Ends the response, with trailer fields where the version and the client can take them. */
  end(trailers?: FieldLines): void;
  /**
   * Before the head was sent: answers with the error's status and Proxy-Status. After: breaks the
   * response off visibly.
   */
  fail(error: GatewayError): void;
}
