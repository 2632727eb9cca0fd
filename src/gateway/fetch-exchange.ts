// Owns an exchange whose response becomes a Response of the Fetch API, and the way back: for
// createGateway().fetch and for routes with middleware. Knows no sockets.

import { Readable } from "node:stream";
import { GatewayError } from "../http/errors.ts";
import { hasField } from "../http/fields.ts";
import type {
  ClientAddress,
  Exchange,
  FieldLines,
  Outcome,
  RequestHead,
  ResponseHead,
} from "../http/message.ts";
import { errorResponse } from "../wire/error-response.ts";
import { headersOf } from "./lazy-request.ts";

export interface FetchExchangeParts {
  readonly request: RequestHead;
  readonly body: Readable | null;
  readonly bodyLength: number;
  readonly client: ClientAddress;
  readonly id: string;
  readonly outcome: Outcome;
  readonly date: () => string;
  /** Called once, when the exchange has ended. */
  readonly finished?: (exchange: FetchExchange) => void;
}

/** Content that may wait for the reader of the Response before `write` returns false. */
const QUEUE_BYTES_MAX = 65_536;

export class FetchExchange implements Exchange {
  readonly request: RequestHead;
  readonly body: Readable | null;
  readonly bodyLength: number;
  readonly client: ClientAddress;
  readonly id: string;
  /** The Fetch API has no interim responses. */
  readonly expectsContinue = false;
  readonly outcome: Outcome;
  responded = false;
  ended = false;
  onAbort: (() => void) | null = null;
  onDrain: (() => void) | null = null;
  /** Settles with the final head; the body follows as it arrives. Never rejects. */
  readonly response: Promise<Response>;
  readonly #resolve: (response: Response) => void;
  readonly #date: () => string;
  readonly #finished: ((exchange: FetchExchange) => void) | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #hasContent = false;

  constructor(parts: FetchExchangeParts) {
    this.request = parts.request;
    this.body = parts.body;
    this.bodyLength = parts.bodyLength;
    this.client = parts.client;
    this.id = parts.id;
    this.outcome = parts.outcome;
    this.#date = parts.date;
    this.#finished = parts.finished;
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#resolve = resolve;
  }

  /** Interim responses cannot be told to a caller of fetch. */
  inform(): void {}

  respond(head: ResponseHead, length: number): void {
    if (this.ended || this.responded) return;
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
        pull: () => this.onDrain?.(),
        cancel: () => this.#abort("the reader of the response cancelled it"),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES_MAX }),
    );
  }

  write(chunk: Uint8Array): boolean {
    if (this.ended) return false;
    if (!this.#hasContent || this.#controller === null) return true;
    this.outcome.bytes += chunk.length;
    this.#controller.enqueue(chunk);
    return (this.#controller.desiredSize ?? 0) > 0;
  }

  end(): void {
    if (this.ended) return;
    this.#controller?.close();
    this.#finish();
  }

  fail(error: GatewayError): void {
    if (this.ended) return;
    this.outcome.reason = error.code;
    this.outcome.detail = error.detail;
    if (this.responded) {
      this.#controller?.error(error);
      this.#finish();
      return;
    }
    const answer = error.status === 0 ? new GatewayError("internal_error", error.detail) : error;
    const { head, content } = errorResponse(answer, this.id, this.#date());
    this.respond(head, content.length);
    this.write(content);
    this.end();
  }

  #abort(detail: string): void {
    if (this.ended) return;
    this.outcome.reason = "client_closed";
    this.outcome.detail = detail;
    const abort = this.onAbort;
    this.#finish();
    abort?.();
  }

  /** The exchange that this one answers for has lost its client. */
  clientLeft(): void {
    this.#controller?.error(new GatewayError("client_closed", "the client closed the connection"));
    this.#abort("the client closed the connection");
  }

  #finish(): void {
    this.ended = true;
    this.onAbort = null;
    this.onDrain = null;
    this.outcome.sentBytes = this.outcome.bytes;
    this.#finished?.(this);
  }
}

/** Sends a Response as the answer of an exchange, with the backpressure of its client. */
export async function respondWith(exchange: Exchange, response: Response): Promise<void> {
  const head = { status: response.status, reason: response.statusText, fields: linesOf(response) };
  const declared = response.headers.get("content-length");
  const length = declared !== null && /^\d+$/.test(declared) ? Number(declared) : -1;
  exchange.respond(head, response.body === null && length < 0 ? 0 : length);
  const reader = response.body?.getReader();
  if (reader !== undefined) {
    exchange.onAbort = () => void reader.cancel().catch(ignoreCancelled);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || exchange.ended) break;
      if (!exchange.write(value) && !exchange.ended) await drained(exchange);
    }
  }
  exchange.end();
}

/** A stream that fails while it is cancelled has nobody left who could be told. */
function ignoreCancelled(): void {}

function drained(exchange: Exchange): Promise<void> {
  return new Promise((resolve) => {
    const abort = exchange.onAbort;
    const goOn = (): void => {
      exchange.onDrain = null;
      exchange.onAbort = abort;
      resolve();
    };
    exchange.onDrain = goOn;
    exchange.onAbort = () => {
      abort?.();
      resolve();
    };
  });
}

function linesOf(response: Response): FieldLines {
  const fields: string[] = [];
  for (const [name, value] of response.headers) fields.push(name, value);
  return fields;
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
  return Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]);
}
