// Owns the question which route a request would take that nobody has sent: for explaining, and for
// finding what is stored of a URL. Runs no middleware.

import type { RequestHead } from "../http/message.ts";
import { App } from "./app.ts";
import { FetchExchange } from "./fetch-exchange.ts";
import type { Route } from "./route.ts";

/** null: none, or it is answered on the way, as the health path is. */
export function routeOf(
  request: RequestHead,
  routes: readonly Route[],
  health: string | null,
): Route | null {
  return App.routeOf(exchangeOf(request), routes, health);
}

function exchangeOf(request: RequestHead): FetchExchange {
  return new FetchExchange({
    request,
    body: null,
    bodyLength: 0,
    expectsContinue: false,
    client: { address: "", port: 0, secure: request.scheme === "https", logFragment: null },
    id: "",
    startedMs: 0,
    outcome: {
      endpoint: "",
      status: 0,
      bytes: 0,
      sentBytes: 0,
      cache: "",
      target: "",
      retried: "",
      reason: "",
      detail: "",
    },
    date: () => "",
    finished: () => undefined,
  });
}
