// Owns the question which route a request would take that nobody has sent: for explaining, and for
// finding what is stored of a URL. Runs no middleware.

import type { RequestHead } from "../http/message.ts";
import { App } from "./app.ts";
import { exchangeWithoutSocket } from "./fetch-exchange.ts";
import type { Route } from "./route.ts";

/** null: none, or it is answered on the way, as the health path is. */
export function routeOf(
  request: RequestHead,
  routes: readonly Route[],
  health: string | null,
): Route | null {
  return App.routeOf(exchangeWithoutSocket(request), routes, health);
}
