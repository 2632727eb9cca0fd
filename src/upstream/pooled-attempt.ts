// Owns one request on a pooled undici connection: it is undici's dispatch handler and, to save an object for each
// request, also the options of the dispatch. Hot: no closure, promise or timer for a request (RFC 9112 section 9.3).

import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { GatewayError } from "../http/errors.ts";
import type { FieldLines } from "../http/message.ts";
import type { Attempt, AttemptListener, AttemptTimeouts, OriginRequest } from "./attempt.ts";
import type { Connection, ConnectionAware } from "./connection.ts";
import { exchangeFailure } from "./failures.ts";
import {
  decodeFields,
  fieldsWithLength,
  isForeignTransferCoding,
  safeReason,
} from "./origin-fields.ts";

/** Where an attempt gets its connection, and who wants it back. */
export interface AttemptHost {
  readonly servername: string;
  /** Monotonic time, some ticks old. */
  readonly nowMs: number;
  readonly timeouts: AttemptTimeouts;
  /** Has undici dispatch the attempt soon, never before this returns. */
  dispatchPooled(attempt: PooledAttempt): void;
  dispatchFresh(attempt: PooledAttempt): void;
  /** The attempt no longer occupies a connection. Called once. */
  release(): void;
  reusedConnection(): void;
}

const CONNECTING = 0;
const SENDING = 1;
const WAITING = 2;
const READING = 3;
const DONE = 4;

const NO_FIELDS: FieldLines = [];

export class PooledAttempt implements Attempt, ConnectionAware, Dispatcher.DispatchHandler {
  // What undici reads as dispatch options.
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: string[];
  readonly body: Readable | null;
  readonly servername: string;
  /** True closes the connection after this exchange. */
  readonly reset: boolean | undefined;

  connection: Connection | null = null;
  reused = false;
  sent = false;
  responseBegun = false;

  readonly #listener: AttemptListener;
  readonly #host: AttemptHost;
  #controller: Dispatcher.DispatchController | null = null;
  #phase = CONNECTING;
  /** The listener hears nothing more; undici may still hold the connection. */
  #silent = false;
  #resumeScheduled = false;
  #paused = false;
  /** Last sign of life, on the host's coarse clock. */
  #lastMs: number;
  #bytesRead = 0;

  constructor(
    request: OriginRequest,
    listener: AttemptListener,
    host: AttemptHost,
    connection: "pooled" | "fresh",
  ) {
    this.method = request.method;
    this.path = request.path;
    // undici does not write to it.
    this.headers = fieldsWithLength(request) as string[];
    this.body = request.body;
    this.servername = host.servername;
    this.reset = connection === "fresh" ? true : undefined;
    this.#listener = listener;
    this.#host = host;
    this.#lastMs = host.nowMs;
  }

  start(): void {
    if (this.reset === true) this.#host.dispatchFresh(this);
    else this.#host.dispatchPooled(this);
  }

  resume(): void {
    if (this.#silent || this.#resumeScheduled) return;
    this.#resumeScheduled = true;
    this.#lastMs = this.#host.nowMs;
    // Not at once: undici's parser is one for all connections, and we may be in a callback of it.
    process.nextTick(resumeNow, this);
  }

  resumeNow(): void {
    this.#resumeScheduled = false;
    this.#paused = false;
    if (!this.#silent) this.#controller?.resume();
  }

  abort(): void {
    this.#silent = true;
    if (this.#phase === DONE) return;
    if (this.#controller !== null) this.#controller.abort(ABORTED);
    else this.connection?.cancelConnect(ABORTED);
  }

  /** Called by the host when it ends before undici saw the attempt. */
  discard(): void {
    this.#finish();
    this.#host.release();
  }

  /** True when nobody waits for this attempt any more. */
  get abandoned(): boolean {
    return this.#silent;
  }

  checkDeadlines(nowMs: number): void {
    if (this.#silent) return;
    const { connectMs, headersMs, idleMs } = this.#host.timeouts;
    const sinceMs = nowMs - this.#lastMs;
    if (this.#phase === CONNECTING) {
      if (connectMs > 0 && sinceMs >= connectMs) this.#expire(connectExpired());
    } else if (this.#phase === SENDING) {
      // While the socket takes what we have, it is the client that we wait for: the wire watches that.
      if (this.connection?.socket?.writableNeedDrain !== true) this.#lastMs = nowMs;
      else if (idleMs > 0 && sinceMs >= idleMs) this.#expire(uploadExpired());
    } else if (this.#phase === WAITING) {
      if (headersMs > 0 && sinceMs >= headersMs) this.#expire(headersExpired());
    } else if (this.#phase === READING && idleMs > 0) {
      if (this.#paused && this.#originMoves()) this.#lastMs = nowMs;
      else if (sinceMs >= idleMs) this.#expire(contentExpired());
    }
  }

  // ── undici's callbacks ───────────────────────────────────────────────────────────────────────────────────────

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#silent) {
      controller.abort(ABORTED);
      return;
    }
    this.#controller = controller;
    this.sent = true;
    this.#phase = this.body === null ? WAITING : SENDING;
    this.#lastMs = this.#host.nowMs;
    const connection = this.connection;
    if (connection === null) return;
    this.reused = connection.written > 0;
    connection.written += 1;
    if (this.reused) this.#host.reusedConnection();
  }

  onBodySent(): void {
    this.#lastMs = this.#host.nowMs;
  }

  onRequestSent(): void {
    this.#lastMs = this.#host.nowMs;
    if (this.#phase === SENDING) this.#phase = WAITING;
  }

  onResponseStarted(): void {
    this.responseBegun = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason?: string,
  ): void {
    if (this.#silent) return;
    this.#lastMs = this.#host.nowMs;
    const fields = decodeFields(controller.rawHeaders);
    const head = { status, reason: safeReason(reason), fields };
    if (status === 101 || isForeignTransferCoding(fields)) {
      this.#expire(new GatewayError("upstream_invalid", status === 101 ? "unasked 101" : "coding"));
    } else if (status < 200) {
      this.#listener.interim(head);
    } else {
      this.#phase = READING;
      this.#listener.head(head);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#silent) return;
    this.#lastMs = this.#host.nowMs;
    if (this.#listener.data(chunk) || this.#silent) return;
    this.#paused = true;
    this.#bytesRead = this.connection?.socket?.bytesRead ?? 0;
    controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const trailers = controller.rawTrailers;
    const cutOff = this.connection?.socketError;
    const silent = this.#silent;
    this.#finish();
    this.#host.release();
    if (silent) return;
    // undici takes a reset for the end of content that the close delimits (RFC 9112 section 8: it is incomplete).
    if (cutOff) this.#listener.failed(exchangeFailure(cutOff, "responding", false));
    else this.#listener.end(isEmpty(trailers) ? NO_FIELDS : decodeFields(trailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const silent = this.#silent;
    const progress = PROGRESS[this.#phase] ?? "sent";
    const ended = this.connection?.originEnded === true;
    this.#finish();
    try {
      if (!silent) {
        this.#listener.failed(this.#downstreamFailure() ?? exchangeFailure(error, progress, ended));
      }
    } finally {
      // After the call has decided: a retry on this target then takes over the slot that it had.
      this.#host.release();
    }
  }

  /** The client broke its content off, or sent it malformed; the wire destroyed the stream with the reason. */
  #downstreamFailure(): GatewayError | null {
    const body = this.body;
    if (body === null || body.readableEnded || !body.destroyed) return null;
    const cause = body.errored;
    if (cause instanceof GatewayError) return cause;
    return new GatewayError("client_closed", "content broken off", { cause });
  }

  /** Behind a pause: the socket got bytes since the last look, or would if we read them. */
  #originMoves(): boolean {
    const socket = this.connection?.socket;
    if (!socket) return false;
    const moved = socket.bytesRead !== this.#bytesRead;
    this.#bytesRead = socket.bytesRead;
    return moved || socket.readableLength >= socket.readableHighWaterMark;
  }

  #expire(error: GatewayError): void {
    this.abort();
    this.#listener.failed(error);
  }

  #finish(): void {
    this.#silent = true;
    this.#phase = DONE;
  }
}

const PROGRESS: readonly ("connecting" | "sent" | "responding")[] = [
  "connecting",
  "sent",
  "sent",
  "responding",
];

/** What undici is told when we give an exchange up; it never reaches anyone. */
const ABORTED = new Error("given up");

function resumeNow(attempt: PooledAttempt): void {
  attempt.resumeNow();
}

function isEmpty(fields: unknown): boolean {
  return fields === null || fields === undefined || (Array.isArray(fields) && fields.length === 0);
}

function connectExpired(): GatewayError {
  return new GatewayError("connect_timeout", "no connection in time", { beforeSend: true });
}

function uploadExpired(): GatewayError {
  return new GatewayError("headers_timeout", "the origin stopped taking the content");
}

function headersExpired(): GatewayError {
  return new GatewayError("headers_timeout", "no response head in time");
}

function contentExpired(): GatewayError {
  return new GatewayError("body_stalled", "no content in time");
}
