// Hot on hits. Owns L1: entries by cache key in an LRU that is bounded in bytes (RFC 9111 section
// 2), and the choice among the variants of an entry. Knows no freshness, no requests and no clock.

import { LRUCache } from "lru-cache";
import type { FieldLines } from "../http/message.ts";
import type { CacheKey, KeyMemory } from "./key.ts";
import { type RawFields, selects, selectsRaw } from "./policy/vary.ts";
import type { StoredResponse } from "./stored-response.ts";
import { TagIndex } from "./tag-index.ts";

export interface MemoryStoreOptions {
  /** All entries together, their overhead included. */
  readonly bytesMax: number;
  /** One stored response; a larger one is not stored. */
  readonly objectBytesMax: number;
  /** Variants of one key; one more drops the one with the oldest Date. */
  readonly variantsMax: number;
}

/**
 * 64 MiB hold some 30,000 pages of 1 KiB. No object takes more than 8 MiB, so that one download
 * does not drive everything else out. 16 variants cover the usual encodings times a few languages;
 * a Vary by user agent has too many values to ever be hit, and so stays bounded.
 */
export const MEMORY_STORE_DEFAULTS: MemoryStoreOptions = {
  bytesMax: 64 * 1024 * 1024,
  objectBytesMax: 8 * 1024 * 1024,
  variantsMax: 16,
};

/** All stored responses of one key. Never changed: another set of variants is another entry. */
export class CacheEntry {
  readonly key: CacheKey;
  /** Where the store has it. */
  readonly slot: number;
  /** By Date, newest first (RFC 9111 section 4.1: the most recent one that is selected). */
  readonly variants: readonly StoredResponse[];
  /** The only variant, where it is not selected by any field: the common case of a hit. */
  readonly plain: StoredResponse | null;
  /** Tags of all variants. */
  readonly tags: readonly string[];
  /** All variants are selected by the same fields, so that the raw match is the only one. */
  readonly #uniform: boolean;

  constructor(key: CacheKey, slot: number, variants: readonly StoredResponse[]) {
    this.key = key;
    this.slot = slot;
    this.variants = variants;
    const first = variants[0];
    const isPlain = variants.length === 1 && first?.selecting.length === 0;
    this.plain = isPlain ? (first ?? null) : null;
    this.tags = tagsOfAll(variants);
    const names = selectingNames(first);
    this.#uniform = variants.every((variant) => selectingNames(variant) === names);
  }

  /** Hot. The stored response that the raw fields select; null where `select` has to decide. */
  selectRaw(request: RawFields): StoredResponse | null {
    if (this.plain !== null) return this.plain;
    if (!this.#uniform) return null;
    for (let index = 0; index < this.variants.length; index++) {
      const variant = this.variants[index];
      if (variant !== undefined && selectsRaw(variant.selecting, request)) return variant;
    }
    return null;
  }

  /** The newest stored response that the request selects (RFC 9111 section 4.1). */
  select(requestFields: FieldLines): StoredResponse | undefined {
    return this.variants.find((variant) => selects(variant.selecting, requestFields));
  }

  get sizeBytes(): number {
    let size = ENTRY_OVERHEAD_BYTES + this.key.length;
    for (const variant of this.variants) size += variant.sizeBytes;
    return size;
  }
}

function tagsOfAll(variants: readonly StoredResponse[]): readonly string[] {
  const [first] = variants;
  if (first === undefined || variants.length === 1) return first?.tags ?? [];
  return [...new Set(variants.flatMap((variant) => variant.tags))];
}

function selectingNames(variant: StoredResponse | undefined): string {
  return variant === undefined ? "" : variant.selecting.map((field) => field.name).join(",");
}

/** What an entry costs without its variants: key, entry, array, LRU links and Map slot. */
export const ENTRY_OVERHEAD_BYTES = 500;

export class MemoryStore {
  /** Entries that were dropped to make room; purged and replaced ones do not count. */
  evictions = 0;
  readonly options: MemoryStoreOptions;
  /**
   * By 32 bits of the hash, because a small integer is found in half the time of a 53-bit number
   * and is no allocation. The full key decides. Of two keys with the same first word, the second
   * lives under another word.
   */
  readonly #entries: LRUCache<number, CacheEntry>;
  readonly #tags = new TagIndex();

  constructor(options: MemoryStoreOptions) {
    this.options = options;
    this.#entries = new LRUCache({
      maxSize: options.bytesMax,
      sizeCalculation: (entry) => entry.sizeBytes,
      dispose: (entry, slot, reason) => {
        for (const tag of entry.tags) this.#tags.delete(tag, slot);
        if (reason === "evict") this.evictions++;
      },
    });
  }

  get count(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize + this.#tags.bytes;
  }

  /**
   * Hot. The entry whose key is the `keyLength` bytes at `keyAddress` with these hash words; no
   * allocation.
   */
  lookup(
    memory: KeyMemory,
    keyAddress: number,
    keyLength: number,
    h0: number,
    h1: number,
  ): CacheEntry | undefined {
    const first = this.#entries.get(h0 | 0);
    if (first !== undefined && first.key.matchesMemory(memory, keyAddress, keyLength)) return first;
    const second = this.#entries.get(h1 | 0);
    if (second === undefined) return undefined;
    return second.key.matchesMemory(memory, keyAddress, keyLength) ? second : undefined;
  }

  get(key: CacheKey): CacheEntry | undefined {
    const slot = this.#slotOf(key);
    return slot === undefined ? undefined : this.#entries.get(slot);
  }

  /** As `get`, without counting as a use. */
  peek(key: CacheKey): CacheEntry | undefined {
    const slot = this.#slotOf(key);
    return slot === undefined ? undefined : this.#entries.peek(slot);
  }

  /** All entries, in no order; the store must not change meanwhile. */
  entries(): Iterable<CacheEntry> {
    return this.#entries.values();
  }

  /** Entries of which some variant has the tag. */
  tagged(tag: string): CacheEntry[] {
    const entries: CacheEntry[] = [];
    for (const slot of this.#tags.slotsOf(tag)) {
      const entry = this.#entries.peek(slot);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** Drops every variant with the tag; returns how many. The index forgets the tag at once. */
  removeTagged(tag: string): number {
    let count = 0;
    for (const slot of this.#tags.take(tag)) {
      const entry = this.#entries.peek(slot);
      if (entry === undefined) continue;
      const [only] = entry.variants;
      if (entry.variants.length === 1 && only !== undefined) {
        // Nearly all of them, maybe 100,000.
        only.withdraw();
        this.#entries.delete(slot);
        count++;
      } else {
        count += this.removeWhere(entry, (stored) => stored.tags.includes(tag));
      }
    }
    return count;
  }

  /**
   * Adds a stored response in place of those that `supersedes` names. False where it is larger than
   * an object may be: then the superseded ones are gone all the same, because they are out of date.
   */
  put(
    key: CacheKey,
    stored: StoredResponse,
    supersedes: (variant: StoredResponse) => boolean,
  ): boolean {
    const slot = this.#slotOf(key);
    const previous = slot === undefined ? undefined : this.#entries.peek(slot);
    const variants = (previous?.variants ?? []).filter((variant) => !supersedes(variant));
    const fits = stored.sizeBytes <= this.options.objectBytesMax;
    if (fits) {
      const older = variants.findIndex((one) => one.metadata.dateMs <= stored.metadata.dateMs);
      variants.splice(older < 0 ? variants.length : older, 0, stored);
      if (variants.length > this.options.variantsMax) variants.pop();
    }
    this.#replace(key, slot ?? this.#freeSlot(key), variants);
    return fits && this.get(key) !== undefined;
  }

  /** Drops the whole entry; returns how many stored responses it held. */
  remove(key: CacheKey): number {
    const entry = this.peek(key);
    return entry === undefined ? 0 : this.removeWhere(entry, () => true);
  }

  /** Drops those variants of an entry that are no longer valid; returns how many. */
  removeWhere(entry: CacheEntry, isMeant: (stored: StoredResponse) => boolean): number {
    if (this.#entries.peek(entry.slot) !== entry) return 0;
    const kept: StoredResponse[] = [];
    for (const variant of entry.variants) {
      if (isMeant(variant)) variant.withdraw();
      else kept.push(variant);
    }
    this.#replace(entry.key, entry.slot, kept);
    return entry.variants.length - kept.length;
  }

  /** Drops one stored response and leaves the other variants. */
  removeVariant(key: CacheKey, stored: StoredResponse): void {
    const slot = this.#slotOf(key);
    const entry = slot === undefined ? undefined : this.#entries.peek(slot);
    if (slot === undefined || entry === undefined || !entry.variants.includes(stored)) return;
    this.#replace(
      key,
      slot,
      entry.variants.filter((variant) => variant !== stored),
    );
  }

  #slotOf(key: CacheKey): number | undefined {
    if (this.#entries.peek(key.h0)?.key.equals(key) === true) return key.h0;
    return this.#entries.peek(key.h1)?.key.equals(key) === true ? key.h1 : undefined;
  }

  /** Where both words are taken by other keys, which happens to nobody, the newer one stays. */
  #freeSlot(key: CacheKey): number {
    return this.#entries.has(key.h0) ? key.h1 : key.h0;
  }

  #replace(key: CacheKey, slot: number, variants: readonly StoredResponse[]): void {
    if (variants.length === 0) {
      this.#entries.delete(slot);
      return;
    }
    key.detach();
    const entry = new CacheEntry(key, slot, variants);
    this.#entries.set(slot, entry);
    if (this.#entries.peek(slot) !== entry) return;
    for (const tag of entry.tags) this.#tags.add(tag, slot);
    // The index takes its bytes from the same limit.
    while (this.bytes > this.options.bytesMax) this.#entries.pop();
  }
}
