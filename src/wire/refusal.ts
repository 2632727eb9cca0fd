// Owns the answer to a message that never became an exchange: an error response that closes the
// connection, and its place in the accounts.

import type { Socket } from "node:net";
import { GatewayError } from "../http/errors.ts";
import type { ClientAddress } from "../http/message.ts";
import type { MessageError } from "./content-decoder.ts";
import { errorResponse } from "./error-response.ts";
import { renderResponseHead } from "./h1-codec.ts";
import type { WireContext } from "./wire-context.ts";

export function sendRefusal(
  connection: { readonly socket: Socket; readonly client: ClientAddress },
  context: WireContext,
  error: MessageError,
  startedMs: number,
): void {
  const { handler, clock } = context;
  const { client } = connection;
  const id = handler.newId();
  const failure = new GatewayError("invalid_request", error.detail, { status: error.status });
  const { head, content } = errorResponse(failure, id, context.date());
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
