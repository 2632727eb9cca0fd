// Owns whether one connection to Redis keeps up. Redis answers in the order it was asked: while one
// answer is late, whatever is asked next would be late too, so that nobody asks until it has come.
// Knows no commands.

import { RedisFailure } from "./redis-failure.ts";

export interface PaceTimes {
  /** An answer that takes longer is late: a request does not wait for it alone. */
  readonly lateMs: number;
  /** An answer that takes longer is none. */
  readonly timeoutMs: number;
}

/** An answer that is owed for this long is not coming: Redis is frozen, or the way is cut. */
const SILENT_MS = 250;
/** Of the last eight answers; with as many late ones the next is expected to be late. */
const LATE_MIN = 4;
const LAST_EIGHT = 0xff;

export class RedisPace {
  readonly #silent: () => void;
  /** Late answers that are still owed. */
  #lateCount = 0;
  /** One bit for each of the last eight answers: it was late. */
  #lately = 0;

  /** `silent`: the connection is to be given up. */
  constructor(silent: () => void) {
    this.#silent = silent;
  }

  /** An answer is late and still owed. */
  get isBehind(): boolean {
    return this.#lateCount > 0;
  }

  /** Answers come, but most of them late. */
  get isSlow(): boolean {
    let count = 0;
    for (let bits = this.#lately; bits !== 0; bits &= bits - 1) count++;
    return count >= LATE_MIN;
  }

  /**
   * As the reply, or rejects after `timeoutMs`; until it comes nevertheless, or the connection
   * ends, it is owed. `late` is called at most once, and not after the reply.
   */
  watch<T>(reply: Promise<T>, { lateMs, timeoutMs }: PaceTimes, late: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isSettled = false;
      let isLate = false;
      const overdue = (): void => {
        if (isSettled) return;
        isLate = true;
        this.#lateCount++;
        timer = setTimeout(expire, timeoutMs - lateMs);
        late();
      };
      const expire = (): void => {
        timer = setTimeout(this.#silent, Math.max(0, SILENT_MS - timeoutMs));
        reject(new RedisFailure("timeout"));
      };
      // Behind what has arrived already: when this thread was busy, Redis was not late.
      let timer = setTimeout(() => setImmediate(overdue), lateMs);
      const settle = (): void => {
        isSettled = true;
        clearTimeout(timer);
        if (isLate) this.#lateCount--;
        this.#lately = ((this.#lately << 1) | (isLate ? 1 : 0)) & LAST_EIGHT;
      };
      reply.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(error instanceof Error ? error : new RedisFailure("connection"));
        },
      );
    });
  }
}
