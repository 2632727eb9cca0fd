// Owns the way of an exchange through the middleware of its route: a real Request goes in, what
// middleware made of it goes on to the origin server, and the Response that comes back goes to the
// client. Knows no routes and no sockets.

import { Readable } from "node:stream";
import type { Context, Next } from "hono";
import { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/exchange.ts";
import type { FieldLines, RequestHead } from "../http/message.ts";
import { contentOfRequest, FetchExchange } from "./fetch-exchange.ts";
import { createRealRequest, headersOf, type RealRequest } from "./lazy-request.ts";
import { respondWith } from "./respond-with.ts";

/** One exchange between its client and its middleware. */
export class Passage {
  readonly #exchange: Exchange;
  readonly #date: () => string;
  readonly #departure = new AbortController();
  #real: RealRequest | null = null;
  /** What middleware was given as the origin server's response. */
  #inner: FetchExchange | null = null;
  #innerBody: Response["body"] = null;

  constructor(exchange: Exchange, date: () => string) {
    this.#exchange = exchange;
    this.#date = date;
    exchange.onAbort = () => this.#clientLeft();
  }

  /** The first handler: gives those that follow a real Request. */
  async enter(context: Context, next: Next): Promise<void> {
    try {
      this.#real = createRealRequest(this.#exchange, this.#departure.signal);
    } catch (cause) {
      const detail = "the target URI or the method is not one of the Fetch API";
      throw new GatewayError("invalid_request", detail, { cause });
    }
    context.req.raw = this.#real.request;
    await next();
  }

  /** The last handler: the origin server's response to what middleware made of the request. */
  async forward(context: Context, serve: (exchange: Exchange) => void): Promise<Response> {
    const outer = this.#exchange;
    const { id, client } = outer;
    const { raw } = context.req;
    const request = forwardedHead(outer.request, this.#real?.request ?? raw, raw);
    const content = await this.#content(context);
    const inner = new FetchExchange({
      request,
      ...content,
      client,
      id,
      startedMs: outer.startedMs,
      outcome: { ...outer.outcome },
      date: this.#date,
      inform: (head) => outer.inform(head),
      finished: () => this.#take(inner),
    });
    this.#inner = inner;
    if (outer.ended) inner.leave("the client left");
    else serve(inner);
    this.#take(inner);
    const response = await inner.response;
    this.#take(inner);
    this.#innerBody = response.body;
    return response;
  }

  /** Sends what middleware returned, and lets go of what it left unread. */
  async answer(response: Response): Promise<void> {
    const fromOrigin = response.body !== null && response.body === this.#innerBody;
    const framing = fromOrigin ? "declared" : "unknown";
    const exchange = this.#exchange;
    // A Response has no trailers; those of content that middleware let pass go beside it.
    const trailers = () => (fromOrigin ? (this.#inner?.trailers ?? []) : []);
    try {
      await respondWith(exchange, response, { framing, date: this.#date(), trailers });
    } finally {
      this.leave();
    }
  }

  /** Middleware will not answer any more. */
  leave(): void {
    this.#inner?.leave("the response was not read");
  }

  #clientLeft(): void {
    this.#departure.abort();
    this.#inner?.leave("the client left");
  }

  /** What forwarding found out is the exchange's; its status and bytes are its own. */
  #take(inner: FetchExchange): void {
    const { endpoint, cache, target, retried, fallback, reason, detail } = inner.outcome;
    if (this.#exchange.ended) return;
    Object.assign(this.#exchange.outcome, {
      endpoint,
      cache,
      target,
      retried,
      fallback,
      reason,
      detail,
    });
  }

  /** Content as the client sends it, while nobody has touched it. */
  async #content(context: Context): Promise<Content> {
    const { raw } = context.req;
    const outer = this.#exchange;
    const { body, bodyLength, expectsContinue } = outer;
    const given = this.#real;
    if (raw !== given?.request) return { ...readable(raw), expectsContinue: false };
    if (given.content === null || !given.content.taken)
      return { body, bodyLength, expectsContinue, bodyOf: outer };
    if (!raw.bodyUsed) return { ...readable(raw), expectsContinue: false };
    // Read through Hono, which keeps what it read; otherwise this throws, as it does for any second
    // reader.
    const bytes = Buffer.from(await context.req.arrayBuffer());
    const again = bytes.length === 0 ? null : Readable.from([bytes], { objectMode: false });
    return { body: again, bodyLength: bytes.length, expectsContinue: false };
  }
}

interface Content {
  readonly body: Readable | null;
  readonly bodyLength: number;
  readonly expectsContinue: boolean;
  readonly bodyOf?: Exchange;
}

/** A Request does not say how long its content is. */
function readable(request: Request): { body: Readable | null; bodyLength: number } {
  const body = contentOfRequest(request);
  return { body, bodyLength: body === null ? 0 : -1 };
}

/**
 * The head with what middleware changed: field lines that it left alone keep their case, order and
 * number.
 */
function forwardedHead(received: RequestHead, given: Request, changed: Request): RequestHead {
  const fields = changedFields(received.fields, changed.headers);
  if (changed === given) return fields === received.fields ? received : { ...received, fields };
  const { method } = changed;
  if (changed.url === given.url) return { ...received, method, fields };
  const url = new URL(changed.url);
  return {
    ...received,
    method,
    scheme: url.protocol === "https:" ? "https" : "http",
    authority: url.host,
    path: url.pathname + url.search,
    fields,
  };
}

function changedFields(received: FieldLines, headers: Headers): FieldLines {
  const before = headersOf(received);
  const changed = new Set<string>();
  for (const [name, value] of headers) if (before.get(name) !== value) changed.add(name);
  for (const [name] of before) if (!headers.has(name)) changed.add(name);
  if (changed.size === 0) return received;
  const fields: string[] = [];
  for (let index = 0; index + 1 < received.length; index += 2) {
    const name = received[index] ?? "";
    if (!changed.has(name.toLowerCase())) fields.push(name, received[index + 1] ?? "");
  }
  for (const name of changed) {
    const value = headers.get(name);
    if (value !== null) fields.push(name, value);
  }
  return fields;
}
