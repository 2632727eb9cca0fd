// Owns how many requests an upstream gets at a time, learnt from its live traffic: the limit grows
// while answers are nearly as fast as at the least load, and shrinks in proportion as they become
// slower (the gradient of Netflix's concurrency-limits and Envoy's adaptive_concurrency). Pure:
// time and randomness are arguments.

export interface LimitRules {
  /** The limit never falls below this … */
  readonly limitMin: number;
  /** … nor rises above this. */
  readonly limitMax: number;
}

/** How much of the limit a request may take; routes say which they are. */
export type Priority = "low" | "normal" | "high";

const WINDOW_MS = 100;
/** Answers that a window is judged by, at least; what is beyond the most is not looked at. */
const SAMPLES_MIN = 10;
const SAMPLES_MAX = 256;
/** How much slower than at the least load is still as good: a share, and what timers blur. */
const TOLERANCE = 1.25;
const BLUR_MS = 1;
/** In one step the limit is at most halved or doubled. */
const GRADIENT_MIN = 0.5;
const GRADIENT_MAX = 2;
const LIMIT_AT_START = 20;
/** Between two measurements of the least latency; up to a sixth more by chance, for each gateway. */
const PROBE_EVERY_MS = 30_000;
const PROBE_JITTER = 1 / 6;
const PROBE_SAMPLES = 25;
const PROBE_MS_MAX = 1000;
/** Windows at the floor after which the least latency is no longer believed. */
const WINDOWS_AT_FLOOR = 5;

export class ConcurrencyLimit {
  inFlight = 0;
  /** Requests that were refused. */
  refused = 0;
  /** Median time to the head at the least load; 0 before it is known. */
  leastMs = 0;
  readonly #rules: LimitRules;
  readonly #random: () => number;
  #limit: number;
  #samples: number[] = [];
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  #inFlightMost = 0;
  #windowsAtFloor = 0;
  #probeFromMs = Number.NEGATIVE_INFINITY;
  #probing = true;
  #probed: number[] = [];

  constructor(rules: LimitRules, random: () => number) {
    this.#rules = rules;
    this.#random = random;
    this.#limit = this.#clamped(LIMIT_AT_START);
  }

  /** Requests that may run now. */
  get limit(): number {
    const isMeasuring = this.#probing && this.leastMs > 0;
    return Math.floor(isMeasuring ? this.#clamped(this.#limit / 2) : this.#limit);
  }

  /** Takes a place; false if there is none for this priority. Who has one gives it back. */
  admit(priority: Priority, nowMs: number): boolean {
    if (nowMs >= this.#windowEndsMs) this.#judge(nowMs);
    if (this.inFlight >= this.#share(priority)) {
      this.refused += 1;
      return false;
    }
    this.inFlight += 1;
    if (this.inFlight > this.#inFlightMost) this.#inFlightMost = this.inFlight;
    return true;
  }

  release(): void {
    this.inFlight -= 1;
  }

  /** A good answer's time to its head. */
  answered(elapsedMs: number, nowMs: number): void {
    if (this.#samples.length < SAMPLES_MAX) this.#samples.push(elapsedMs);
    // What began before the load was lowered says nothing about the least load.
    if (this.#probing && nowMs - elapsedMs >= this.#probeFromMs) this.#probed.push(elapsedMs);
    if (this.#probed.length >= PROBE_SAMPLES) this.#endProbe(nowMs);
    if (nowMs >= this.#windowEndsMs) this.#judge(nowMs);
  }

  /** Low priority leaves a fifth to the others, high priority may go a tenth over. */
  #share(priority: Priority): number {
    const { limit } = this;
    if (priority === "normal") return limit;
    return priority === "low" ? Math.max(1, Math.floor(limit * 0.8)) : Math.ceil(limit * 1.1);
  }

  #judge(nowMs: number): void {
    if (this.#windowEndsMs === Number.NEGATIVE_INFINITY) this.#startProbe(nowMs);
    if (this.#probing) this.#judgeProbe(nowMs);
    else if (nowMs >= this.#probeFromMs) this.#startProbe(nowMs);
    else if (this.#samples.length >= SAMPLES_MIN) this.#move();
    if (this.#windowsAtFloor >= WINDOWS_AT_FLOOR) this.#startProbe(nowMs);
    if (this.#samples.length >= SAMPLES_MIN || this.#probing) this.#samples = [];
    this.#inFlightMost = this.inFlight;
    this.#windowEndsMs = nowMs + WINDOW_MS;
  }

  #move(): void {
    const nowMs = median(this.#samples);
    const ratio = (this.leastMs * TOLERANCE + BLUR_MS) / Math.max(nowMs, Number.MIN_VALUE);
    const gradient = Math.min(GRADIENT_MAX, Math.max(GRADIENT_MIN, ratio));
    // The root is room for a queue: it keeps the origin busy, and lets a limit grow that is right.
    const next = this.#limit * Math.min(1, gradient) + Math.sqrt(this.#limit);
    // A limit that is not used says nothing about whether it could be higher.
    if (next > this.#limit && this.#inFlightMost < this.#limit / 2) return;
    this.#limit = this.#clamped(next);
    const isSlow = ratio < 1 && this.#limit <= this.#rules.limitMin;
    this.#windowsAtFloor = isSlow ? this.#windowsAtFloor + 1 : 0;
  }

  #startProbe(nowMs: number): void {
    this.#probing = true;
    this.#probeFromMs = nowMs;
    this.#probed = [];
    this.#windowsAtFloor = 0;
  }

  /** The least latency is measured for a second at most, then with as many answers as there are. */
  #judgeProbe(nowMs: number): void {
    if (nowMs - this.#probeFromMs < PROBE_MS_MAX) return;
    if (this.#probed.length >= SAMPLES_MIN || this.leastMs > 0) this.#endProbe(nowMs);
  }

  #endProbe(nowMs: number): void {
    if (this.#probed.length >= SAMPLES_MIN) this.leastMs = median(this.#probed);
    this.#probing = false;
    this.#probed = [];
    this.#samples = [];
    this.#windowEndsMs = nowMs + WINDOW_MS;
    this.#probeFromMs = nowMs + PROBE_EVERY_MS * (1 + PROBE_JITTER * this.#random());
  }

  #clamped(limit: number): number {
    return Math.min(this.#rules.limitMax, Math.max(this.#rules.limitMin, limit));
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
