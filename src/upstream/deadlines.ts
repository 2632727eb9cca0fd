// Owns when calls are looked at for timeouts: one interval for all calls of a cluster instead of a
// timer for each request, which would cost more than the request. Knows nothing of HTTP; what a
// deadline means is the item's affair.

import type { Clock } from "../clock.ts";

/** Something that has deadlines while it is in the list. */
export interface Timed {
  /** Place in the list; only Deadlines writes it. -1 when not in it. */
  timedIndex: number;
  /**
   * `nowMs` is a tick old: what was noted on the coarse clock since a tick began must not expire
   * before its time.
   */
  checkDeadlines(nowMs: number): void;
}

export class Deadlines<T extends Timed> {
  /**
   * Monotonic time of the last tick: at most `tickMs` old while an item is in the list, and free to
   * read.
   */
  nowMs: number;
  readonly tickMs: number;
  readonly #clock: Clock;
  readonly #items: T[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.tickMs = tickMs;
    this.nowMs = clock.monotonicMs();
  }

  get count(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (this.#timer === null) {
      this.nowMs = this.#clock.monotonicMs();
      this.#timer = setInterval(this.#tick, this.tickMs);
      this.#timer.unref();
    }
    item.timedIndex = this.#items.push(item) - 1;
  }

  /** Does nothing for an item that is not in the list. */
  remove(item: T): void {
    const index = item.timedIndex;
    if (index < 0) return;
    item.timedIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[index] = last;
    last.timedIndex = index;
  }

  /** The items at this moment; a copy. */
  items(): readonly T[] {
    return [...this.#items];
  }

  /** Stops the interval, whatever is still in the list. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  readonly #tick = (): void => {
    this.nowMs = this.#clock.monotonicMs();
    // Stopping only at a tick keeps a lone client's requests from starting and clearing an interval
    // each.
    if (this.#items.length === 0) this.stop();
    // From the end, because a check may remove its item: what takes its place has been checked
    // already.
    for (let index = this.#items.length - 1; index >= 0; index -= 1) {
      this.#items[index]?.checkDeadlines(this.nowMs - this.tickMs);
    }
  };
}
