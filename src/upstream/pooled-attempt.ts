// Owns one request on a pooled undici connection: it is undici's dispatch handler and, to save an
// object for each request, also the options of the dispatch. Hot: no closure, promise or timer for
// a request (RFC 9112 section 9.3).

import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { FieldLines } from "../http/message.ts";
import { contentHeld } from "../read-memory.ts";
import type { AttemptListener, OriginRequest } from "./attempt.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { Connection } from "./connection.ts";
import { exchangeFailure, type Progress } from "./failures.ts";
import { decodeFields, fieldsWithLength, safeReason } from "./origin-fields.ts";
import {
  type AttemptHost,
  CONNECTING,
  DONE,
  READING,
  SENDING,
  TOO_MANY_INTERIMS,
  WAITING,
  WatchedAttempt,
} from "./watched-attempt.ts";
import { ignoresContent } from "./wire-request.ts";

/** Where a pooled attempt gets its connection. */
export interface PooledHost extends AttemptHost {
  readonly servername: string;
  readonly connections: ConnectionPool;
  reusedConnection(): void;
}

const NO_FIELDS: FieldLines = [];

export class PooledAttempt extends WatchedAttempt implements Dispatcher.DispatchHandler {
  // What undici reads as dispatch options.
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: string[];
  readonly body: Readable | null;
  readonly servername: string;
  /** True asks for a connection that was not used before, and closes it after this exchange. */
  readonly reset: boolean | undefined;

  connection: Connection | null = null;
  readonly #host: PooledHost;
  #controller: Dispatcher.DispatchController | null = null;
  #resumeScheduled = false;

  constructor(
    request: OriginRequest,
    listener: AttemptListener,
    host: PooledHost,
    connection: "pooled" | "fresh",
  ) {
    super(request, listener, host);
    this.method = request.method;
    this.path = request.path;
    // undici does not write to it.
    this.headers = fieldsWithLength(request) as string[];
    this.body = request.body;
    this.servername = host.servername;
    this.reset = connection === "fresh" || ignoresContent(request) ? true : undefined;
    this.#host = host;
  }

  start(): void {
    this.#host.connections.dispatch(this);
  }

  resume(): void {
    if (this.silent || this.#resumeScheduled) return;
    this.#resumeScheduled = true;
    this.lastMs = this.#host.nowMs;
    // Not at once: undici's parser is one for all connections, and we may be in a callback of it.
    process.nextTick(resumeNow, this);
  }

  /** What `resume` puts off. */
  resumeNow(): void {
    this.#resumeScheduled = false;
    this.paused = false;
    if (!this.silent) this.#controller?.resume();
  }

  abort(): void {
    this.silent = true;
    if (this.phase === DONE) return;
    if (this.#controller !== null) this.#controller.abort(ABORTED);
    else this.connection?.cancelConnect(ABORTED);
    // undici still has it in a queue and will destroy its content later: that content cannot go to
    // anyone else.
    if (this.phase === CONNECTING) this.sent = true;
  }

  /** Ends an abandoned attempt that undici has not seen. */
  discard(): void {
    this.phase = DONE;
    this.#host.release();
  }

  // ── undici's callbacks ─────────────────────────────────────────────────────────────────────────

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.silent) {
      controller.abort(ABORTED);
      return;
    }
    this.#controller = controller;
    this.sent = true;
    this.phase = this.body === null ? WAITING : SENDING;
    this.lastMs = this.#host.nowMs;
    const connection = this.connection;
    if (connection === null) return;
    this.reused = connection.written > 0;
    connection.written += 1;
    if (this.reused) this.#host.reusedConnection();
  }

  onBodySent(): void {
    this.lastMs = this.#host.nowMs;
  }

  onRequestSent(): void {
    this.lastMs = this.#host.nowMs;
    if (this.phase === SENDING) this.phase = WAITING;
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
    if (this.silent) return;
    this.lastMs = this.#host.nowMs;
    const fields = decodeFields(controller.rawHeaders);
    if (this.refuses(status, fields)) return;
    if (status < 200 && !this.takesInterim()) {
      this.expire("upstream_invalid", TOO_MANY_INTERIMS);
    } else if (status < 200) {
      this.listener.interim({ status, reason: safeReason(reason), fields });
    } else {
      this.phase = READING;
      this.listener.head({ status, reason: safeReason(reason), fields });
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.silent) return;
    this.lastMs = this.#host.nowMs;
    contentHeld(chunk.length);
    if (this.listener.data(chunk, 0) || this.silent) return;
    this.pause();
    controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const trailers = controller.rawTrailers;
    const { connection, silent } = this;
    const cutOff = connection?.socketError;
    this.silent = true;
    this.phase = DONE;
    if (connection !== null) this.#host.connections.giveBack(connection, this.#host.nowMs);
    this.#host.release();
    if (silent) return;
    // undici takes a reset for the end of content that the close delimits (RFC 9112 section 8: it
    // is incomplete).
    if (cutOff) this.listener.failed(exchangeFailure(cutOff, "responding", false));
    else this.listener.end(isEmpty(trailers) ? NO_FIELDS : decodeFields(trailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const silent = this.silent;
    const progress = this.#progress();
    const originEnded = this.connection?.originEnded === true;
    this.silent = true;
    this.phase = DONE;
    try {
      if (!silent) {
        const failure = this.downstreamFailure() ?? exchangeFailure(error, progress, originEnded);
        this.listener.failed(failure);
      }
    } finally {
      if (this.connection !== null) this.#host.connections.giveUp(this.connection);
      // After the call has decided: a retry on this target then takes over the slot that it had.
      this.#host.release();
    }
  }

  protected socket(): Socket | null {
    return this.connection?.socket ?? null;
  }

  /** Requests that expect a 100 do not go over undici. */
  protected sendUnasked(): void {}

  #progress(): Progress {
    if (!this.sent) return "connecting";
    return this.phase === READING ? "responding" : "sent";
  }
}

/** What undici is told when we give an exchange up; it never reaches anyone. */
const ABORTED = new Error("given up");

function resumeNow(attempt: PooledAttempt): void {
  attempt.resumeNow();
}

function isEmpty(fields: unknown): boolean {
  return fields === null || fields === undefined || (Array.isArray(fields) && fields.length === 0);
}
