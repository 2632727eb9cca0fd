// Owns the way of a Response of the Fetch API to the client of an exchange, with its backpressure.
// Knows no sockets.

import { GatewayError } from "../http/errors.ts";
import { hasField } from "../http/fields.ts";
import type { Exchange } from "../http/exchange.ts";
import type { FieldLines } from "../http/message.ts";

export interface RespondOptions {
  /**
   * Whether Content-Length speaks of this content. A Response that was made from another with its
   * headers often has other content, and a response with the wrong length is a broken one.
   */
  readonly framing: "declared" | "unknown";
  /** Now, as an HTTP-date. */
  readonly date: string;
  /** The trailer section, asked for when the content has ended. */
  readonly trailers?: () => FieldLines;
}

/** Never rejects: content that fails breaks the exchange off. */
export async function respondWith(
  exchange: Exchange,
  response: Response,
  { framing, date, trailers }: RespondOptions,
): Promise<void> {
  const reader = response.body?.getReader();
  try {
    if (exchange.ended) return;
    const fields = fieldsOf(response, exchange.id, date);
    const head = { status: response.status, reason: response.statusText, fields };
    exchange.respond(head, lengthOf(exchange, response, framing));
    if (reader !== undefined) await copy(exchange, reader);
    exchange.end(trailers?.());
  } catch (cause) {
    exchange.fail(failureOf(cause));
  } finally {
    await reader?.cancel().catch(ignoreCancelled);
  }
}

async function copy(
  exchange: Exchange,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<void> {
  const abort = exchange.onAbort;
  let wake: (() => void) | null = null;
  exchange.onDrain = () => wake?.();
  exchange.onAbort = () => {
    abort?.call(exchange);
    // Ends the pending read: whoever makes the content may be waiting for a reader that is gone.
    void reader.cancel().catch(ignoreCancelled);
    wake?.();
  };
  for (;;) {
    const { done, value } = await reader.read();
    if (done || exchange.ended) return;
    if (exchange.write(value) || exchange.ended) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    wake = null;
  }
}

/** A stream that fails while it is cancelled has nobody left who could be told. */
function ignoreCancelled(): void {}

/** Content that comes from an origin server fails with the reason of that exchange. */
function failureOf(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  return new GatewayError("internal_error", "the response of a middleware failed", { cause });
}

function lengthOf(
  exchange: Exchange,
  response: Response,
  framing: RespondOptions["framing"],
): number {
  const declared = response.headers.get("content-length");
  const isNumber = declared !== null && /^\d{1,15}$/.test(declared);
  // What HEAD says of the content is about the response to GET.
  if (exchange.request.method === "HEAD") return isNumber ? Number(declared) : -1;
  if (response.body === null) return 0;
  return isNumber && framing === "declared" ? Number(declared) : -1;
}

function fieldsOf(response: Response, id: string, date: string): string[] {
  const fields: string[] = [];
  for (const [name, value] of response.headers) fields.push(name, value);
  if (!hasField(fields, "x-request-id")) fields.push("X-Request-Id", id);
  // RFC 9110 section 6.6.1: who makes a response and has a clock says when.
  if (!hasField(fields, "date")) fields.push("Date", date);
  return fields;
}
