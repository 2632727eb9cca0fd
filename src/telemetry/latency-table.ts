// Owns counting by row (a set of labels) and status: a cumulative histogram for each pair that
// occurred, and a log-linear one for each group of rows. Fixed capacity in shared memory with one
// writer, this, and any number of readers (latency-sum.ts). `record` is hot: typed-array adds, no
// allocation. Knows no metric names and no clock.

import * as layout from "./latency-layout.ts";
import type { LatencyLimits, LatencyMemory } from "./latency-layout.ts";
import { LATENCY_BUCKETS, latencyBucket } from "./percentiles.ts";

const { BUCKET_COUNT, GROUPS, OVERFLOW, ROWS, SERIES, SERIES_CELLS, STATUS_COUNT, SUM_CELL } =
  layout;
const { STATUS_INDEX } = layout;
const BOUNDS_MS = Float64Array.from(layout.DURATION_BOUNDS_SECONDS, (seconds) => seconds * 1000);

export class LatencyTable {
  readonly #limits: LatencyLimits;
  readonly #memory: LatencyMemory;
  readonly #cells: Float64Array;
  readonly #latencies: Float64Array;
  /** Series by row and status index. */
  readonly #seriesOf: Uint16Array;
  readonly #groupOf: Uint16Array;
  readonly #rowByLabels = new Map<string, number>();
  readonly #groupByName = new Map<string, number>();

  /**
   * `overflow` names the labels and the group of everything past the limits. Memory that a thread
   * before this one has counted in is counted on in.
   */
  constructor(
    memory: LatencyMemory,
    limits: LatencyLimits,
    overflow: { labels: string; group: string },
  ) {
    if (limits.seriesMax > 0xffff || limits.groupsMax > 0xffff) {
      throw new RangeError("indexes of series and groups have 16 bits");
    }
    this.#limits = limits;
    this.#memory = memory;
    this.#cells = memory.cells;
    this.#latencies = memory.latencies;
    this.#seriesOf = new Uint16Array((limits.rowsMax + 2) * STATUS_COUNT);
    this.#groupOf = new Uint16Array(limits.rowsMax + 2);
    this.#seriesOf.fill(OVERFLOW, OVERFLOW * STATUS_COUNT, (OVERFLOW + 1) * STATUS_COUNT);
    this.#groupOf[OVERFLOW] = OVERFLOW;
    if (memory.header[ROWS] === 0) this.#initialise(overflow);
    else this.#recover();
  }

  /**
   * The row of a label set, made on first use. `labels` are rendered pairs without the status. Not
   * hot.
   */
  row(labels: string, group: string): number {
    const known = this.#rowByLabels.get(labels);
    if (known !== undefined) return known;
    const row = this.#memory.header[ROWS] ?? 0;
    if (row >= this.#limits.rowsMax + 2) return OVERFLOW;
    const groupIndex = this.#group(group);
    const end = this.#writeText(labels);
    if (end < 0) return OVERFLOW;
    this.#publishRow(row, end, groupIndex);
    this.#rowByLabels.set(labels, row);
    this.#groupOf[row] = groupIndex;
    return row;
  }

  /** Counts one exchange. */
  record(row: number, status: number, durationMs: number): void {
    const statusIndex = STATUS_INDEX[status] ?? STATUS_COUNT - 1;
    const series = this.#seriesOf[row * STATUS_COUNT + statusIndex] || this.#open(row, statusIndex);
    const duration = durationMs > 0 ? durationMs : 0;
    let bucket = 0;
    while (bucket < BUCKET_COUNT - 1 && duration > (BOUNDS_MS[bucket] as number)) bucket += 1;
    const base = series * SERIES_CELLS;
    const cells = this.#cells;
    cells[base + bucket] = (cells[base + bucket] as number) + 1;
    cells[base + SUM_CELL] = (cells[base + SUM_CELL] as number) + duration;
    const latency = (this.#groupOf[row] as number) * LATENCY_BUCKETS + latencyBucket(duration);
    this.#latencies[latency] = (this.#latencies[latency] as number) + 1;
  }

  #initialise(overflow: { labels: string; group: string }): void {
    const { header, groups, series } = this.#memory;
    groups[OVERFLOW * layout.GROUP_WORDS] = 0;
    groups[OVERFLOW * layout.GROUP_WORDS + 1] = this.#writeText(overflow.group);
    Atomics.store(header, GROUPS, OVERFLOW + 1);
    series[OVERFLOW] = OVERFLOW * STATUS_COUNT + STATUS_COUNT - 1;
    Atomics.store(header, SERIES, OVERFLOW + 1);
    this.#publishRow(OVERFLOW, this.#writeText(overflow.labels), OVERFLOW);
  }

  /** What the thread before this one has named. */
  #recover(): void {
    const { header, rows, groups, series, text } = this.#memory;
    const read = (start = 0, end = 0): string => Buffer.from(text.slice(start, end)).toString();
    for (let row = OVERFLOW + 1; row < (header[ROWS] ?? 0); row += 1) {
      const at = row * layout.ROW_WORDS;
      this.#rowByLabels.set(read(rows[at], rows[at + 1]), row);
      this.#groupOf[row] = rows[at + 2] ?? OVERFLOW;
    }
    for (let group = OVERFLOW + 1; group < (header[GROUPS] ?? 0); group += 1) {
      const at = group * layout.GROUP_WORDS;
      this.#groupByName.set(read(groups[at], groups[at + 1]), group);
    }
    for (let index = OVERFLOW + 1; index < (header[SERIES] ?? 0); index += 1) {
      this.#seriesOf[series[index] ?? 0] = index;
    }
  }

  #group(name: string): number {
    const known = this.#groupByName.get(name);
    if (known !== undefined) return known;
    const { header, groups } = this.#memory;
    const group = header[GROUPS] ?? 0;
    if (group >= this.#limits.groupsMax + 2) return OVERFLOW;
    const start = header[layout.TEXT_BYTES] ?? 0;
    const end = this.#writeText(name);
    if (end < 0) return OVERFLOW;
    groups[group * layout.GROUP_WORDS] = start;
    groups[group * layout.GROUP_WORDS + 1] = end;
    Atomics.store(header, GROUPS, group + 1);
    this.#groupByName.set(name, group);
    return group;
  }

  /** The labels of the row are what was written last; they end at `end`. */
  #publishRow(row: number, end: number, group: number): void {
    const { header, rows } = this.#memory;
    const at = row * layout.ROW_WORDS;
    rows[at] = this.#textStart;
    rows[at + 1] = end;
    rows[at + 2] = group;
    Atomics.store(header, ROWS, row + 1);
  }

  #textStart = 0;

  /** Where the text ends; -1 when there is no room for it. */
  #writeText(value: string): number {
    const { header, text } = this.#memory;
    const start = header[layout.TEXT_BYTES] ?? 0;
    const bytes = Buffer.from(value);
    if (start + bytes.length > text.length) return -1;
    text.set(bytes, start);
    header[layout.TEXT_BYTES] = start + bytes.length;
    this.#textStart = start;
    return start + bytes.length;
  }

  #open(row: number, statusIndex: number): number {
    const { header, series } = this.#memory;
    let index = header[SERIES] ?? 0;
    if (index >= this.#limits.seriesMax + 2) index = OVERFLOW;
    else {
      series[index] = row * STATUS_COUNT + statusIndex;
      Atomics.store(header, SERIES, index + 1);
    }
    this.#seriesOf[row * STATUS_COUNT + statusIndex] = index;
    return index;
  }
}
