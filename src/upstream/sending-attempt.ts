// Hot. Owns how an attempt of our own sends a request's content, whatever carries it: when it
// begins, which phase that is, and what its end or its breaking off means (RFC 9110 section
// 10.1.1). Knows no framing.

import { GatewayError } from "../http/errors.ts";
import type { AttemptListener, OriginRequest } from "./attempt.ts";
import {
  type AttemptHost,
  EXPECTING,
  SENDING,
  WAITING,
  WatchedAttempt,
} from "./watched-attempt.ts";
import { type ContentEvents, ContentSender, type ContentSink } from "./wire-content.ts";

export abstract class SendingAttempt extends WatchedAttempt implements ContentEvents {
  protected readonly request: OriginRequest;
  #sender: ContentSender | null = null;

  constructor(request: OriginRequest, listener: AttemptListener, host: AttemptHost) {
    super(request, listener, host);
    this.request = request;
  }

  protected abstract fail(error: GatewayError): void;
  /** Where the content of this request goes. */
  protected abstract contentSink(): ContentSink;

  /** The head has been written: the content follows, at once or when the origin asks for it. */
  protected headWritten(): void {
    this.sent = true;
    this.lastMs = this.host.nowMs;
    if (this.content === null) {
      this.phase = WAITING;
      return;
    }
    const { bodyLength, expectsContinue } = this.request;
    this.#sender = new ContentSender(this.content, this.contentSink(), bodyLength, this);
    this.phase = expectsContinue ? EXPECTING : SENDING;
    if (!expectsContinue) this.#sender.start();
  }

  /** Sends the content that is held back; nothing where it is not. */
  protected sendUnasked(): void {
    this.#sender?.start();
  }

  /** Content was asked for: it can go to nobody else any more. */
  protected get contentStarted(): boolean {
    return this.#sender?.started === true;
  }

  /** All content was written, or there is none. */
  protected get contentWritten(): boolean {
    return this.#sender === null || this.#sender.done;
  }

  protected stopSending(): void {
    this.#sender?.stop();
  }

  /** The origin takes more. */
  drained(): void {
    this.lastMs = this.host.nowMs;
    this.#sender?.drained();
  }

  contentMoved(): void {
    // Only now: a client that goes on waiting leaves the origin in the phase where it owes an
    // answer.
    if (this.phase === EXPECTING) this.phase = SENDING;
    this.lastMs = this.host.nowMs;
  }

  contentSent(): void {
    this.lastMs = this.host.nowMs;
    if (this.phase < WAITING) this.phase = WAITING;
  }

  contentBroken(): void {
    this.fail(new GatewayError("client_closed", "content broken off"));
  }
}
