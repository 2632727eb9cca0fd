// Owns what the parts of one cache share: its options, counters, store, and its memory of keys that
// are not worth waiting for. Knows no requests.

import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { hasField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";
import { FILL_LIMITS, FillBudget, type FillLimits } from "./fill-limits.ts";
import type { CacheKey } from "./key.ts";
import { MEMORY_STORE_DEFAULTS, MemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
import { FRESHNESS_DEFAULTS, type FreshnessOptions } from "./policy/freshness.ts";
import { RULES, type RuleName } from "./policy/rules.ts";
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
  /** Did not wait: the last response for its key was not one to share. */
  hitForMiss: number;
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
    hitForMiss: 0,
    stored: 0,
    invalidated: 0,
    purged: 0,
    softPurged: 0,
  };
  readonly tagPurges = new TagPurges();
  /** Until when and why, by part of the hash: a collision costs a wait, or spares one. */
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

  /**
   * Of requests like this one: what is private to some may be public for others. `rule` is why the
   * response was not one to share.
   */
  rememberUncacheable(key: CacheKey, fields: FieldLines, rule: RuleName, nowMs: number): void {
    const untilMs = Math.ceil(nowMs + this.options.uncacheableMs);
    const mark = untilMs * RULES_MAX + RULE_NAMES.indexOf(rule);
    this.#uncacheable.set(markOf(key, likenessOf(fields)), mark);
  }

  forgetUncacheable(key: CacheKey, fields: FieldLines): void {
    this.#uncacheable.delete(markOf(key, likenessOf(fields)));
  }

  /** Whoever asks. */
  forgetKey(key: CacheKey): void {
    for (let likeness = 0; likeness < LIKENESSES; likeness++) {
      this.#uncacheable.delete(markOf(key, likeness));
    }
  }

  forgetAllUncacheable(): void {
    this.#uncacheable.clear();
  }

  isUncacheable(key: CacheKey, fields: FieldLines, nowMs: number): boolean {
    if (this.#uncacheable.size === 0) return false;
    const mark = this.#uncacheable.get(markOf(key, likenessOf(fields)));
    return mark !== undefined && nowMs < Math.floor(mark / RULES_MAX);
  }

  /** Until when requests like this one do not wait for each other, and why; null where they do. */
  uncacheable(key: CacheKey, fields: FieldLines): UncacheableMark | null {
    const mark = this.#uncacheable.peek(markOf(key, likenessOf(fields)));
    const rule = RULE_NAMES[(mark ?? 0) % RULES_MAX];
    if (mark === undefined || rule === undefined) return null;
    return { untilMs: Math.floor(mark / RULES_MAX), rule };
  }
}

export interface UncacheableMark {
  readonly untilMs: number;
  /** Why the last response was not one to share. */
  readonly rule: RuleName;
}

/** A mark is one number, so that remembering allocates nothing: its end, and the rule's place. */
const RULE_NAMES = Object.keys(RULES) as RuleName[];
const RULES_MAX = 256;

/** With and without credentials, with and without cookies. */
const LIKENESSES = 4;

function likenessOf(fields: FieldLines): number {
  return (hasField(fields, "authorization") ? 1 : 0) + (hasField(fields, "cookie") ? 2 : 0);
}

/** 51 bits of the hash, and who asks. */
function markOf(key: CacheKey, likeness: number): number {
  return ((key.h1 & 0x7ffff) * LIKENESSES + likeness) * 4_294_967_296 + (key.h0 >>> 0);
}
