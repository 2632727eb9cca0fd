// Owns reading tables of latencies at scrape: the sum of what every worker has counted, by labels,
// whether the worker lives or has died. Takes no lock and stops nobody: entries of a directory are
// complete once their count says so, and a counter is one number.

import * as layout from "./latency-layout.ts";
import type { LatencyMemory } from "./latency-layout.ts";
import { LATENCY_BUCKETS, mergeLatencies } from "./percentiles.ts";

const { BUCKET_COUNT, OVERFLOW, SERIES_CELLS, STATUS_COUNT, SUM_CELL } = layout;

/** What one series holds, of all workers together. */
export interface Series {
  /** Rendered label pairs, without braces. */
  readonly labels: string;
  readonly group: string;
  readonly status: string;
  /** Counts by bucket, not cumulative, +Inf last. */
  readonly buckets: Float64Array;
  readonly count: number;
  readonly sumMs: number;
}

/** Where one table has a series or a group. */
interface Place {
  readonly table: Directory;
  readonly index: number;
}

interface Named {
  readonly labels: string;
  readonly group: string;
  readonly status: string;
  readonly places: Place[];
}

export class LatencySum {
  readonly #tables: readonly Directory[];
  readonly #series: Named[] = [];
  readonly #seriesByLabels = new Map<string, Named>();
  readonly #groups = new Map<string, Place[]>();
  readonly #windows = new Map<string, Float64Array[]>();
  readonly #overflowGroup: string;

  constructor(tables: readonly LatencyMemory[], overflowGroup: string) {
    this.#tables = tables.map((memory) => new Directory(memory));
    this.#overflowGroup = overflowGroup;
  }

  /** How many series exist; `series(index)` reads one, from 0 to this. */
  get seriesCount(): number {
    for (const table of this.#tables) this.#update(table);
    return this.#series.length;
  }

  series(index: number): Series {
    const named = this.#series[index];
    const buckets = new Float64Array(BUCKET_COUNT);
    let sumMs = 0;
    for (const { table, index: at } of named?.places ?? []) {
      const { cells } = table.memory;
      const base = at * SERIES_CELLS;
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket += 1) {
        buckets[bucket] = (buckets[bucket] ?? 0) + (cells[base + bucket] ?? 0);
      }
      sumMs += cells[base + SUM_CELL] ?? 0;
    }
    let count = 0;
    for (const inBucket of buckets) count += inBucket;
    const { labels = "", group = "", status = "other" } = named ?? {};
    return { labels: `${labels},status="${status}"`, group, status, buckets, count, sumMs };
  }

  /** Names of the groups that have rows; that of the overflow when it was needed. */
  groups(): string[] {
    for (const table of this.#tables) this.#update(table);
    const overflow = this.#overflowGroup;
    const used = this.latencies(overflow).some((count) => count > 0);
    const names = [...this.#groups.keys()].filter((name) => name !== overflow);
    return used ? [...names, overflow] : names;
  }

  /** Log-linear counts of a group since the start. */
  latencies(group: string): Float64Array {
    const sum = new Float64Array(LATENCY_BUCKETS);
    for (const { table, index } of this.#groups.get(group) ?? []) {
      const start = index * LATENCY_BUCKETS;
      mergeLatencies(sum, table.memory.latencies.subarray(start, start + LATENCY_BUCKETS));
    }
    return sum;
  }

  /**
   * Counts of a group since the rotation before the last: a window between one and two rotations
   * long.
   */
  recentLatencies(group: string): Float64Array {
    const before = this.#windows.get(group)?.[0];
    return this.latencies(group).map((count, bucket) => count - (before?.[bucket] ?? 0));
  }

  /** Starts a new window. */
  rotate(): void {
    for (const group of this.groups()) {
      const last = this.#windows.get(group)?.at(-1);
      const now = this.latencies(group);
      this.#windows.set(group, [last ?? new Float64Array(LATENCY_BUCKETS), now]);
    }
  }

  /** Groups of one table's rows, by row. */
  groupNamesByRow(table: number): Iterable<readonly [row: number, name: string]> {
    return this.#tables[table]?.groupNamesByRow() ?? [];
  }

  /** Takes in what a table has named since the last time. */
  #update(table: Directory): void {
    for (const { name, index } of table.newGroups()) {
      const places = this.#groups.get(name) ?? [];
      places.push({ table, index });
      this.#groups.set(name, places);
    }
    for (const { labels, group, status, index } of table.newSeries()) {
      const key = `${status} ${labels}`;
      let named = this.#seriesByLabels.get(key);
      if (named === undefined) {
        named = { labels, group, status, places: [] };
        this.#seriesByLabels.set(key, named);
        this.#series.push(named);
      }
      named.places.push({ table, index });
    }
  }
}

/** The names in one table; each is decoded once. */
class Directory {
  readonly memory: LatencyMemory;
  #groupsRead = OVERFLOW;
  #seriesRead = OVERFLOW;

  constructor(memory: LatencyMemory) {
    this.memory = memory;
  }

  *newGroups(): Generator<{ name: string; index: number }> {
    const count = Atomics.load(this.memory.header, layout.GROUPS);
    for (; this.#groupsRead < count; this.#groupsRead += 1) {
      yield { name: this.#groupName(this.#groupsRead), index: this.#groupsRead };
    }
  }

  *newSeries(): Generator<{ labels: string; group: string; status: string; index: number }> {
    const { header, rows, series } = this.memory;
    const count = Atomics.load(header, layout.SERIES);
    // The row of a series is published before it.
    for (; this.#seriesRead < count; this.#seriesRead += 1) {
      const index = this.#seriesRead;
      const key = series[index] ?? 0;
      const at = Math.floor(key / STATUS_COUNT) * layout.ROW_WORDS;
      yield {
        labels: this.#text(rows[at], rows[at + 1]),
        group: this.#groupName(rows[at + 2] ?? OVERFLOW),
        status: layout.STATUS_LABELS[key % STATUS_COUNT] ?? "other",
        index,
      };
    }
  }

  *groupNamesByRow(): Generator<readonly [number, string]> {
    const { header, rows } = this.memory;
    const count = Atomics.load(header, layout.ROWS);
    for (let row = OVERFLOW; row < count; row += 1) {
      yield [row, this.#groupName(rows[row * layout.ROW_WORDS + 2] ?? OVERFLOW)];
    }
  }

  #groupName(group: number): string {
    const at = group * layout.GROUP_WORDS;
    return this.#text(this.memory.groups[at], this.memory.groups[at + 1]);
  }

  #text(start = 0, end = 0): string {
    return Buffer.from(this.memory.text.slice(start, end)).toString();
  }
}
