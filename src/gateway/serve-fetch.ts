// Owns createGateway().fetch: a Request of the Fetch API becomes an exchange like any other,
// without a socket.

import type { Clock } from "../clock.ts";
import type { App } from "./app.ts";
import type { ExchangeAccounts } from "./exchange-accounts.ts";
import { contentOfRequest, exchangeWithoutSocket, headOfRequest } from "./fetch-exchange.ts";

export interface ServeFetchOptions {
  readonly app: App;
  readonly accounts: ExchangeAccounts;
  readonly clock: Clock;
  readonly id: string;
  readonly date: () => string;
}

export function serveFetch(request: Request, options: ServeFetchOptions): Promise<Response> {
  const { app, accounts, clock, id, date } = options;
  const startedMs = clock.monotonicMs();
  const head = headOfRequest(request);
  const body = contentOfRequest(request);
  const exchange = exchangeWithoutSocket(head, {
    body,
    // Not what Content-Length says: that is the caller's word, and nothing has checked it.
    bodyLength: body === null ? 0 : -1,
    id,
    startedMs,
    date,
    finished: (ended) => {
      signal.removeEventListener("abort", leave);
      // Ends a stream that the origin server did not want to its end.
      if (body?.readableEnded === false) body.destroy();
      accounts.finished(ended, clock.monotonicMs() - startedMs);
    },
  });
  const { signal } = request;
  const leave = (): void => exchange.leave("the caller aborted the request");
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  else app.handle(exchange);
  return exchange.response;
}
