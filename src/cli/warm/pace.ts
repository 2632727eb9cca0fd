// Owns how fast the gateway is asked: evenly, at most at the rate that was given, slower while it
// or the origin server says that it has too much to do. Pure: time is an argument.

/** Each 503 or 429 halves the rate, down to this part of it. */
const SLOWEST = 1 / 16;
/** What each answer gives back; 14 double it. */
const RECOVERY = 1.05;
/** Without Retry-After. */
const PAUSE_MS = 1000;
/** Whoever asks for more is asked again all the same: a list has many pages of others. */
const PAUSE_MAX_MS = 120_000;

export class Pace {
  readonly #perSecond: number;
  #share = 1;
  #nextMs = 0;
  /** Answers to what was asked before are old news. */
  #pausedUntilMs = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Requests a second at the moment. */
  get perSecond(): number {
    return this.#perSecond * this.#share;
  }

  /** Reserves a place: how long to wait for it, in milliseconds. */
  reserve(nowMs: number): number {
    const placeMs = Math.max(this.#nextMs, nowMs);
    this.#nextMs = placeMs + 1000 / this.perSecond;
    return placeMs - nowMs;
  }

  /** It was too fast. `pauseMs` is what Retry-After says; null without one. */
  slowDown(nowMs: number, pauseMs: number | null): void {
    const untilMs = nowMs + Math.min(pauseMs ?? PAUSE_MS, PAUSE_MAX_MS);
    if (nowMs >= this.#pausedUntilMs) this.#share = Math.max(SLOWEST, this.#share / 2);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    this.#nextMs = Math.max(this.#nextMs, untilMs);
  }

  succeeded(): void {
    this.#share = Math.min(1, this.#share * RECOVERY);
  }
}

/** Retry-After in milliseconds from now (RFC 9110 section 10.2.3); null where it says nothing. */
export function retryAfterMs(value: string, nowMs: number): number | null {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = value === "" ? Number.NaN : Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
