// Owns what a purge is, which stored responses it means, and what it does to them. Knows no clients
// and no other instances: whoever hears of a purge calls `Cache.purge` with it.

import { LRUCache } from "lru-cache";
import type { CacheEntry } from "./cache-entry.ts";
import { type KeyMemory, keyOfUri, queryTag, uriPrefixOf } from "./key.ts";
import type { MemoryStore } from "./memory-store.ts";

/** What is purged. All of it is text, so that a purge can travel as JSON. */
export type PurgeScope =
  /** Every variant of an absolute http or https URI. */
  | { readonly kind: "uri"; readonly uri: string }
  /**
   * Every URI that starts with this one, which names at least scheme and authority. Bytes count,
   * not path segments: /a means /ab too, /a/ does not.
   */
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "all" };

/**
 * A hard purge removes. A soft one makes stale: what remains is validated before it is used, or
 * used while it is validated or the origin server fails, as its own directives allow.
 */
export type PurgeMode = "hard" | "soft";

export interface Purge {
  readonly scope: PurgeScope;
  readonly mode: PurgeMode;
}

export interface PurgeCount {
  /** Stored responses that were removed, or made stale; each variant is one. */
  readonly purged: number;
}

/** Purges what is stored; returns how many responses that were. */
export function purgeStored(
  store: MemoryStore,
  memory: KeyMemory,
  { scope, mode }: Purge,
  nowMs: number,
): number {
  if (scope.kind === "tag" && mode === "hard") return store.removeTagged(scope.tag);
  let count = 0;
  for (const entry of entriesOf(store, memory, scope)) {
    if (mode === "hard") count += store.removeWhere(entry, () => true);
    else count += expire(entry, scope, nowMs);
  }
  return count;
}

/** A list of its own: the store changes while it is gone through. */
function entriesOf(
  store: MemoryStore,
  memory: KeyMemory,
  scope: PurgeScope,
): readonly CacheEntry[] {
  switch (scope.kind) {
    case "uri": {
      const key = keyOfUri(memory, scope.uri);
      if (key === undefined) return [];
      const entry = store.peek(key);
      const queries = store.tagged(queryTag(key.uri));
      return entry === undefined ? queries : [entry, ...queries];
    }
    case "prefix": {
      const prefix = uriPrefixOf(scope.prefix);
      if (prefix === undefined) return [];
      return [...store.entries()].filter((entry) => entry.key.uri.startsWith(prefix));
    }
    case "tag":
      return store.tagged(scope.tag);
    default:
      return [...store.entries()];
  }
}

function expire(entry: CacheEntry, scope: PurgeScope, nowMs: number): number {
  let count = 0;
  for (const stored of entry.variants) {
    if (scope.kind === "tag" && !stored.tags.includes(scope.tag)) continue;
    stored.expire(nowMs);
    count++;
  }
  return count;
}

/** A purge older than the last 4,096 tags counts as one of every tag: what is in flight is lost. */
const RECENT_TAGS_MAX = 4096;

/**
 * Which tags were purged lately. The tags of a response are known when its head comes, and a purge
 * may have come before: it was made before the purge, as far as anybody knows, and is not stored.
 */
export class TagPurges {
  /** Counts purges by tag. A response notes it when it is asked for. */
  sequence = 0;
  #forgotten = 0;
  readonly #recent = new LRUCache<string, number>({
    max: RECENT_TAGS_MAX,
    dispose: (sequence, _tag, reason) => {
      if (reason === "evict") this.#forgotten = sequence;
    },
  });

  note(tag: string): void {
    this.#recent.set(tag, ++this.sequence);
  }

  /** One of the tags was purged after `sequence` was read. */
  hasSince(sequence: number, tags: readonly string[]): boolean {
    if (sequence === this.sequence || tags.length === 0) return false;
    if (sequence < this.#forgotten) return true;
    return tags.some((tag) => (this.#recent.peek(tag) ?? 0) > sequence);
  }
}
