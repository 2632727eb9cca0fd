// Owns the rows of the metric table that say what became of stored responses: whether memory and
// lifetimes pay.

import type { MetricRow, Sample } from "./metric-table.ts";
import type { EntryEndsReading } from "./readings.ts";

export const ENTRY_END_METRICS: readonly MetricRow[] = [
  ends(
    "gateway_cache_rejections_total",
    "Responses not stored, because what would have to make room is asked for more.",
    (of) => of.rejections,
  ),
  ends(
    "gateway_cache_expirations_total",
    "Entries removed or replaced past their lifetime.",
    (of) => of.expirations,
  ),
  ends(
    "gateway_cache_expirations_unused_total",
    "Entries removed or replaced past their lifetime without a single hit.",
    (of) => of.expiredUnused,
  ),
  ends(
    "gateway_cache_ended_total",
    "Entries removed or replaced to make room or past their lifetime, or by a newer response.",
    (of) => of.ended,
  ),
  ends(
    "gateway_cache_ended_hits_total",
    "Hits of the entries in gateway_cache_ended_total: divided by it, hits for each stored entry.",
    (of) => of.uses,
  ),
  ends(
    "gateway_cache_evicted_age_seconds_total",
    "Time that evicted entries were stored: divided by evictions, their mean age.",
    (of) => of.evictedAgeMs / 1000,
  ),
];

function ends(
  name: MetricRow["name"],
  help: string,
  read: (ends: EntryEndsReading) => number,
): MetricRow {
  return {
    name,
    type: "counter",
    help,
    labels: ["tier"],
    read: (from) =>
      from.cache.flatMap((tier): Sample[] =>
        tier.ends === undefined ? [] : [[[tier.tier], read(tier.ends)]],
      ),
  };
}
