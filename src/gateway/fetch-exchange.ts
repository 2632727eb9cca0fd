// Owns an exchange whose response becomes a Response of the Fetch API, for createGateway().fetch
// and for routes with middleware, and the exchange that a Request makes. Knows no sockets.

import { Readable } from "node:stream";
import { GatewayError } from "../http/errors.ts";
import { hasField } from "../http/fields.ts";
import { type ClientAddress, type Exchange, type Outcome, newOutcome } from "../http/exchange.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import { errorResponse } from "../wire/error-response.ts";
import { headersOf } from "./lazy-request.ts";

export interface FetchExchangeParts {
  readonly request: RequestHead;
  readonly body: Readable | null;
  readonly bodyLength: number;
  /** The exchange that `body` is of, untouched; without it there are no trailers. */
  readonly bodyOf?: Exchange;
  readonly client: ClientAddress;
  readonly id: string;
  readonly startedMs: number;
  readonly expectsContinue: boolean;
  readonly outcome: Outcome;
  readonly date: () => string;
  /** Takes interim responses; without it they are dropped, because the Fetch API has none. */
  readonly inform?: (head: ResponseHead) => void;
  /** Called once, when the exchange has ended. */
  readonly finished?: (exchange: FetchExchange) => void;
}

/** A Response has no larger one (Fetch standard section 5.5). */
const STATUS_MAX = 599;
/** As nginx logs it; it stands for a response that nobody is there to read. */
const CLIENT_CLOSED_STATUS = 499;
/** Content that may wait for the reader of the Response before `write` returns false. */
const QUEUE_BYTES_MAX = 65_536;

export class FetchExchange implements Exchange {
  readonly request: RequestHead;
  readonly body: Readable | null;
  readonly bodyLength: number;
  readonly client: ClientAddress;
  readonly id: string;
  readonly startedMs: number;
  readonly expectsContinue: boolean;
  readonly outcome: Outcome;
  /** The trailer section of the response, which a Response cannot have; empty before the end. */
  trailers: FieldLines = [];
  /** Readers get what was written as it is. */
  readonly flushed = false;
  responded = false;
  ended = false;
  onAbort: Exchange["onAbort"] = null;
  onDrain: Exchange["onDrain"] = null;
  reader: Exchange["reader"] = null;
  /** Settles with the final head; the body follows as it arrives. Never rejects. */
  readonly response: Promise<Response>;
  readonly #resolve: (response: Response) => void;
  readonly #date: () => string;
  readonly #inform: ((head: ResponseHead) => void) | undefined;
  readonly #finished: ((exchange: FetchExchange) => void) | undefined;
  readonly #bodyOf: Exchange | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #hasContent = false;
  /** Content that the reader of the Response has not asked for. */
  #pending: Uint8Array[] = [];

  constructor(parts: FetchExchangeParts) {
    this.request = parts.request;
    this.body = parts.body;
    this.bodyLength = parts.bodyLength;
    this.#bodyOf = parts.bodyOf;
    this.client = parts.client;
    this.id = parts.id;
    this.startedMs = parts.startedMs;
    this.expectsContinue = parts.expectsContinue;
    this.outcome = parts.outcome;
    this.#date = parts.date;
    this.#inform = parts.inform;
    this.#finished = parts.finished;
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#resolve = resolve;
  }

  get bodyTrailers(): FieldLines {
    return this.#bodyOf?.bodyTrailers ?? [];
  }

  inform(head: ResponseHead): void {
    if (!this.ended && !this.responded) this.#inform?.(head);
  }

  respond(head: ResponseHead, length: number): void {
    if (this.ended || this.responded) return;
    if (head.status > STATUS_MAX) {
      this.#refuse("the status is not one of the Fetch API");
      return;
    }
    this.responded = true;
    this.outcome.status = head.status;
    const isNull = head.status === 204 || head.status === 205 || head.status === 304;
    this.#hasContent = !isNull && this.request.method !== "HEAD";
    const headers = headersOf(head.fields);
    if (length >= 0 && !isNull) headers.set("content-length", String(length));
    const init = { status: head.status, statusText: head.reason, headers };
    this.#resolve(new Response(this.#hasContent ? this.#stream() : null, init));
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pump(),
        cancel: () => this.#cancelled(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES_MAX }),
    );
  }

  write(chunk: Uint8Array): boolean {
    if (this.ended) return false;
    if (!this.#hasContent || chunk.length === 0) return true;
    this.outcome.bytes += chunk.length;
    this.#pending.push(chunk);
    this.#pump();
    return this.#pending.length === 0;
  }

  /**
   * Hands over copies of what fits: readers of a stream may change or transfer what they get, and
   * these bytes may be those of a stored response.
   */
  #pump(): void {
    const controller = this.#controller;
    if (controller === null) return;
    for (let [chunk] = this.#pending; chunk !== undefined; [chunk] = this.#pending) {
      if ((controller.desiredSize ?? 0) <= 0) return;
      if (chunk.length > QUEUE_BYTES_MAX) this.#pending[0] = chunk.subarray(QUEUE_BYTES_MAX);
      else this.#pending.shift();
      // Last, because it may come back in here by way of a waiting reader.
      controller.enqueue(new Uint8Array(chunk.subarray(0, QUEUE_BYTES_MAX)));
    }
    if (this.#controller === null) return;
    if (this.ended) {
      this.#controller = null;
      controller.close();
    } else if ((controller.desiredSize ?? 0) > 0) {
      this.onDrain?.();
    }
  }

  #cancelled(): void {
    this.#controller = null;
    this.#abort("the reader of the response cancelled it");
  }

  end(trailers: FieldLines = []): void {
    if (this.ended) return;
    this.trailers = trailers;
    this.#finish();
    this.#pump();
  }

  fail(error: GatewayError): void {
    if (this.ended) return;
    this.outcome.reason = error.code;
    this.outcome.detail = error.detail;
    if (this.responded) {
      this.#breakOff(error);
      this.#finish();
      return;
    }
    const answer = error.status === 0 ? new GatewayError("internal_error", error.detail) : error;
    const { head, content } = errorResponse(answer, this.id, this.#date());
    this.respond(head, content.length);
    this.write(content);
    this.end();
  }

  #breakOff(error: GatewayError): void {
    this.#pending = [];
    this.#controller?.error(error);
    this.#controller = null;
  }

  /** A response that cannot be a Response: the origin server's is given up. */
  #refuse(detail: string): void {
    const abort = this.onAbort;
    this.fail(new GatewayError("upstream_invalid", detail));
    abort?.call(this);
  }

  #abort(detail: string): void {
    if (this.ended) return;
    this.outcome.reason = "client_closed";
    this.outcome.detail = detail;
    const abort = this.onAbort;
    this.#finish();
    // Whoever waits for it can clean up; nobody sees it.
    if (!this.responded) this.#resolve(new Response(null, { status: CLIENT_CLOSED_STATUS }));
    abort?.call(this);
  }

  /** Nobody wants the response, or the rest of it, any more. */
  leave(detail: string): void {
    this.#breakOff(new GatewayError("client_closed", detail));
    this.#abort(detail);
  }

  #finish(): void {
    this.ended = true;
    this.onAbort = null;
    this.onDrain = null;
    this.outcome.sentBytes = this.outcome.bytes;
    this.#finished?.(this);
  }
}

/** The exchange of a request that no client has sent; `parts`: what is known of it. */
export function exchangeWithoutSocket(
  request: RequestHead,
  parts: Partial<FetchExchangeParts> = {},
): FetchExchange {
  return new FetchExchange({
    body: null,
    bodyLength: 0,
    expectsContinue: false,
    client: { address: "", port: 0, secure: request.scheme === "https", logFragment: null },
    id: "",
    startedMs: 0,
    outcome: newOutcome(),
    date: () => "",
    ...parts,
    request,
  });
}

/**
 * The head of a Request that came through `fetch`, with the Host that the wire would have required.
 */
export function headOfRequest(request: Request): RequestHead {
  const url = new URL(request.url);
  const fields: string[] = [];
  for (const [name, value] of request.headers) fields.push(name, value);
  if (!hasField(fields, "host")) fields.unshift("host", url.host);
  return {
    method: request.method,
    scheme: url.protocol === "https:" ? "https" : "http",
    authority: url.host.toLowerCase(),
    path: url.pathname + url.search,
    version: "1.1",
    fields,
  };
}

/** The content of a Request as a Node stream; null without one. */
export function contentOfRequest(request: Request): Readable | null {
  if (request.body === null) return null;
  return Readable.fromWeb(request.body);
}
