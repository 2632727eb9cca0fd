// Owns the current HTTP-date as text, rendered once a second at most.

import type { Clock } from "../clock.ts";
import { formatHttpDate } from "../http/date.ts";

export class DateClock {
  readonly #clock: Clock;
  #second = -1;
  #text = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  text(): string {
    const nowMs = this.#clock.nowMs();
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatHttpDate(nowMs);
    }
    return this.#text;
  }
}
