// Owns what was tried for one call, and whether, where and when it may be tried again. Made when
// something fails: a call that goes well has none. Knows no attempts and no timers.

import type { Grant } from "./retry-budget.ts";
import { backoffMs, mayReturn } from "./retry-rules.ts";
import type { RetryReason, RetryRules, Try } from "./retry-rules.ts";
import type { Target } from "./target.ts";

/** What retries need of their cluster. */
export interface RetryHost {
  readonly retryRules: RetryRules;
  readonly totalMs: number;
  monotonicMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Some target that was not tried may be asked now. */
  hasAnother(tried: readonly Target[]): boolean;
  /** Takes a token of the retry budget if there is one and the config wants this retried. */
  takeRetry(reason: RetryReason): Grant;
  retryEnded(): void;
  /** Counts an attempt beyond the first, by why it was made. */
  retried(outcome: string): void;
}

/** How long a retry waits for room in the budget on average, each time and in all. */
const ROOM_WAIT_MS = 10;
const ROOM_WAIT_MS_MAX = 1000;

export class Retries {
  /** What the next attempt must not go to. */
  tried: readonly Target[] = [];
  readonly history: Try[] = [];
  /** A stale connection was replaced; that attempt does not count. */
  staleReplaced = false;
  /** How long the attempt that was granted last has to wait. */
  waitMs = 0;
  readonly #host: RetryHost;
  readonly #startedMs: number;
  #holdsToken = false;
  #waitedForRoomMs = 0;

  constructor(host: RetryHost, startedMs: number) {
    this.#host = host;
    this.#startedMs = startedMs;
  }

  /**
   * Takes leave for another attempt: at once on a target that was not tried, else after `waitMs`.
   * "busy": ask again after `roomWaitMs`; "spent": rules, time or targets do not allow one.
   */
  take(target: Target, reason: RetryReason, outcome: string, attempts: number): Grant {
    const host = this.#host;
    const nth = attempts - (this.staleReplaced ? 1 : 0);
    if (nth >= host.retryRules.attempts) return "spent";
    if (!this.tried.includes(target)) this.tried = [...this.tried, target];
    const waitMs = this.#place(target, reason, nth);
    if (waitMs === null) return "spent";
    // Each attempt counts, not each request.
    this.release();
    const grant = host.takeRetry(reason);
    this.#holdsToken = grant === "taken";
    if (grant !== "taken") return grant;
    this.waitMs = waitMs;
    this.note(target, outcome);
    return grant;
  }

  /** An attempt ended so, and another follows because of it. */
  note(target: Target, outcome: string): void {
    this.history.push({ target: target.name, outcome });
    this.#host.retried(outcome);
  }

  /** One of two attempts beside each other ended so. */
  noteLost(target: Target, outcome: string): void {
    this.history.push({ target: target.name, outcome });
    if (!this.tried.includes(target)) this.tried = [...this.tried, target];
  }

  /** When to ask for room in the budget again; null when that has gone on for long enough. */
  roomWaitMs(): number | null {
    if (this.#waitedForRoomMs > ROOM_WAIT_MS_MAX) return null;
    const waitMs = ROOM_WAIT_MS * (0.5 + this.#host.random());
    this.#waitedForRoomMs += waitMs;
    return waitMs;
  }

  /** The attempt that was granted last has ended. */
  release(): void {
    if (this.#holdsToken) this.#host.retryEnded();
    this.#holdsToken = false;
  }

  /** Settles where the `nth` retry may go; how long it has to wait, null if it must not be. */
  #place(target: Target, reason: RetryReason, nth: number): number | null {
    const host = this.#host;
    const { retryRules, totalMs } = host;
    const nowMs = host.monotonicMs();
    let waitMs = nth === 1 ? 0 : backoffMs(nth - 1, retryRules, host.random());
    if (!host.hasAnother(this.tried)) {
      // Everyone was asked: rather one that did not fail just now.
      this.tried = host.hasAnother([target]) ? [target] : [];
      if (this.tried.length === 0) {
        if (!mayReturn(reason)) return null;
        const restMs = Math.max(0, target.state.retryAfterMs - nowMs);
        if (restMs > retryRules.waitMsMax) return null;
        waitMs = restMs + backoffMs(nth, retryRules, host.random());
      }
    }
    const isOver = totalMs > 0 && nowMs - this.#startedMs + waitMs >= totalMs;
    return isOver ? null : waitMs;
  }
}
