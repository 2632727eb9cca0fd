// Owns the answer to a message that never became an exchange: an error response that closes the
// connection, and its place in the accounts.

import type { Socket } from "node:net";
import { GatewayError } from "../http/errors.ts";
import type { ClientAddress } from "../http/exchange.ts";
import type { MessageError } from "./content-decoder.ts";
import { errorResponse } from "./error-response.ts";
import { renderResponseHead } from "./h1-codec.ts";
import type { WireContext } from "./wire-context.ts";

export const UNKNOWN_EXPECTATION: MessageError = {
  status: 417,
  error: "expectation",
  detail: "only 100-continue is known (RFC 9110 10.1.1)",
};
export const INCOMPLETE_HEAD: MessageError = {
  status: 400,
  error: "incomplete_head",
  detail: "the head broke off (RFC 9112 8)",
};
export const HEAD_TIMEOUT: MessageError = {
  status: 408,
  error: "head_timeout",
  detail: "the head took too long",
};
export const CONTENT_TIMEOUT: MessageError = {
  status: 408,
  error: "content_timeout",
  detail: "the content is too slow",
};

/** A bad or slow message as a failure of its exchange. */
export function refusal(error: MessageError): GatewayError {
  const code = error.status === 408 ? "request_stalled" : "invalid_request";
  return new GatewayError(code, error.detail, { status: error.status });
}

export function sendRefusal(
  connection: { readonly socket: Socket; readonly client: ClientAddress },
  context: WireContext,
  error: MessageError,
  startedMs: number,
): void {
  const { handler, clock } = context;
  const { client } = connection;
  const id = handler.newId();
  const { head, content } = errorResponse(refusal(error), id, context.date());
  const text = renderResponseHead(head, {
    framing: "length",
    length: content.length,
    connection: "close",
  });
  const bytes = Buffer.concat([Buffer.from(text, "latin1"), content]);
  connection.socket.write(bytes);
  const durationMs = clock.monotonicMs() - startedMs;
  handler.rejected({ ...error, client, id, durationMs, sentBytes: bytes.length });
}
