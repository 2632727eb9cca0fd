// Owns what becomes of a parsed request head that is no plain hit: its exchange. Knows no bytes
// behind the head.

import { FLAG_EXPECT_CONTINUE, RECORD_FLAGS } from "../../assembly/layout.ts";
import { decodeRequestHead } from "./h1-codec.ts";
import { type ExchangeConnection, H1Exchange } from "./h1-exchange.ts";
import type { IncomingContent } from "./incoming-content.ts";
import type { WireContext } from "./wire-context.ts";

/** The exchange of the head at `record`. `length`: of its content, -1 when it is chunked. */
export function openExchange(
  connection: ExchangeConnection,
  context: WireContext,
  head: { readonly record: number; readonly input: number },
  about: { readonly content: IncomingContent | null; length: number; startedMs: number },
): H1Exchange {
  const { handler, stage, secure } = context;
  const { core, memory } = stage;
  const scheme = secure === 1 ? "https" : "http";
  const request = decodeRequestHead(core, memory, head.record, head.input, scheme);
  const flags = core.words[(head.record >>> 2) + RECORD_FLAGS] ?? 0;
  return new H1Exchange(connection, request, about.content?.stream ?? null, {
    bodyLength: about.length,
    id: handler.idOf(request, connection.client),
    expectsContinue: (flags & FLAG_EXPECT_CONTINUE) !== 0 && about.length !== 0,
    startedMs: about.startedMs,
  });
}
