// Owns what stands in for L2 in a replay: the rules by which Redis keeps values (their expiry, and
// `volatile-lru` within `maxmemory`, exact where Redis samples), in simulated time. A real Redis
// keeps its own time, so that hours of a log could not pass in seconds.

import type { Clock } from "../../src/clock.ts";
import type { CacheKey } from "../../src/cache/key.ts";
import { redisTtlMs } from "../../src/cache/redis-ttl.ts";
import type { Peeked, RecallEvents, SecondTier } from "../../src/cache/second-tier.ts";
import type { StoredResponse } from "../../src/cache/stored-response.ts";
import type { RequestHead } from "../../src/http/message.ts";

/** What Redis adds to a value: its hash, three fields, the key. Measured with MEMORY USAGE. */
const OVERHEAD_BYTES = 400;

interface Value {
  readonly stored: StoredResponse;
  readonly bytes: number;
  readonly untilMs: number;
}

export class StandInTier implements SecondTier {
  readonly isReadable = true;
  readonly position = { purges: 1, invalidations: 1 };
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #sizeOf: (stored: StoredResponse) => number;
  /** In order of use: a Map keeps the order in which its keys were put in. */
  readonly #values = new Map<string, Value>();
  #bytes = 0;

  constructor(bytesMax: number, clock: Clock, sizeOf: (stored: StoredResponse) => number) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
    this.#sizeOf = sizeOf;
  }

  read({ uri }: CacheKey, _request: RequestHead, _names: unknown, events: RecallEvents): void {
    const value = this.#values.get(uri);
    if (value === undefined) return events.done(null);
    this.#remove(uri, value);
    if (value.untilMs <= this.#clock.nowMs()) return events.done(null);
    this.#add(uri, value);
    const { stored } = value;
    const { status, reason, fields } = stored.head();
    const { responseMs, bornMs } = stored.metadata;
    const initialAgeMs = responseMs - bornMs;
    const selecting: [] = [];
    const content = EMPTY;
    const head = { uri, status, reason, fields, selecting, tags: [] };
    events.done({ value: { ...head, responseMs, initialAgeMs, content }, isExpired: false });
  }

  peek(): Promise<Peeked> {
    return Promise.resolve("miss");
  }

  write({ uri }: CacheKey, stored: StoredResponse): void {
    const nowMs = this.#clock.nowMs();
    const bytes = this.#sizeOf(stored) + OVERHEAD_BYTES;
    const before = this.#values.get(uri);
    if (before !== undefined) this.#remove(uri, before);
    if (bytes > this.#bytesMax) return;
    this.#add(uri, { stored, bytes, untilMs: nowMs + redisTtlMs(stored.metadata, nowMs) });
    for (const [oldest, value] of this.#values) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#remove(oldest, value);
    }
  }

  invalidate(): void {
    // Traces have no unsafe requests.
  }

  count(): void {
    // The replay counts what its requests are answered with.
  }

  #add(uri: string, value: Value): void {
    this.#values.set(uri, value);
    this.#bytes += value.bytes;
  }

  #remove(uri: string, value: Value): void {
    this.#values.delete(uri);
    this.#bytes -= value.bytes;
  }
}

const EMPTY = new Uint8Array(0);
