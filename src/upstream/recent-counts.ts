// Owns how many of the last ten seconds' answers were good, failed or slow: a ring of one-second
// slots with running sums, so that reading is free. Pure: time is an argument. Hot: one compare and
// two adds for an answer.

const SLOTS = 10;
const SLOT_MS = 1000;

export class RecentCounts {
  total = 0;
  failed = 0;
  slow = 0;
  readonly #totals = new Uint32Array(SLOTS);
  readonly #failures = new Uint32Array(SLOTS);
  readonly #slows = new Uint32Array(SLOTS);
  #slot = 0;
  #slotEndsMs = Number.NEGATIVE_INFINITY;

  good(nowMs: number): void {
    if (nowMs >= this.#slotEndsMs) this.advance(nowMs);
    this.total += 1;
    this.#totals[this.#slot] = (this.#totals[this.#slot] as number) + 1;
  }

  bad(nowMs: number): void {
    this.good(nowMs);
    this.failed += 1;
    this.#failures[this.#slot] = (this.#failures[this.#slot] as number) + 1;
  }

  /** A good answer that took too long. */
  late(nowMs: number): void {
    this.good(nowMs);
    this.slow += 1;
    this.#slows[this.#slot] = (this.#slows[this.#slot] as number) + 1;
  }

  /** Drops what has become too old; reading the sums needs it where nothing was counted for long. */
  advance(nowMs: number): void {
    if (nowMs < this.#slotEndsMs) return;
    const behind = Math.floor((nowMs - this.#slotEndsMs) / SLOT_MS) + 1;
    if (!(behind < SLOTS)) {
      this.clear();
      this.#slotEndsMs = nowMs + SLOT_MS;
      return;
    }
    for (let step = 0; step < behind; step += 1) {
      this.#slot = (this.#slot + 1) % SLOTS;
      this.total -= this.#totals[this.#slot] as number;
      this.failed -= this.#failures[this.#slot] as number;
      this.slow -= this.#slows[this.#slot] as number;
      this.#totals[this.#slot] = 0;
      this.#failures[this.#slot] = 0;
      this.#slows[this.#slot] = 0;
    }
    this.#slotEndsMs += behind * SLOT_MS;
  }

  clear(): void {
    this.#totals.fill(0);
    this.#failures.fill(0);
    this.#slows.fill(0);
    this.total = 0;
    this.failed = 0;
    this.slow = 0;
  }
}
