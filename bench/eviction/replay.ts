// Owns the run of one trace through one policy, and the score: how many requests, and how many of
// their bytes, were answered from what is stored. Every response may be stored, a lifetime counts
// from the fetch, and the first tenth fills the cache without being scored.

import type { EvictionPolicy } from "./policy.ts";
import type { Trace } from "./trace.ts";

export interface Score {
  /** Percent of the scored requests. */
  readonly hitRate: number;
  /** Percent of their bytes. */
  readonly byteHitRate: number;
}

/** `lifetimeSeconds` is Infinity where nothing expires. */
export function replay(trace: Trace, policy: EvictionPolicy, lifetimeSeconds: number): Score {
  const count = trace.objects.length;
  const scoredFrom = Math.floor(count / 10);
  let hits = 0;
  let hitBytes = 0;
  let allBytes = 0;
  for (let index = 0; index < count; index++) {
    const object = trace.objects[index] ?? 0;
    const seconds = trace.seconds[index] ?? 0;
    const bytes = trace.sizes[object] ?? 0;
    const isHit = policy.request(object, seconds) > seconds;
    if (!isHit) policy.offer(object, bytes, seconds + lifetimeSeconds, seconds);
    if (index < scoredFrom) continue;
    allBytes += bytes;
    if (!isHit) continue;
    hits++;
    hitBytes += bytes;
  }
  return {
    hitRate: (100 * hits) / (count - scoredFrom),
    byteHitRate: (100 * hitBytes) / allBytes,
  };
}
