// Owns the run of one trace through gateways with some tiers, and what of it the origin server saw.
// The first tenth fills the cache without being scored.

import { loadCore } from "../../src/core/core.ts";
import { FakeClock } from "../../test/support/clock.ts";
import type { Trace } from "../eviction/trace.ts";
import { StandInTier } from "./stand-in-tier.ts";
import { type Answered, TracedGateway } from "./traced-gateway.ts";

export type Tiers = "none" | "L1" | "L2" | "both";

export interface Setting {
  readonly tiers: Tiers;
  /** Of each tier. */
  readonly bytesMax: number;
  readonly lifetimeSeconds: number;
  /** Gateways that requests are spread over by turns; they share L2. */
  readonly instances: number;
}

/** All of the scored requests, in percent; bytes are of their contents. */
export interface Score {
  readonly hitRate: number;
  readonly l1: number;
  readonly l2: number;
  /** Asked of the origin server, which answered 304. */
  readonly validated: number;
  readonly originRequestsSaved: number;
  readonly originBytesSaved: number;
}

export function replay(trace: Trace, setting: Setting): Score {
  const { tiers, bytesMax, lifetimeSeconds, instances } = setting;
  const clock = new FakeClock();
  const core = loadCore({ seed: 1n, slabs: 1, chunkedStates: 1 });
  let asked: TracedGateway | undefined;
  const hasSecond = tiers === "L2" || tiers === "both";
  const tier = hasSecond
    ? new StandInTier(bytesMax, clock, (stored) => asked?.sizeOf(stored) ?? 0)
    : null;
  const gateways = Array.from({ length: instances }, () => {
    const memory = tiers === "L1" || tiers === "both" ? bytesMax : 0;
    const { sizes } = trace;
    return new TracedGateway({ core, clock, bytesMax: memory, lifetimeSeconds, tier, sizes });
  });
  const counts: Record<Answered, number> = { l1: 0, l2: 0, validated: 0, origin: 0 };
  const scoredFrom = Math.floor(trace.objects.length / 10);
  let savedBytes = 0;
  let allBytes = 0;
  let nowSeconds = trace.seconds[0] ?? 0;
  for (const [index, object] of trace.objects.entries()) {
    const seconds = trace.seconds[index] ?? 0;
    clock.advance((seconds - nowSeconds) * 1000);
    nowSeconds = seconds;
    asked = gateways[index % instances];
    const answered = asked?.ask(object) ?? "origin";
    if (index < scoredFrom) continue;
    const bytes = trace.sizes[object] ?? 0;
    counts[answered]++;
    allBytes += bytes;
    if (answered !== "origin") savedBytes += bytes;
  }
  const all = trace.objects.length - scoredFrom;
  const percent = (count: number): number => (100 * count) / all;
  const hitRate = percent(counts.l1 + counts.l2);
  return {
    hitRate,
    l1: percent(counts.l1),
    l2: percent(counts.l2),
    validated: percent(counts.validated),
    originRequestsSaved: hitRate,
    originBytesSaved: (100 * savedBytes) / allBytes,
  };
}
