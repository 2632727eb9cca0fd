// Owns the requests that Hono sees: a stand-in with a method for routes without middleware, so that
// a forwarded request does not pay for the Fetch API, and a real Request for those with middleware.

import type { Readable } from "node:stream";
import type { Exchange } from "../http/exchange.ts";
import type { FieldLines, RequestHead } from "../http/message.ts";

class RoutedRequest {
  readonly method: string;

  constructor(method: string) {
    this.method = method;
  }
}

/**
 * All that Hono reads of a request by itself is its method; this is the one place that says so to
 * the checker.
 */
export function createRoutedRequest({ request }: Exchange): Request {
  return new RoutedRequest(request.method) as unknown as Request;
}

/** The Request of an exchange, and its content; null where it has none that a Request can have. */
export interface RealRequest {
  readonly request: Request;
  readonly content: ContentStream | null;
}

/** Throws a TypeError where the target URI or the method is not one of the Fetch API. */
export function createRealRequest(exchange: Exchange, signal: AbortSignal): RealRequest {
  const { method, fields } = exchange.request;
  const { body } = exchange;
  const init = { method, headers: headersOf(fields), signal };
  const uri = targetUri(exchange.request);
  if (body === null || method === "GET" || method === "HEAD") {
    return { request: new Request(uri, init), content: null };
  }
  const content = new ContentStream(exchange, body);
  const request = new Request(uri, { ...init, body: content.stream, duplex: "half" as const });
  return { request, content };
}

/** The content of an exchange as a web stream that takes nothing before it is read. */
export class ContentStream {
  readonly stream: ReadableStream<Uint8Array>;
  #pulled = false;

  constructor(exchange: Exchange, body: Readable) {
    const pieces: AsyncIterator<Uint8Array> = body.iterator({ destroyOnReturn: false });
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (!this.#pulled && exchange.expectsContinue) exchange.inform(CONTINUE);
          this.#pulled = true;
          const { done, value } = await pieces.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Somebody reads it, or has made a copy: the exchange's content is no longer whole. */
  get taken(): boolean {
    return this.#pulled || this.stream.locked;
  }
}

/** Who reads content by the Fetch API wants it (RFC 9110 section 10.1.1). */
const CONTINUE = { status: 100, reason: "", fields: [] };

/**
 * The target URI (RFC 9110 section 7.1). The asterisk form and a missing HTTP/1.0 Host get a
 * stand-in.
 */
function targetUri({ scheme, authority, path }: RequestHead): string {
  const host = authority === "" ? "localhost" : authority;
  return `${scheme}://${host}${path.startsWith("/") ? path : `/${path}`}`;
}

export function headersOf(fields: FieldLines): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    headers.append(fields[index] ?? "", fields[index + 1] ?? "");
  }
  return headers;
}
