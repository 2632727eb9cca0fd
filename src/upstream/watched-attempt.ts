// Owns what every attempt shares, whatever carries it: its phase, its silence once it is given up,
// and its timeouts. Hot: checkDeadlines runs for each call at each tick. Knows no library, only the
// socket.

import type { Socket } from "node:net";
import { GatewayError } from "../http/errors.ts";
import type { FieldLines } from "../http/message.ts";
import type { Attempt, AttemptListener, AttemptTimeouts, OriginRequest } from "./attempt.ts";
import { isForeignTransferCoding } from "./origin-fields.ts";

/** Where an attempt runs: one slot of a target. */
export interface AttemptHost {
  /** Monotonic time, a tick old at most. */
  readonly nowMs: number;
  readonly timeouts: AttemptTimeouts;
  /** The attempt occupies no connection any more. Called once. */
  release(): void;
}

export const CONNECTING = 0;
/**
 * The head was sent with Expect: 100-continue, the content is held back (RFC 9110 section 10.1.1).
 */
export const EXPECTING = 1;
export const SENDING = 2;
export const WAITING = 3;
export const READING = 4;
export const DONE = 5;

/**
 * They have no backpressure and each restarts the deadline of the head: an origin server that sends
 * them without end would fill memory. A 102 every 20 s lasts half an hour.
 */
export const INTERIM_RESPONSES_MAX = 100;
export const TOO_MANY_INTERIMS = "too many interim responses";

/** The phases of an attempt, in their order. */
export type Phase = 0 | 1 | 2 | 3 | 4 | 5;

/** What an attempt gives up with by itself. */
export type ExpiryCode =
  | "connect_timeout"
  | "headers_timeout"
  | "body_stalled"
  | "upstream_invalid";

export abstract class WatchedAttempt implements Attempt {
  reused = false;
  sent = false;
  refused = false;
  responseBegun = false;
  protected readonly listener: AttemptListener;
  protected readonly host: AttemptHost;
  protected readonly content: OriginRequest["body"];
  protected phase: Phase = CONNECTING;
  /** The listener hears nothing more; the library may still hold the connection. */
  protected silent = false;
  /** The listener asked for a pause. */
  protected paused = false;
  /** Last sign of life, on the host's coarse clock. */
  protected lastMs: number;
  /** Bytes that the socket had read when it was looked at last, during a pause. */
  protected bytesRead = 0;
  #interims = 0;

  constructor(request: OriginRequest, listener: AttemptListener, host: AttemptHost) {
    this.content = request.body;
    this.listener = listener;
    this.host = host;
    this.lastMs = host.nowMs;
  }

  abstract start(): void;
  abstract resume(): void;
  abstract abort(): void;
  /** Where memory is not reused there is nothing to do. */
  giveBack(): void {}
  /** The connection's socket, as long as there is one that serves nobody else. */
  protected abstract socket(): Socket | null;
  /** The client may wait for a 100 that does not come: send what it has. */
  protected abstract sendUnasked(): void;

  /** True when nobody waits for this attempt any more. */
  get abandoned(): boolean {
    return this.silent;
  }

  checkDeadlines(nowMs: number): void {
    if (this.silent) return;
    const { connectMs, headersMs, idleMs, continueMs } = this.host.timeouts;
    const sinceMs = nowMs - this.lastMs;
    switch (this.phase) {
      case CONNECTING:
        if (isOver(sinceMs, connectMs)) this.expire("connect_timeout", "no connection in time");
        return;
      case EXPECTING:
        if (isOver(sinceMs, headersMs))
          this.expire("headers_timeout", "no answer to Expect in time");
        else if (isOver(sinceMs, continueMs)) this.sendUnasked();
        return;
      case SENDING:
        // While the socket takes what we have, it is the client that we wait for: the wire watches
        // that.
        if (!this.needsDrain()) this.lastMs = nowMs;
        else if (isOver(sinceMs, idleMs)) this.expire("headers_timeout", "content was not taken");
        return;
      case WAITING:
        if (isOver(sinceMs, headersMs)) this.expire("headers_timeout", "no response head in time");
        return;
      case READING:
        if (this.paused && this.originMoves()) this.lastMs = nowMs;
        else if (isOver(sinceMs, idleMs)) this.expire("body_stalled", "no content in time");
        return;
      default:
        return;
    }
  }

  /** Gives the attempt up if the head is one that we do not pass on; true if it did. */
  protected refuses(status: number, fields: FieldLines): boolean {
    let detail = "";
    if (status === 101) detail = "unasked 101";
    else if (status < 100) detail = "status below 100";
    else if (isForeignTransferCoding(fields)) detail = "transfer coding besides chunked";
    if (detail === "") return false;
    this.expire("upstream_invalid", detail);
    return true;
  }

  /** Counts an interim response; false for one too many. */
  protected takesInterim(): boolean {
    this.#interims += 1;
    return this.#interims <= INTERIM_RESPONSES_MAX;
  }

  /**
   * The client broke its content off or sent it malformed; the wire destroyed the stream, with the
   * reason if any.
   */
  protected downstreamFailure(): GatewayError | null {
    const content = this.content;
    if (content === null || content.readableEnded || !content.destroyed) return null;
    const cause = content.errored;
    if (cause instanceof GatewayError) return cause;
    return new GatewayError("client_closed", "content broken off", { cause });
  }

  /** Gives the attempt up with an error of our own. */
  protected expire(code: ExpiryCode, detail: string): void {
    const beforeSend = !this.sent;
    this.abort();
    this.listener.failed(new GatewayError(code, detail, { beforeSend }));
  }

  protected pause(): void {
    this.paused = true;
    this.bytesRead = this.socket()?.bytesRead ?? 0;
  }

  /** The origin does not take what we have for it. */
  protected needsDrain(): boolean {
    return this.socket()?.writableNeedDrain === true;
  }

  /** Behind a pause: the socket got bytes since the last look, or would if we read them. */
  protected originMoves(): boolean {
    const socket = this.socket();
    if (socket === null) return false;
    const moved = socket.bytesRead !== this.bytesRead;
    this.bytesRead = socket.bytesRead;
    return moved || socket.readableLength >= socket.readableHighWaterMark;
  }
}

function isOver(sinceMs: number, limitMs: number): boolean {
  return limitMs > 0 && sinceMs >= limitMs;
}
