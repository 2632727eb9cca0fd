// Owns what the cache asks of a tier behind the memory: read, write, invalidate. Nothing here waits
// for it and nothing fails by it. Knows no Redis.

import type { RequestHead } from "../http/message.ts";
import type { CacheKey } from "./key.ts";
import type { StoredResponse } from "./stored-response.ts";

/** A stored response as it lies in the second tier: times are by this process's clock. */
export interface RecalledValue {
  readonly uri: string;
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly string[];
  /** Name and value of each field that Vary names, as the request that fetched it sent them. */
  readonly selecting: readonly (readonly [name: string, value: string | null])[];
  readonly tags: readonly string[];
  /** When it was received, or last validated. */
  readonly responseMs: number;
  /** Its corrected age at that time (RFC 9111 section 4.2.3). */
  readonly initialAgeMs: number;
  readonly content: Uint8Array;
}

export interface Recall {
  readonly value: RecalledValue;
  /** A soft purge has made it stale. */
  readonly isExpired: boolean;
}

/**
 * How far this process has followed the purges and the invalidations of all. What was fetched from
 * the origin server at one position is older than everything behind it.
 */
export interface JournalPosition {
  readonly purges: number;
  readonly invalidations: number;
}

export interface RecallEvents {
  /** At most once, before `done`: it takes longer than anybody should wait for it alone. */
  late(): void;
  /** Once, before a deadline; null is a miss, for whatever reason. */
  done(recall: Recall | null): void;
}

/** Away: it cannot be asked, or does not answer. */
export type Peeked = Recall | "miss" | "purged" | "away";

export interface SecondTier {
  /** False: every read would be a miss at once. */
  readonly isReadable: boolean;
  /** To be noted before the origin server is asked; null: what comes cannot be kept there. */
  readonly position: JournalPosition | null;
  /** `names`: what the response probably varies by. */
  read(key: CacheKey, request: RequestHead, names: readonly string[], events: RecallEvents): void;
  /** As `read`, for whoever only wants to know: counts nothing. Never rejects. */
  peek(key: CacheKey, request: RequestHead, names: readonly string[]): Promise<Peeked>;
  /** Stores some time later, or drops and counts. The content must never change. */
  write(key: CacheKey, stored: StoredResponse, position: JournalPosition | null): void;
  /** An unsafe request has made the URI's responses invalid; `count` of them were stored here. */
  invalidate(key: CacheKey, count: number): void;
  /**
   * Counts what became of what was read, or was not. Late: the origin server had answered before.
   * Skipped: it would have been a miss.
   */
  count(use: "hit" | "stale" | "late" | "skipped"): void;
}
