// Owns the rows of the metric table for the second tier of the cache. Without one they have no
// series.

import type { MetricRow, Sample } from "./metric-table.ts";
import type { SecondTierReading } from "./readings.ts";

const BREAKER = { up: 0, probing: 1, down: 2, closed: 2 } as const;

export const SECOND_TIER_METRICS: readonly MetricRow[] = [
  {
    name: "gateway_cache_reads_total",
    type: "counter",
    help: "Reads of the second tier, by what came of them; skipped ones never left.",
    labels: ["tier", "result"],
    read: (from) => labelled(from.secondTier?.reads),
  },
  ofSecondTier(
    "gateway_cache_hedges_total",
    "counter",
    "Requests that waited cache.redis.hedge for the second tier before the origin was asked too.",
    (tier) => tier.hedges,
  ),
  {
    name: "gateway_cache_writes_dropped_total",
    type: "counter",
    help: "Responses that were not written to the second tier, by reason.",
    labels: ["tier", "reason"],
    read: (from) => labelled(from.secondTier?.dropped),
  },
  ofSecondTier(
    "gateway_cache_queue_bytes",
    "gauge",
    "Responses that wait to be written to the second tier now.",
    (tier) => tier.queuedBytes,
  ),
  ofSecondTier(
    "gateway_cache_breaker_state",
    "gauge",
    "Circuit breaker of the second tier: 0 closed, 1 half open (probing), 2 open. In a Cluster " +
      "each node has its own, and this is the best of them.",
    (tier) => BREAKER[tier.state],
  ),
  {
    name: "gateway_cache_redis_connections",
    type: "gauge",
    help:
      "Connections to nodes of the second tier, one for each worker: up, late (owes an answer, " +
      "and is asked nothing until it comes), probing or down.",
    labels: ["tier", "state"],
    read: (from) => labelled(from.secondTier?.nodes),
  },
  ofSecondTier(
    "gateway_cache_breaker_opened_total",
    "counter",
    "Times that the second tier was given up for a while.",
    (tier) => tier.downs,
  ),
  ofSecondTier(
    "gateway_cache_journal_followed",
    "gauge",
    "1 while purges of other instances arrive, 0 while they would be missed.",
    (tier) => (tier.isFollowing ? 1 : 0),
  ),
  ofSecondTier(
    "gateway_cache_journal_purges_total",
    "counter",
    "Purges of other instances that were applied.",
    (tier) => tier.purgesReceived,
  ),
  ofSecondTier(
    "gateway_cache_journal_pending",
    "gauge",
    "Purges of this instance that the others have not been told yet.",
    (tier) => tier.purgesPending,
  ),
  ofSecondTier(
    "gateway_cache_journal_losses_total",
    "counter",
    "Times that the memory was emptied because purges may have been missed.",
    (tier) => tier.losses,
  ),
];

export function secondTier(
  tier: SecondTierReading | null,
  read: (tier: SecondTierReading) => number | null,
): readonly Sample[] {
  const value = tier === null ? null : read(tier);
  return value === null ? [] : [[["l2"], value]];
}

function labelled(
  values: readonly (readonly [label: string, value: number])[] = [],
): readonly Sample[] {
  return values.map(([label, value]) => [["l2", label], value]);
}

function ofSecondTier(
  name: MetricRow["name"],
  type: MetricRow["type"],
  help: string,
  read: (tier: SecondTierReading) => number,
): MetricRow {
  return {
    name,
    type,
    help,
    labels: ["tier"],
    read: (from) => secondTier(from.secondTier, read),
  };
}
