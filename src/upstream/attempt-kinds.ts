// Owns which way of asking serves a request to a target: HTTP/2 where it was asked for, else TLS
// over undici and the rest over connections of our own.

import type { Attempt, AttemptListener, OriginRequest } from "./attempt.ts";
import { H2Attempt } from "./h2-attempt.ts";
import { PooledAttempt } from "./pooled-attempt.ts";
import type { Target } from "./target.ts";
import { WireAttempt } from "./wire-attempt.ts";
import { needsWire } from "./wire-request.ts";

export function createAttempt(
  request: OriginRequest,
  listener: AttemptListener,
  target: Target,
  connection: "pooled" | "fresh",
): Attempt {
  if (target.h2 !== null) return new H2Attempt(request, listener, target, target.h2);
  if (target.secure && !needsWire(request)) {
    return new PooledAttempt(request, listener, target, connection);
  }
  return new WireAttempt(request, listener, target, connection);
}
