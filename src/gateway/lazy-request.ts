// Owns the Request that Hono sees: method, URL and fields are read from the exchange, and a real
// Request is made only when somebody asks for more, so that a forwarded request does not pay for
// the Fetch API.

import { Readable } from "node:stream";
import type { Exchange, FieldLines, RequestHead } from "../http/message.ts";

export class LazyRequest {
  readonly #exchange: Exchange;
  #headers: Headers | null = null;
  #real: Request | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get method(): string {
    return this.#exchange.request.method;
  }

  get url(): string {
    return targetUri(this.#exchange.request);
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#exchange.request.fields);
    return this.#headers;
  }

  /**
   * The real Request; its body is the exchange's content, and whoever takes it keeps it from the
   * origin server.
   */
  get real(): Request {
    this.#real ??= this.#make();
    return this.#real;
  }

  #make(): Request {
    const { method } = this;
    const { body } = this.#exchange;
    const hasBody = body !== null && method !== "GET" && method !== "HEAD";
    return new Request(this.url, {
      method,
      headers: this.headers,
      ...(hasBody ? { body: Readable.toWeb(body), duplex: "half" as const } : {}),
    });
  }
}

/**
 * A LazyRequest passes for a Request wherever one is taken; this is the one place that says so to
 * the checker.
 */
export function createLazyRequest(exchange: Exchange): Request {
  return new LazyRequest(exchange) as unknown as Request;
}

/**
 * The target URI (RFC 9110 section 7.1). The asterisk form and a missing HTTP/1.0 Host get a
 * stand-in.
 */
export function targetUri({ scheme, authority, path }: RequestHead): string {
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

const DELEGATED_PROPERTIES = [
  "body",
  "bodyUsed",
  "cache",
  "credentials",
  "destination",
  "integrity",
  "keepalive",
  "mode",
  "redirect",
  "referrer",
  "referrerPolicy",
  "signal",
] as const;

const DELEGATED_METHODS = [
  "arrayBuffer",
  "blob",
  "bytes",
  "clone",
  "formData",
  "json",
  "text",
] as const;

Object.setPrototypeOf(LazyRequest.prototype, Request.prototype);
for (const key of DELEGATED_PROPERTIES) {
  Object.defineProperty(LazyRequest.prototype, key, {
    get(this: LazyRequest): unknown {
      return this.real[key];
    },
  });
}
for (const key of DELEGATED_METHODS) {
  Object.defineProperty(LazyRequest.prototype, key, {
    value(this: LazyRequest): unknown {
      return this.real[key]();
    },
  });
}
