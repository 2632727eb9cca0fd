// Owns the cache's own counts as cells of the metrics: what the cache adds to lies in shared
// memory, so that nothing is lost with the thread that counted it.

import type { CacheStats } from "../cache/cache-state.ts";
import * as cells from "../telemetry/metric-table.ts";
import type { Cell } from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const CELL_OF: Partial<Record<keyof CacheStats, Cell>> = {
  hits: cells.CACHE_HITS,
  misses: cells.CACHE_MISSES,
  stale: cells.CACHE_STALE,
  collapsed: cells.CACHE_COALESCED,
  released: cells.CACHE_RELEASED,
  hitForMiss: cells.CACHE_HIT_FOR_MISS,
  revalidated: cells.CACHE_REVALIDATED,
  stored: cells.CACHE_STORES,
  bypassed: cells.CACHE_BYPASSES,
  purged: cells.CACHE_PURGES,
  softPurged: cells.CACHE_SOFT_PURGES,
};

/** Makes the counts of a cache those cells; counts without one stay where they are. */
export function countInCells(stats: CacheStats, metrics: Metrics): void {
  for (const [name, cell] of Object.entries(CELL_OF)) {
    Object.defineProperty(stats, name, {
      enumerable: true,
      get: () => metrics.cells[cell] ?? 0,
      set: (value: number) => {
        metrics.set(cell, value);
      },
    });
  }
}
