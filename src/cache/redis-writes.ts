// Owns what waits to be written to Redis: bounded in bytes, a few at a time, and nobody waits for
// it. What does not fit, or comes while Redis refuses writes, is dropped and counted.

import type { Clock } from "../clock.ts";
import { reasonOf, type RedisReason } from "./redis-failure.ts";

/** Outdated: the URI was invalidated since it was asked for. */
export type DropReason = "queue_full" | "outdated" | RedisReason;

interface Write {
  readonly bytes: number;
  readonly run: () => Promise<void>;
}

const RUNNING_MAX = 4;
/** After an error that the next write would get too. */
const HOLD_MS = 1000;
/** What a write costs besides its content. */
const OVERHEAD_BYTES = 1024;

export class RedisWrites {
  queuedBytes = 0;
  readonly dropped = new Map<DropReason, number>();
  readonly #bytesMax: number;
  readonly #clock: Clock;
  #queue: Write[] = [];
  #running = 0;
  #holdUntilMs = 0;
  #holdReason: RedisReason = "full";
  #idle: (() => void)[] = [];

  constructor(bytesMax: number, clock: Clock) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  add(contentBytes: number, run: () => Promise<void>): void {
    const bytes = contentBytes + OVERHEAD_BYTES;
    if (this.#clock.monotonicMs() < this.#holdUntilMs) return this.drop(this.#holdReason);
    if (this.queuedBytes + bytes > this.#bytesMax) return this.drop("queue_full");
    this.queuedBytes += bytes;
    this.#queue.push({ bytes, run });
    this.#next();
  }

  drop(reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  /** The connection is gone: nothing is kept for the next one, which would be late. */
  clear(): void {
    for (const { bytes } of this.#queue) {
      this.queuedBytes -= bytes;
      this.drop("connection");
    }
    this.#queue = [];
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    if (this.#running === 0 && this.#queue.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #next(): void {
    while (this.#running < RUNNING_MAX) {
      const write = this.#queue.shift();
      if (write === undefined) break;
      this.#running++;
      void this.#run(write);
    }
    if (this.#running > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #run({ bytes, run }: Write): Promise<void> {
    try {
      await run();
    } catch (error) {
      const reason = reasonOf(error);
      this.drop(reason);
      if (HOLDING.has(reason)) {
        this.#holdReason = reason;
        this.#holdUntilMs = this.#clock.monotonicMs() + HOLD_MS;
      }
    }
    this.queuedBytes -= bytes;
    this.#running--;
    this.#next();
  }
}

const HOLDING: ReadonlySet<RedisReason> = new Set(["full", "denied", "unavailable"]);
