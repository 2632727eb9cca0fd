// Owns the text of the latency metrics in the Prometheus exposition format 0.0.4. prom-client
// renders the rest; for thousands of series it would hold the event loop for 100 ms, so these are
// rendered here, a slice at a time.

import { setImmediate as nextTurn } from "node:timers/promises";
import { DURATION_BOUNDS_SECONDS } from "./latency-layout.ts";
import type { LatencySum } from "./latency-sum.ts";

/** Series rendered in one turn of the event loop: 1,300 lines, some 0.3 ms of work. */
const SERIES_PER_TURN = 64;

const BOUND_LABELS = [...DURATION_BOUNDS_SECONDS.map(String), "+Inf"];

interface MetricHead {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

/**
 * Renders the counter and the histogram of a table, leaving the event loop to others between
 * slices.
 */
export async function renderLatencies(
  table: LatencySum,
  counter: MetricHead,
  histogram: MetricHead,
): Promise<string> {
  let counts = head(counter);
  let durations = head(histogram);
  // Series that open meanwhile wait for the next scrape.
  const seriesCount = table.seriesCount;
  for (let index = 0; index < seriesCount; index += 1) {
    if (index > 0 && index % SERIES_PER_TURN === 0) await nextTurn();
    const { labels, buckets, count, sumMs } = table.series(index);
    if (count === 0) continue;
    counts += `${counter.name}{${labels}} ${count}\n`;
    const prefix = `${histogram.name}_bucket{${labels},le="`;
    let cumulative = 0;
    for (let bucket = 0; bucket < BOUND_LABELS.length; bucket += 1) {
      cumulative += buckets[bucket] ?? 0;
      durations += `${prefix}${BOUND_LABELS[bucket]}"} ${cumulative}\n`;
    }
    durations += `${histogram.name}_sum{${labels}} ${sumMs / 1000}\n`;
    durations += `${histogram.name}_count{${labels}} ${count}\n`;
  }
  return counts + durations;
}

/** One label pair; the value escaped as the exposition format asks. */
export function labelPair(name: string, value: string): string {
  const escaped = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
  return `${name}="${escaped}"`;
}

function head(metric: MetricHead): string {
  return `# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${metric.type}\n`;
}
