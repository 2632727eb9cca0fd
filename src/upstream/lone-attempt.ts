// Owns one request on a connection of its own, over node:http, for what undici cannot send: Expect:
// 100-continue, whose interim answer is the origin's to give and the client's to see (RFC 9110
// section 10.1.1), and OPTIONS *.

import { type ClientRequest, type IncomingMessage, request as startRequest } from "node:http";
import type { Socket } from "node:net";
import type { ResponseHead } from "../http/message.ts";
import type { AttemptListener, OriginRequest } from "./attempt.ts";
import type { Connector } from "./connection.ts";
import { exchangeFailure, RESPONSE_HEAD_BYTES_MAX } from "./failures.ts";
import { loneRequestFields, safeReason } from "./origin-fields.ts";
import {
  type AttemptHost,
  CONNECTING,
  DONE,
  EXPECTING,
  READING,
  SENDING,
  WAITING,
  WatchedAttempt,
} from "./watched-attempt.ts";

export interface LoneHost extends AttemptHost {
  readonly connector: Connector;
}

/** True for a request that needs a connection of its own. */
export function needsLoneConnection(request: OriginRequest): boolean {
  return request.expectsContinue || request.path === "*";
}

export class LoneAttempt extends WatchedAttempt {
  readonly #request: OriginRequest;
  readonly #host: LoneHost;
  #socket: Socket | null = null;
  #originEnded = false;
  #outgoing: ClientRequest | null = null;
  #incoming: IncomingMessage | null = null;
  #contentStarted = false;

  constructor(request: OriginRequest, listener: AttemptListener, host: LoneHost) {
    super(request, listener, host);
    this.#request = request;
    this.#host = host;
  }

  start(): void {
    const socket = this.#host.connector.open((error) => {
      if (error === null) this.#send(socket);
      else this.#fail(error);
    });
    this.#socket = socket;
    socket.once("end", () => {
      this.#originEnded = true;
    });
  }

  resume(): void {
    if (this.silent) return;
    this.paused = false;
    this.lastMs = this.#host.nowMs;
    this.#incoming?.resume();
  }

  abort(): void {
    this.silent = true;
    this.#close();
  }

  protected socket(): Socket | null {
    return this.#socket;
  }

  protected sendUnasked(): void {
    this.#sendContent();
  }

  // ── request ────────────────────────────────────────────────────────────────────────────────────

  #send(socket: Socket): void {
    if (this.silent) return;
    const { method, path } = this.#request;
    this.sent = true;
    this.lastMs = this.#host.nowMs;
    const outgoing = startRequest({
      createConnection: () => socket,
      method,
      path,
      headers: loneRequestFields(this.#request),
      maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
      setDefaultHeaders: false,
    });
    this.#outgoing = outgoing;
    outgoing.on("error", (error) => this.#fail(error));
    outgoing.on("information", (head) => this.#onInterim(head));
    outgoing.on("upgrade", () => {
      if (!this.silent) this.refuses(101, []);
    });
    outgoing.on("response", (incoming) => this.#onResponse(incoming));
    this.phase = this.content === null ? WAITING : EXPECTING;
    if (this.content === null) outgoing.end();
    else outgoing.flushHeaders();
    if (this.content !== null) this.#watchContent(this.content);
  }

  /** Notices a client that leaves, also before it was asked for content. */
  #watchContent(content: NonNullable<OriginRequest["body"]>): void {
    const brokenOff = (): void => {
      if (content.readableEnded || this.phase === DONE) return;
      if (this.#contentStarted || this.#incoming === null) this.#fail(content.errored);
    };
    content.on("close", brokenOff);
    if (content.destroyed) brokenOff();
  }

  #sendContent(): void {
    const { content } = this;
    const outgoing = this.#outgoing;
    if (this.#contentStarted || content === null || outgoing === null) return;
    this.#contentStarted = true;
    content.on("data", (chunk: Uint8Array) => {
      if (this.phase === DONE) return;
      // Only now: a client that goes on waiting leaves the origin in the phase where it owes an
      // answer.
      if (this.phase === EXPECTING) this.phase = SENDING;
      this.lastMs = this.#host.nowMs;
      if (!outgoing.write(chunk)) content.pause();
    });
    outgoing.on("drain", () => {
      this.lastMs = this.#host.nowMs;
      content.resume();
    });
    content.on("end", () => {
      if (this.phase === DONE) return;
      this.lastMs = this.#host.nowMs;
      if (this.phase < WAITING) this.phase = WAITING;
      outgoing.end();
    });
  }

  // ── response ───────────────────────────────────────────────────────────────────────────────────

  #onInterim(message: { statusCode: number; statusMessage: string; rawHeaders: string[] }): void {
    if (this.silent) return;
    this.responseBegun = true;
    this.lastMs = this.#host.nowMs;
    this.listener.interim(headOf(message));
    if (message.statusCode !== 100 || this.silent || this.content === null) return;
    this.phase = SENDING;
    this.#sendContent();
  }

  #onResponse(incoming: IncomingMessage): void {
    if (this.silent) return;
    this.#incoming = incoming;
    this.responseBegun = true;
    this.lastMs = this.#host.nowMs;
    const { statusCode = 0, statusMessage = "", rawHeaders } = incoming;
    if (this.refuses(statusCode, rawHeaders)) return;
    this.phase = READING;
    incoming.on("data", (chunk: Buffer) => {
      if (this.silent) return;
      this.lastMs = this.#host.nowMs;
      if (this.listener.data(chunk) || this.silent) return;
      this.pause();
      incoming.pause();
    });
    incoming.on("error", (error) => this.#fail(error));
    incoming.on("end", () => this.#onEnd(incoming));
    this.listener.head(headOf({ statusCode, statusMessage, rawHeaders }));
  }

  #onEnd(incoming: IncomingMessage): void {
    if (this.silent) return;
    if (!incoming.complete) {
      this.#fail(null);
      return;
    }
    this.silent = true;
    this.#close();
    this.listener.end(incoming.rawTrailers);
  }

  #fail(error: Error | null): void {
    if (!this.silent) {
      const progress =
        this.phase === CONNECTING ? "connecting" : this.phase === READING ? "responding" : "sent";
      const failure =
        this.downstreamFailure() ?? exchangeFailure(error, progress, this.#originEnded);
      this.silent = true;
      this.#close();
      this.listener.failed(failure);
    }
  }

  /**
   * Destroys the connection, and content that nobody will read to its end, and gives the slot back.
   */
  #close(): void {
    if (this.phase === DONE) return;
    this.phase = DONE;
    this.#outgoing?.destroy();
    this.#socket?.destroy();
    if (this.#contentStarted) this.content?.destroy();
    this.#host.release();
  }
}

function headOf(message: {
  statusCode: number;
  statusMessage: string;
  rawHeaders: readonly string[];
}): ResponseHead {
  return {
    status: message.statusCode,
    reason: safeReason(message.statusMessage),
    fields: message.rawHeaders,
  };
}
