// Owns the mapping of the config's limits to those that the wire keeps.

import type { WireLimits } from "../wire/handler.ts";
import type { LimitsConfig } from "./gateway-config.ts";

/** Long enough for a response on its way to reach a distant client before the connection goes. */
const LINGER_MS = 2000;

export function wireLimits(limits: LimitsConfig): WireLimits {
  return {
    connectionsMax: limits.connectionsMax,
    requestsPerConnectionMax: limits.requestsPerConnectionMax,
    headTimeoutMs: limits.headTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
    contentBytesMax: limits.bodyBytesMax,
    contentStallMs: limits.bodyStallMs,
    contentBytesPerSecondMin: limits.bodyBytesPerSecondMin,
    contentRateGraceMs: limits.bodyRateGraceMs,
    sendStallMs: limits.sendStallMs,
    drainBytesMax: limits.drainBytesMax,
    lingerMs: LINGER_MS,
  };
}
