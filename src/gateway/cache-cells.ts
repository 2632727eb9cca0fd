// Owns the way of the cache's own counts into the metrics, taken when somebody looks.

import type { CacheStats } from "../cache/cache-state.ts";
import * as cells from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export function syncCacheCells(metrics: Metrics, stats: CacheStats): void {
  metrics.set(cells.CACHE_HITS, stats.hits);
  metrics.set(cells.CACHE_MISSES, stats.misses);
  metrics.set(cells.CACHE_STALE, stats.stale);
  metrics.set(cells.CACHE_COALESCED, stats.collapsed);
  metrics.set(cells.CACHE_REVALIDATED, stats.revalidated);
  metrics.set(cells.CACHE_STORES, stats.stored);
  metrics.set(cells.CACHE_BYPASSES, stats.bypassed);
  metrics.set(cells.CACHE_PURGES, stats.purged);
  metrics.set(cells.CACHE_SOFT_PURGES, stats.softPurged);
}
