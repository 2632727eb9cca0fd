// Owns one request on a stream of an HTTP/2 session: its fields, its content, backpressure both
// ways, and what each way of ending means (RFC 9113 sections 5.4, 7 and 8.1). Knows no frames.

import { type ClientHttp2Stream, constants } from "node:http2";
import type { Socket } from "node:net";
import { GatewayError } from "../http/errors.ts";
import type { FieldLines } from "../http/message.ts";
import { contentHeld } from "../read-memory.ts";
import type { AttemptListener, OriginRequest } from "./attempt.ts";
import type { H2Pool, StreamUser } from "./h2-pool.ts";
import { h2Fields, h2Trailers, regularFields, statusOf } from "./h2-request.ts";
import type { H2Session } from "./h2-session.ts";
import { SendingAttempt } from "./sending-attempt.ts";
import {
  type AttemptHost,
  DONE,
  type ExpiryCode,
  READING,
  TOO_MANY_INTERIMS,
} from "./watched-attempt.ts";
import type { ContentSink } from "./wire-content.ts";

export interface H2Host extends AttemptHost {
  readonly secure: boolean;
  readonly hostField: string;
  reusedConnection(): void;
}

const NO_FIELDS: FieldLines = [];

export class H2Attempt extends SendingAttempt implements StreamUser, ContentSink {
  readonly #host: H2Host;
  readonly #pool: H2Pool;
  #session: H2Session | null = null;
  #stream: ClientHttp2Stream | null = null;
  #trailers: FieldLines = NO_FIELDS;
  /** The origin ended the content itself, and not a reset. */
  #contentEnded = false;

  constructor(request: OriginRequest, listener: AttemptListener, host: H2Host, pool: H2Pool) {
    super(request, listener, host);
    this.#host = host;
    this.#pool = pool;
  }

  start(): void {
    this.#pool.take(this);
  }

  resume(): void {
    if (this.silent || !this.paused) return;
    this.paused = false;
    this.lastMs = this.#host.nowMs;
    this.#stream?.resume();
  }

  abort(): void {
    this.silent = true;
    this.#end();
  }

  /** What does not answer in time may be the whole session. */
  protected override expire(code: ExpiryCode, detail: string): void {
    if (this.#session !== null) this.#pool.suspect(this.#session);
    super.expire(code, detail);
  }

  protected socket(): Socket | null {
    return null;
  }

  protected override needsDrain(): boolean {
    return this.#stream?.writableNeedDrain === true;
  }

  /** What has come waits for the client. */
  protected override originMoves(): boolean {
    return (this.#stream?.readableLength ?? 0) > 0;
  }

  protected contentSink(): ContentSink {
    return this;
  }

  // ── what the pool says ─────────────────────────────────────────────────────────────────────────

  granted(session: H2Session): void {
    const { content } = this;
    const { trailers } = this.request;
    const isReused = session.served > 0;
    try {
      const { secure, hostField } = this.#host;
      const fields = h2Fields(this.request, secure ? "https" : "http", hostField);
      const follows = content === null ? "none" : trailers === null ? "plain" : "trailed";
      this.#stream = session.request(fields, follows);
    } catch (cause) {
      const error = new GatewayError("upstream_reset", "the session has ended", { cause });
      process.nextTick(failLater, this, error);
      return;
    }
    this.#session = session;
    if (isReused) this.#host.reusedConnection();
    this.#listen(this.#stream);
    this.headWritten();
  }

  connectFailed(error: GatewayError): void {
    this.fail(error);
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on("headers", (_fields, _flags, raw: string[]) => this.#interim(raw));
    stream.on("response", (_fields, _flags, raw: string[]) => this.#respond(raw));
    stream.on("trailers", (_fields, _flags, raw: string[]) => {
      this.#trailers = regularFields(raw);
    });
    stream.on("wantTrailers", () => this.#sendTrailers(stream));
    stream.on("drain", () => this.drained());
    stream.on("end", () => this.#complete());
    // The code says all that the error does, and "close" follows it.
    stream.on("error", ignore);
    stream.on("close", () => this.#closed(stream));
    // Node ends the content of a stream that was reset with NO_ERROR like any other. When
    // END_STREAM ends it, the stream is not closed yet: node:http2 has no other sign of it.
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk === null && !stream.closed) this.#contentEnded = true;
      return push(chunk, encoding);
    };
  }

  // ── content of the request ─────────────────────────────────────────────────────────────────────

  write(chunk: Buffer): boolean {
    return this.#stream?.write(chunk) ?? false;
  }

  finish(): void {
    this.#stream?.end();
  }

  #sendTrailers(stream: ClientHttp2Stream): void {
    if (!stream.closed && !stream.destroyed)
      stream.sendTrailers(h2Trailers(this.request.trailers?.() ?? NO_FIELDS));
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────

  #interim(raw: readonly string[]): void {
    if (this.silent) return;
    this.lastMs = this.#host.nowMs;
    this.responseBegun = true;
    const status = statusOf(raw);
    const fields = regularFields(raw);
    if (this.refuses(status, fields)) return;
    if (!this.takesInterim()) {
      this.expire("upstream_invalid", TOO_MANY_INTERIMS);
      return;
    }
    this.listener.interim({ status, reason: "", fields });
    if (status === 100 && !this.silent) this.sendUnasked();
  }

  #respond(raw: readonly string[]): void {
    if (this.silent) return;
    this.lastMs = this.#host.nowMs;
    this.responseBegun = true;
    const status = statusOf(raw);
    const fields = regularFields(raw);
    if (this.refuses(status, fields)) return;
    this.phase = READING;
    this.#guarded(() => this.listener.head({ status, reason: "", fields }));
    // Only now, so that no content comes before the head.
    this.#stream?.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  #receive(chunk: Buffer): void {
    if (this.silent) return;
    this.lastMs = this.#host.nowMs;
    contentHeld(chunk.length);
    this.#guarded(() => {
      if (this.listener.data(chunk, 0) || this.silent) return;
      this.pause();
      this.#stream?.pause();
    });
  }

  #guarded(tell: () => void): void {
    try {
      tell();
    } catch (cause) {
      this.fail(new GatewayError("internal_error", "a handler failed", { cause }));
    }
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────

  #complete(): void {
    if (this.silent || !this.#contentEnded || this.phase !== READING) return;
    this.silent = true;
    this.#end();
    this.listener.end(this.#trailers);
  }

  /** The stream is over and its response is not. */
  #closed(stream: ClientHttp2Stream): void {
    const session = this.#session;
    if (this.silent || session === null) return;
    const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    // Sections 6.8 and 8.7: the origin has not looked at it; any method may be sent again, unless
    // content of it is gone.
    const isPastEnd = (stream.id ?? 0) > session.lastStreamId;
    this.refused = isPastEnd || code === constants.NGHTTP2_REFUSED_STREAM;
    if (this.refused && !this.responseBegun) this.sent = this.contentStarted;
    // The race of RFC 9112 section 9.3.1 exists here too: the origin retires a session by GOAWAY,
    // or without one. An origin that serves nobody does not get all requests twice by that.
    this.reused = (isPastEnd || session.dead) && session.served > 1;
    this.fail(this.#failureOf(code, session));
  }

  #failureOf(code: number, session: H2Session): GatewayError {
    const name = RESET_NAMES[code] ?? `reset with code ${code}`;
    // GOAWAY with an error ends every stream with that error; it accuses us, not the origin.
    const isViolation = session.violated || (session.goaways === 0 && VIOLATIONS.has(code));
    if (isViolation) return new GatewayError("upstream_invalid", name);
    return new GatewayError(this.phase === READING ? "body_truncated" : "upstream_reset", name);
  }

  protected fail(error: GatewayError): void {
    if (this.silent) return;
    const failure = this.downstreamFailure() ?? error;
    this.silent = true;
    this.#end();
    this.listener.failed(failure);
  }

  /** Gives back stream and slot, once. */
  #end(): void {
    if (this.phase === DONE) return;
    const isOver = this.#contentEnded && this.contentWritten;
    this.phase = DONE;
    this.#pool.cancel(this);
    this.stopSending();
    const stream = this.#stream;
    if (stream !== null && !isOver) stream.close(constants.NGHTTP2_CANCEL);
    // A stream that is closed and not read keeps its window.
    stream?.resume();
    this.#host.release();
  }
}

/** What nghttp2 resets a stream with when the origin sends what must not be sent. */
const VIOLATIONS: ReadonlySet<number> = new Set([
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_FLOW_CONTROL_ERROR,
  constants.NGHTTP2_FRAME_SIZE_ERROR,
  constants.NGHTTP2_COMPRESSION_ERROR,
  // Node's answer to a head that is too large.
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
  constants.NGHTTP2_HTTP_1_1_REQUIRED,
]);

/** RFC 9113 section 7, by code. */
const RESET_NAMES: readonly string[] = [
  "reset with NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

function failLater(attempt: H2Attempt, error: GatewayError): void {
  attempt.connectFailed(error);
}

function ignore(): void {}
