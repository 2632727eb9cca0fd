// Owns the health path on the public listeners, which balancers ask: 200 while the gateway takes
// work, 503 otherwise.

import type { Exchange } from "../http/exchange.ts";

const OK = Buffer.from('{"status":"ok"}\n');
const DRAINING = Buffer.from('{"status":"draining"}\n');

export function answerHealth(
  exchange: Exchange,
  state: "starting" | "ready" | "draining",
  date: string,
): void {
  const content = state === "draining" ? DRAINING : OK;
  exchange.outcome.endpoint = "health";
  const fields = [
    "Date",
    date,
    "Content-Type",
    "application/json",
    "Cache-Control",
    "no-store",
    "X-Request-Id",
    exchange.id,
  ];
  exchange.respond(
    { status: state === "draining" ? 503 : 200, reason: "", fields },
    content.length,
  );
  exchange.write(content);
  exchange.end();
}
