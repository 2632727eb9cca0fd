// Owns what the parts of one cache share: its options, counters, store, and its memory of keys that
// are not worth waiting for. Knows no requests.

import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { FILL_LIMITS, FillBudget, type FillLimits } from "./fill-limits.ts";
import type { CacheKey } from "./key.ts";
import { MEMORY_STORE_DEFAULTS, MemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
import { FRESHNESS_DEFAULTS, type FreshnessOptions } from "./policy/freshness.ts";
import { TagPurges } from "./purge.ts";
import type { SecondTier } from "./second-tier.ts";
import type { HitFormat } from "./stored-response.ts";

export interface CacheOptions {
  readonly format: HitFormat;
  readonly memory: MemoryStoreOptions;
  readonly freshness: FreshnessOptions;
  readonly fill: FillLimits;
  /** Content of all responses in flight that is kept for storing; more passes through unstored. */
  readonly inFlightBytesMax: number;
  /**
   * How long past its lifetime a response is used while the origin server cannot be reached, unless
   * it forbids that (RFC 9111 section 4.2.4).
   */
  readonly disconnectedStaleSeconds: number;
  /**
   * How long requests for a key do not wait for each other after a response that they could not
   * share.
   */
  readonly uncacheableMs: number;
  readonly uncacheableKeysMax: number;
}

/**
 * A quarter of the default store may be in flight. Two minutes, as Varnish has it: an origin server
 * whose answers become cacheable is noticed soon, and a key that never is costs its clients one
 * wait in two minutes. 16,384 keys are 2 MiB. Ten minutes without an origin server cover its
 * restart, and nobody is shown yesterday's page.
 */
export const CACHE_DEFAULTS: Omit<CacheOptions, "format"> = {
  memory: MEMORY_STORE_DEFAULTS,
  freshness: FRESHNESS_DEFAULTS,
  fill: FILL_LIMITS,
  disconnectedStaleSeconds: 600,
  inFlightBytesMax: 16 * 1024 * 1024,
  uncacheableMs: 120_000,
  uncacheableKeysMax: 16_384,
};

/** Counters since the start; the hit path adds to `hits` itself. */
export interface CacheStats {
  /** Answered from the store, fresh. */
  hits: number;
  /** Answered from the store, stale: max-stale, stale-while-revalidate or stale-if-error. */
  stale: number;
  /** Went on to the origin server with nothing usable stored. */
  misses: number;
  /** Went on although a cache could have answered: the request or its method said so. */
  bypassed: number;
  /** A 304 of the origin server freshened a stored response. */
  revalidated: number;
  /** Waited for another request's response instead of making one. */
  collapsed: number;
  /** Waited in vain. */
  released: number;
  stored: number;
  /** Stored responses removed by unsafe requests. */
  invalidated: number;
  /** Stored responses removed by purges. */
  purged: number;
  /** Stored responses made stale by soft purges. */
  softPurged: number;
}

export class CacheState {
  options: CacheOptions;
  readonly clock: Clock;
  readonly store: MemoryStore;
  readonly budget: FillBudget;
  /** null: memory is the only tier. */
  secondTier: SecondTier | null = null;
  readonly stats: CacheStats = {
    hits: 0,
    stale: 0,
    misses: 0,
    bypassed: 0,
    revalidated: 0,
    collapsed: 0,
    released: 0,
    stored: 0,
    invalidated: 0,
    purged: 0,
    softPurged: 0,
  };
  readonly tagPurges = new TagPurges();
  /** Until when, by two words of the hash: a collision costs a wait, or spares one. */
  readonly #uncacheable: LRUCache<number, number>;

  constructor(clock: Clock, options: CacheOptions) {
    this.options = options;
    this.clock = clock;
    this.store = new MemoryStore(options.memory);
    this.budget = new FillBudget(options.inFlightBytesMax);
    this.#uncacheable = new LRUCache({ max: options.uncacheableKeysMax });
  }

  get cacheName(): string {
    return this.options.format.cacheName;
  }

  rememberUncacheable(key: CacheKey, nowMs: number): void {
    this.#uncacheable.set(hashNumber(key), nowMs + this.options.uncacheableMs);
  }

  forgetUncacheable(key: CacheKey): void {
    this.#uncacheable.delete(hashNumber(key));
  }

  forgetAllUncacheable(): void {
    this.#uncacheable.clear();
  }

  isUncacheable(key: CacheKey, nowMs: number): boolean {
    const untilMs = this.#uncacheable.get(hashNumber(key));
    return untilMs !== undefined && nowMs < untilMs;
  }
}

/** 53 bits of the hash. */
function hashNumber(key: CacheKey): number {
  return (key.h0 >>> 0) + (key.h1 & 0x1fffff) * 4_294_967_296;
}
