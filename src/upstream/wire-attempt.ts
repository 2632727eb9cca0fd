// Hot. Owns one request on an HTTP/1.1 connection of ours: cleartext targets, and what undici
// cannot send (Expect: 100-continue, OPTIONS *). Writes the request, reads the response by the
// core's parser, and says whether the connection can serve again (RFC 9112 sections 6 and 9).

import type { Socket } from "node:net";
import {
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import { GatewayError } from "../http/errors.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import type { AttemptListener, OriginRequest } from "./attempt.ts";
import { ChunkedContent } from "./chunked-content.ts";
import { exchangeFailure } from "./failures.ts";
import { framingMethod, type OriginIo } from "./origin-io.ts";
import { ResponseHeadReader, STATUS_NO_SLAB } from "./response-head-reader.ts";
import { SendingAttempt } from "./sending-attempt.ts";
import {
  type AttemptHost,
  DONE,
  type ExpiryCode,
  READING,
  TOO_MANY_INTERIMS,
} from "./watched-attempt.ts";
import type { ConnectionUser, WireConnection } from "./wire-connection.ts";
import { type ContentSink, framedSink } from "./wire-content.ts";
import type { WirePool } from "./wire-pool.ts";
import { mayDesynchronise, renderRequestHead } from "./wire-request.ts";
import { copyOf, lent } from "./wire-response.ts";

/** Where an attempt gets its connection. */
export interface WireHost extends AttemptHost {
  readonly io: OriginIo;
  readonly wire: WirePool;
  /** What the target is called in Host. */
  readonly hostField: string;
  reusedConnection(): void;
}

const NO_FIELDS: FieldLines = [];

export class WireAttempt extends SendingAttempt implements ConnectionUser, PoolWaiter {
  readonly #host: WireHost;
  readonly #mayReuse: boolean;
  /** The request head, ready to write. */
  #head = "";
  #connection: WireConnection | null = null;
  readonly #heads: ResponseHeadReader;
  #framing = 0;
  /** Content bytes that are still to come, by Content-Length or until the origin closes. */
  #remaining = 0;
  #chunked: ChunkedContent | null = null;
  /** Read while the listener had asked for a pause, or while the core had no place for it. */
  #held: Buffer | null = null;
  #waitsForPlace = false;
  #keepAlive = false;
  #hintMs = Number.POSITIVE_INFINITY;

  constructor(
    request: OriginRequest,
    listener: AttemptListener,
    host: WireHost,
    connection: "pooled" | "fresh",
  ) {
    super(request, listener, host);
    this.#host = host;
    this.#mayReuse = connection === "pooled";
    this.#heads = new ResponseHeadReader(host.io, this, framingMethod(request.method));
  }

  start(): void {
    const { wire } = this.#host;
    try {
      this.#head = renderRequestHead(this.request, this.#host.hostField);
    } catch (error) {
      process.nextTick(failLater, this, error);
      return;
    }
    const idle = this.#mayReuse ? wire.take(this) : undefined;
    if (idle === undefined) {
      this.#connection = wire.open(this);
      return;
    }
    this.#connection = idle;
    this.reused = true;
    this.#host.reusedConnection();
    this.#send(idle);
  }

  resume(): void {
    if (this.silent || !this.paused) return;
    this.paused = false;
    this.lastMs = this.#host.nowMs;
    if (this.#held === null) return;
    // Not at once: the caller may be in the middle of what the bytes before these have started.
    process.nextTick(resumeHeld, this);
  }

  override giveBack(): void {
    // What was lent may still be sent when the connection serves somebody else.
    if (this.phase !== DONE) this.#connection?.takeBack(this.#held);
  }

  /** What `resume` puts off. */
  resumeHeld(): void {
    if (this.silent || this.paused) return;
    this.#processHeld();
    if (!this.silent && this.#held === null) this.#connection?.resumeReading();
  }

  abort(): void {
    this.silent = true;
    this.#end("broken");
  }

  protected socket(): Socket | null {
    return this.#connection?.socket ?? null;
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────

  connected(): void {
    if (this.#connection !== null) this.#send(this.#connection);
  }

  connectFailed(error: GatewayError): void {
    this.fail(error);
  }

  #send(connection: WireConnection): void {
    connection.written += 1;
    connection.socket.write(this.#head, "latin1");
    this.headWritten();
  }

  protected contentSink(): ContentSink {
    if (this.#connection === null) throw new Error("content without a connection");
    return framedSink(this.#connection.socket, this.request);
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────

  received(chunk: Buffer, length: number): boolean {
    this.lastMs = this.#host.nowMs;
    if (this.paused) {
      // One read ahead of a slow client tells an origin that would send more from one that stalls.
      this.#held = lent(this.#connection, chunk, 0, length);
      return false;
    }
    this.#process(chunk, length);
    return !this.#waitsForPlace;
  }

  #process(chunk: Buffer, length: number): void {
    this.responseBegun = true;
    try {
      let offset = 0;
      while (offset < length && this.phase !== DONE) {
        if (this.phase === READING) offset = this.#receiveContent(chunk, offset, length);
        else offset = this.#receiveHead(chunk, offset, length);
      }
    } catch (cause) {
      this.fail(new GatewayError("internal_error", "a handler failed", { cause }));
    }
  }

  /** What a slow client left waiting. */
  #processHeld(): void {
    const held = this.#held;
    if (held === null) return;
    this.#process(held, held.length);
    // Not before: its buffer must not be read into.
    if (this.#held === held) this.#held = null;
  }

  /** While it is we who have no room for what it sent, the origin server is not to blame. */
  protected override expire(code: ExpiryCode, detail: string): void {
    if (this.#waitsForPlace) this.fail(noPlace());
    else super.expire(code, detail);
  }

  protected override originMoves(): boolean {
    return this.#held !== null;
  }

  #receiveHead(chunk: Buffer, offset: number, length: number): number {
    const heads = this.#heads;
    const status = heads.read(chunk, offset, length);
    if (status === STATUS_NO_SLAB) return this.#hold(chunk, offset, length);
    if (status === STATUS_ERROR) {
      this.#refuse(`malformed response head: ${heads.error()}`);
      return length;
    }
    if (status === STATUS_COMPLETE) {
      const { next } = heads;
      this.#acceptHead(this.#host.io.decodeHead(heads.record, heads.input), next === length);
    }
    return heads.next;
  }

  /** The core's pool is exhausted: nothing is read until a place in it is free. */
  #hold(chunk: Buffer, offset: number, length: number): number {
    this.#held = copyOf(chunk, offset, length);
    this.#waitsForPlace = true;
    return length;
  }

  placeFree(): void {
    this.#waitsForPlace = false;
    this.lastMs = this.#host.nowMs;
    this.resumeHeld();
  }

  #acceptHead(head: ResponseHead, isLast: boolean): void {
    const { io } = this.#host;
    const { framing } = io;
    this.#heads.release();
    if (head.status < 200) {
      this.#acceptInterim(head);
      return;
    }
    this.#framing = framing;
    this.#remaining = framing === FRAMING_CLOSE ? Number.POSITIVE_INFINITY : io.contentLength;
    this.#keepAlive = io.keepAlive && !mayDesynchronise(this.request);
    this.#hintMs = io.keepAliveHintMs;
    if (framing === FRAMING_CHUNKED) this.#chunked = new ChunkedContent(io, this);
    this.phase = READING;
    this.listener.head(head);
    if (framing !== FRAMING_CHUNKED && this.#remaining === 0) this.#complete(NO_FIELDS, isLast);
  }

  #acceptInterim(head: ResponseHead): void {
    if (head.status === 101) this.#refuse("unasked 101");
    else if (!this.takesInterim()) this.#refuse(TOO_MANY_INTERIMS);
    else {
      this.listener.interim(head);
      if (head.status === 100 && !this.silent) this.sendUnasked();
    }
  }

  #receiveContent(chunk: Buffer, offset: number, length: number): number {
    if (this.#chunked !== null) return this.#receiveChunked(this.#chunked, chunk, offset, length);
    const end = Math.min(length, offset + this.#remaining);
    this.#remaining -= end - offset;
    this.#pass(lent(this.#connection, chunk, offset, end), this.#connection?.headroom ?? 0);
    if (this.#remaining === 0) this.#complete(NO_FIELDS, end === length);
    return end;
  }

  #receiveChunked(chunked: ChunkedContent, chunk: Buffer, offset: number, length: number): number {
    const next = chunked.decode(chunk, offset, length);
    if (next === offset && chunked.status === STATUS_INCOMPLETE) {
      return this.#hold(chunk, offset, length);
    }
    if (chunked.content !== null) this.#pass(chunked.content, 0);
    if (this.phase === DONE) return length;
    if (chunked.status === STATUS_ERROR) {
      this.#refuse("malformed chunked content");
      return length;
    }
    if (chunked.status === STATUS_COMPLETE) this.#complete(chunked.trailers, next === length);
    return next;
  }

  #pass(content: Buffer, headroom: number): void {
    if (this.listener.data(content, headroom) || this.silent) return;
    this.pause();
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────

  closed(error: Error | null): void {
    this.#processHeld();
    if (this.phase === DONE) return;
    const isDelimitedByClose = this.phase === READING && this.#framing === FRAMING_CLOSE;
    if (isDelimitedByClose && error === null) {
      this.#complete(NO_FIELDS, false);
      return;
    }
    const progress = this.phase === READING ? "responding" : "sent";
    const code = progress === "responding" ? "body_truncated" : "upstream_reset";
    this.fail(
      error === null
        ? new GatewayError(code, "the origin server closed the connection")
        : exchangeFailure(error, progress, true),
    );
  }

  /** The response has ended. `isLast`: no byte came behind it. */
  #complete(trailers: FieldLines, isLast: boolean): void {
    if (this.silent) return;
    this.silent = true;
    this.#end(isLast && this.contentWritten && this.#keepAlive ? "reusable" : "broken");
    this.listener.end(trailers);
  }

  #refuse(detail: string): void {
    this.fail(new GatewayError("upstream_invalid", detail));
  }

  protected fail(error: GatewayError): void {
    if (this.silent) return;
    const failure = this.downstreamFailure() ?? error;
    this.silent = true;
    this.#end("broken");
    this.listener.failed(failure);
  }

  /** Gives back connection, slabs and the slot, once. */
  #end(fate: "reusable" | "broken"): void {
    if (this.phase === DONE) return;
    this.phase = DONE;
    this.#heads.release();
    this.#chunked?.release();
    if (this.#waitsForPlace) this.#host.io.pools.leave(this);
    this.#held = null;
    this.stopSending();
    const connection = this.#connection;
    if (connection !== null && fate === "reusable") {
      this.#host.wire.giveBack(connection, this.#hintMs);
    } else {
      connection?.destroy();
    }
    this.#host.release();
  }
}

function failLater(attempt: WireAttempt, error: GatewayError): void {
  attempt.connectFailed(error);
}

function resumeHeld(attempt: WireAttempt): void {
  attempt.resumeHeld();
}

/** Not `internal_error`'s 500: the client may come again. */
function noPlace(): GatewayError {
  return new GatewayError("internal_error", "no buffer for the response in time", { status: 503 });
}
