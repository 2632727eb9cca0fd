// Hot. Owns one HTTP/1.1 connection: bytes in, heads parsed in the core's memory, hits answered at
// once, everything else handed over as an exchange, one at a time and in order (RFC 9112 sections
// 2, 6 and 9). Knows no caches.

import type { Socket } from "node:net";
import { STATUS_COMPLETE, STATUS_ERROR } from "../../assembly/layout.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import { GatewayError } from "../http/errors.ts";
import { AheadInput } from "./ahead.ts";
import { contentTooLarge, type MessageError } from "./content-decoder.ts";
import { openExchange } from "./exchange-opening.ts";
import { declaredLength, expectsUnknown, isPlain, keepsAlive } from "./h1-head.ts";
import type { ExchangeConnection, ExchangeFate, H1Exchange } from "./h1-exchange.ts";
import { probeHalfClosed } from "./half-close.ts";
import {
  CLOSED,
  DRAINING,
  EXCHANGING,
  LINGER_BYTES_MAX,
  LINGERING,
  READING_HEAD,
  SENDING,
  WAITING_FOR_PLACE,
} from "./h1-states.ts";
import { HeadReader, STATUS_NO_SLAB } from "./head-reader.ts";
import { IncomingContent } from "./incoming-content.ts";
import { PeerAddress } from "./peer-address.ts";
import type { ContentSource } from "./request-content.ts";
import {
  CONTENT_TIMEOUT,
  HEAD_TIMEOUT,
  INCOMPLETE_HEAD,
  refusal,
  sendRefusal,
  UNKNOWN_EXPECTATION,
} from "./refusal.ts";
import { reset, SendWatch, writeParts } from "./sending.ts";
import { type InputReceiver, startReading } from "./socket-input.ts";
import type { WireContext } from "./wire-context.ts";

export class H1Connection implements ExchangeConnection, ContentSource, PoolWaiter, InputReceiver {
  readonly socket: Socket;
  readonly client: PeerAddress;
  readonly #context: WireContext;
  readonly #head: HeadReader;
  readonly #sendWatch: SendWatch;
  #state = READING_HEAD;
  /** Received bytes that wait for their turn. */
  #ahead: AheadInput | null = null;
  #exchange: H1Exchange | null = null;
  /** The exchange waits for content that came with its head: a bad request reaches nobody. */
  #unopened = false;
  /** What is still to come of the exchange's content. */
  #content: IncomingContent | null = null;
  #requests = 0;
  /** Monotonic time of the read that brought the current head's first byte. */
  #startedMs = 0;
  #deadlineMs: number;
  /** Bytes that may still be dropped while draining or lingering. */
  #droppable = 0;
  #running = false;
  #keepAlive = true;
  #peerEnded = false;

  constructor(socket: Socket, context: WireContext) {
    this.socket = socket;
    this.#context = context;
    this.#head = new HeadReader(context.stage, this);
    this.#sendWatch = new SendWatch(socket, context.limits.sendStallMs);
    this.client = new PeerAddress(socket, context.secure === 1);
    this.#deadlineMs = context.clock.monotonicMs() + context.limits.idleTimeoutMs;
    socket.on("end", () => this.#receiveEnd());
    socket.on("drain", () => this.#drained());
    socket.on("timeout", () => reset(socket));
    // "close" follows and ends what is under way.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#closed());
    startReading(socket, context.stage.readBuffer, this);
  }

  get idle(): boolean {
    return this.#state === READING_HEAD && !this.#head.begun;
  }

  date(): string {
    return this.#context.date();
  }

  /** `chunk` is valid during the call. */
  receive(chunk: Buffer): void {
    if (this.#state === LINGERING || this.#state === CLOSED) this.#drop(chunk.length);
    else if (this.#ahead === null) this.#run(chunk);
    else this.#keepAhead(chunk);
  }

  /** Works through received bytes until they are used up or have to wait. */
  #run(chunk: Buffer): void {
    let offset = 0;
    this.#startedMs = this.#context.clock.monotonicMs();
    this.#running = true;
    while (offset < chunk.length) {
      if (this.#state === WAITING_FOR_PLACE) break;
      if (this.#content !== null) offset = this.#receiveContent(this.#content, chunk, offset);
      else if (this.#state === READING_HEAD) offset = this.#receiveHead(chunk, offset);
      else if (this.#unopened) this.#handOver();
      else break;
    }
    if (this.#unopened) this.#handOver();
    this.#running = false;
    if (offset < chunk.length && this.#state !== LINGERING && this.#state !== CLOSED) {
      this.#keepAhead(offset === 0 ? chunk : chunk.subarray(offset));
    }
  }

  #keepAhead(chunk: Buffer): void {
    this.#ahead ??= new AheadInput();
    this.#ahead.add(chunk);
    if (this.#ahead.full) this.socket.pause();
  }

  /** Goes on with the bytes that waited. */
  #resumeInput(): void {
    if (this.#running) return;
    if (this.socket.isPaused()) this.socket.resume();
    const ahead = this.#ahead;
    if (ahead !== null) {
      this.#ahead = null;
      this.#run(ahead.joined());
    }
    if (this.#peerEnded) this.#inputEnded();
    else if (this.#context.draining && this.#ahead === null) this.drainConnection();
  }

  #receiveHead(chunk: Buffer, offset: number): number {
    const begun = this.#head.begun;
    const status = this.#head.read(chunk, offset);
    if (status === STATUS_COMPLETE) {
      this.#begin(this.#head.record, this.#head.input);
      this.#head.release();
    } else if (status === STATUS_ERROR) {
      this.#refuse(this.#head.error());
      return chunk.length;
    } else {
      if (!begun) this.#deadlineMs = this.#startedMs + this.#context.limits.headTimeoutMs;
      if (status === STATUS_NO_SLAB) this.#awaitPlace();
    }
    return this.#head.next;
  }

  #awaitPlace(): void {
    this.#state = WAITING_FOR_PLACE;
    this.#deadlineMs = this.#startedMs + this.#context.limits.headTimeoutMs;
    this.socket.pause();
  }

  placeFree(): void {
    if (this.#state !== WAITING_FOR_PLACE) return;
    this.#state = this.#content === null ? READING_HEAD : EXCHANGING;
    this.#resumeInput();
  }

  /** A whole head is at `record`. */
  #begin(record: number, input: number): void {
    const { handler, secure, stage, limits } = this.#context;
    const { words } = stage.core;
    const base = record >>> 2;
    this.#requests++;
    this.#keepAlive = keepsAlive(words, base);
    if (isPlain(words, base) && this.canPersist()) {
      const response = handler.hit(record, input, secure, this.client);
      if (response !== null) {
        this.#sendHit(response);
        return;
      }
    }
    if (expectsUnknown(words, base)) {
      this.#refuse(UNKNOWN_EXPECTATION);
      return;
    }
    const length = declaredLength(words, base);
    this.#open(record, input, length);
    if (length > limits.contentBytesMax) this.#refuse(contentTooLarge(limits.contentBytesMax));
  }

  #sendHit(response: Uint8Array): void {
    const { socket } = this;
    writeParts(socket, response, this.#context.handler.tail);
    const pending = socket.writableLength !== 0;
    this.#context.handler.hitWritten(pending, this.#startedMs, this.client);
    if (pending && socket.writableNeedDrain) this.#state = SENDING;
    else this.#deadlineMs = this.#startedMs + this.#context.limits.idleTimeoutMs;
  }

  /** Makes the exchange. `length`: of the content, -1 when it is chunked. */
  #open(record: number, input: number, length: number): void {
    const { stage, limits } = this.#context;
    const startedMs = this.#startedMs;
    this.#state = EXCHANGING;
    if (length !== 0) {
      this.#content = new IncomingContent(length, this, { stage, limits, nowMs: startedMs });
    }
    const about = { content: this.#content, length, startedMs };
    this.#exchange = openExchange(this, this.#context, { record, input }, about);
    this.#unopened = true;
  }

  #handOver(): void {
    this.#unopened = false;
    if (this.#exchange !== null) this.#context.handler.exchange(this.#exchange);
  }

  #receiveContent(content: IncomingContent, chunk: Buffer, offset: number): number {
    const next = content.receive(chunk, offset, this.#startedMs);
    if (this.#state === DRAINING && (content.waiting || content.error !== null)) {
      // It has its response: a second one would be read as the answer to the next request.
      this.#linger();
      return chunk.length;
    }
    if (content.waiting) {
      this.#awaitPlace();
      return next;
    }
    if (content.error !== null) {
      this.#refuse(content.error);
      return chunk.length;
    }
    if (this.#state === DRAINING) this.#drop(next - offset);
    if (content.done) {
      this.#releaseContent();
      if (this.#state === DRAINING) this.#awaitHead();
    } else if (content.full) {
      this.socket.pause();
    }
    return next;
  }

  contentWanted(): void {
    if (this.#state !== EXCHANGING || this.#ahead !== null || !this.socket.isPaused()) return;
    this.#content?.excuse(this.#context.clock.monotonicMs());
    this.socket.resume();
  }

  #releaseContent(): void {
    this.#content?.release();
    this.#content = null;
  }

  /** Answers a bad message and lets the connection go: what follows cannot be trusted. */
  #refuse(error: MessageError): void {
    const failure = refusal(error);
    const handedOver = this.#unopened ? null : this.#exchange;
    this.#keepAlive = false;
    this.#unopened = false;
    this.#content?.breakOff(failure);
    if (handedOver !== null) {
      handedOver.refuse(failure);
    } else {
      this.#exchange = null;
      sendRefusal(this, this.#context, error, this.#startedMs);
      this.#linger();
    }
  }

  canPersist(): boolean {
    const { draining, limits } = this.#context;
    if (!this.#keepAlive || draining) return false;
    return (
      this.#requests < limits.requestsPerConnectionMax &&
      (this.#content === null ||
        (this.#exchange?.expectsContinue !== true &&
          this.#content.mayEndWithin(limits.drainBytesMax)))
    );
  }

  exchangeEnded(exchange: H1Exchange, fate: ExchangeFate): void {
    const durationMs = this.#context.clock.monotonicMs() - exchange.startedMs;
    this.#exchange = null;
    this.#context.handler.finished(exchange, durationMs);
    if (fate === "broken" || this.#state === CLOSED) {
      this.socket.destroy();
    } else if (fate === "close" || this.#state === WAITING_FOR_PLACE) {
      this.#linger();
    } else if (this.#content !== null) {
      this.#drain();
    } else {
      this.#awaitHead();
    }
  }

  /** Goes on to the next request, once the client takes the responses before it. */
  #awaitHead(): void {
    this.#state = this.socket.writableNeedDrain ? SENDING : READING_HEAD;
    if (this.#state === SENDING) return;
    this.#deadlineMs = this.#context.clock.monotonicMs() + this.#context.limits.idleTimeoutMs;
    this.#resumeInput();
  }

  /** Nobody wants the rest of the content: it is dropped so that the connection can persist. */
  #drain(): void {
    this.#state = DRAINING;
    this.#droppable = this.#context.limits.drainBytesMax;
    this.#deadlineMs = this.#context.clock.monotonicMs() + this.#context.limits.lingerMs;
    this.#content?.abandon();
    this.#resumeInput();
  }

  /** Ends our side and reads on for a while: a reset would destroy what is still to be read. */
  #linger(): void {
    if (this.#state === LINGERING || this.#state === CLOSED) return;
    this.#state = LINGERING;
    this.#head.release();
    this.#content?.abandon();
    this.#releaseContent();
    this.#ahead = null;
    this.#droppable = LINGER_BYTES_MAX;
    this.#deadlineMs = this.#context.clock.monotonicMs() + this.#context.limits.lingerMs;
    this.socket.end();
    this.socket.resume();
  }

  #drop(bytes: number): void {
    this.#droppable -= bytes;
    if (this.#droppable >= 0) return;
    if (this.#state === DRAINING) this.#linger();
    else this.socket.destroy();
  }

  #receiveEnd(): void {
    this.#peerEnded = true;
    if (this.#state !== WAITING_FOR_PLACE) this.#inputEnded();
  }

  /** All that the client sent has been worked on, but for requests behind the current one. */
  #inputEnded(): void {
    if (this.#state === READING_HEAD && this.#head.begun) {
      this.#refuse(INCOMPLETE_HEAD);
    } else if (this.#state === READING_HEAD || this.#state === DRAINING) {
      this.#linger();
    } else if (this.#content !== null) {
      this.#clientLeft("the client ended its request in mid-content");
    } else if (this.#exchange !== null) {
      probeHalfClosed(this.#exchange, this.socket, () =>
        this.#clientLeft("the client ended the connection"),
      );
    }
  }

  #clientLeft(detail: string): void {
    this.#content?.breakOff(new GatewayError("client_closed", detail));
    this.#exchange?.clientLeft(detail);
    this.socket.destroy();
  }

  #drained(): void {
    if (this.#state === SENDING) this.#awaitHead();
    else this.#exchange?.onDrain?.();
  }

  #closed(): void {
    this.#state = CLOSED;
    this.#content?.breakOff(new GatewayError("client_closed", "the client closed the connection"));
    this.#head.release();
    this.#releaseContent();
    this.#context.stage.slabs.leave(this);
    this.#context.stage.decoders.leave(this);
    this.#ahead = null;
    this.#exchange?.clientLeft("the client closed the connection");
    this.#context.closed(this);
  }

  /** The listener stops: an idle connection closes, a busy one with its response. */
  drainConnection(): void {
    if (this.idle) this.#linger();
  }

  /** Called by the listener every now and then. */
  sweep(nowMs: number): void {
    this.#sendWatch.sweep();
    const ends = this.#context.draining && this.idle;
    if (this.#state === EXCHANGING) this.#watchContent(nowMs);
    else if (ends || nowMs >= this.#deadlineMs) this.#expire(nowMs);
  }

  #expire(nowMs: number): void {
    if (this.#state === DRAINING || this.idle) this.#linger();
    else if (this.#state <= WAITING_FOR_PLACE) this.#refuse(HEAD_TIMEOUT);
    else if (this.#state !== LINGERING) return;
    // A client that reads slowly still gets its response; one that does not read is reset.
    else if (this.socket.writableLength === 0) this.socket.destroy();
    else this.#deadlineMs = nowMs + this.#context.limits.lingerMs;
  }

  #watchContent(nowMs: number): void {
    const content = this.#content;
    if (content === null) return;
    const held = this.#exchange?.holdsContent === true && !content.begun;
    if (held || this.socket.isPaused()) content.excuse(nowMs);
    else if (content.expired(nowMs)) this.#refuse(CONTENT_TIMEOUT);
  }
}
