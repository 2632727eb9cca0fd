// Hot on hits. Owns L1: entries by cache key, bounded in bytes (RFC 9111 section 2), what is let in
// and what goes to make room (docs/adr/0009). Knows no requests and no clock: time is that of the
// response that is being stored.

import { CacheEntry } from "./cache-entry.ts";
import { FrequencySketch } from "./frequency-sketch.ts";
import type { CacheKey, KeyMemory } from "./key.ts";
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

/** Counted since the start; purged and replaced responses are none of them. */
export interface RemovalCounts {
  /** Entries dropped to make room while they could still be used. */
  evictions: number;
  /** Responses not stored, because what would have to go for them is asked for more. */
  rejections: number;
  /** Entries dropped, or replaced, past their lifetime … */
  expirations: number;
  /** … and never used in it. */
  expiredUnused: number;
  /** Hits of all entries that were dropped or replaced. */
  uses: number;
  /** Entries that were dropped or replaced for any reason. */
  ended: number;
  /** Time that evicted entries had been in the store, all together. */
  evictedAgeMs: number;
}

/** Entries that are compared for one that goes: 16 do as well as 32 on the traces. */
const SAMPLE_SIZE = 16;
/** Bytes of the store for one counter of the sketch: several for each entry of a page or more. */
const BYTES_PER_COUNTER = 512;
const COUNTERS_MIN = 4096;
const COUNTERS_MAX = 4 * 1024 * 1024;

export class MemoryStore {
  readonly counts: RemovalCounts = {
    evictions: 0,
    rejections: 0,
    expirations: 0,
    expiredUnused: 0,
    uses: 0,
    ended: 0,
    evictedAgeMs: 0,
  };
  /**
   * By 32 bits of the hash, because a small integer is found in half the time of a 53-bit number
   * and is no allocation. The full key decides. Of two keys with the same first word, the second
   * lives under another word.
   */
  readonly #entries = new Map<number, CacheEntry>();
  /** The same entries, so that one can be drawn; in no order. */
  readonly #list: CacheEntry[] = [];
  readonly #tags = new TagIndex();
  #options: MemoryStoreOptions;
  #frequencies: FrequencySketch;
  #bytesMax = 0;
  #entryBytes = 0;
  #draw = 0x9e3779b9;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#frequencies = new FrequencySketch(countersFor(options));
    this.#limit();
  }

  /**
   * Other limits. A store that holds too much lets nothing in until `shrink` has made room; counts
   * of requests are kept unless the sketch for them has another size.
   */
  configure(options: MemoryStoreOptions): void {
    const counters = countersFor(options);
    if (counters !== countersFor(this.#options)) this.#frequencies = new FrequencySketch(counters);
    this.#options = options;
    this.#limit();
  }

  /** Evicts up to `count` entries of a store that holds too much; false once it does not. */
  shrink(count: number, nowMs: number): boolean {
    for (let left = count; left > 0 && this.bytes > this.#bytesMax; left--) {
      const victim = this.#leastOfSample(nowMs);
      if (victim === undefined) return false;
      this.#evict(victim, nowMs);
    }
    return this.bytes > this.#bytesMax;
  }

  #limit(): void {
    this.#bytesMax = this.#options.bytesMax - this.#frequencies.bytes;
  }

  get count(): number {
    return this.#list.length;
  }

  /** Of entries and of the index by tag; the sketch, 0.2 to 0.4 % of the limit, is taken off it. */
  get bytes(): number {
    return this.#entryBytes + this.#tags.bytes;
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

  /** Hot. A request was answered from this entry, which `lookup` found. */
  use(entry: CacheEntry): void {
    entry.uses++;
    this.#frequencies.add(entry.key.h0, entry.key.h1);
  }

  /** The entry that a request asks for: its key counts as asked for, stored or not. */
  get(key: CacheKey): CacheEntry | undefined {
    this.#frequencies.add(key.h0, key.h1);
    const entry = this.peek(key);
    if (entry !== undefined) entry.uses++;
    return entry;
  }

  /** As `get`, without counting as a request. */
  peek(key: CacheKey): CacheEntry | undefined {
    const first = this.#entries.get(key.h0);
    if (first !== undefined && first.key.equals(key)) return first;
    const second = this.#entries.get(key.h1);
    return second !== undefined && second.key.equals(key) ? second : undefined;
  }

  /** All entries, in no order; the store must not change meanwhile. */
  entries(): Iterable<CacheEntry> {
    return this.#list;
  }

  /** Entries of which some variant has the tag. */
  tagged(tag: string): CacheEntry[] {
    const entries: CacheEntry[] = [];
    for (const slot of this.#tags.slotsOf(tag)) {
      const entry = this.#entries.get(slot);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** Drops every variant with the tag; returns how many. The index forgets the tag at once. */
  removeTagged(tag: string): number {
    let count = 0;
    for (const slot of this.#tags.take(tag)) {
      const entry = this.#entries.get(slot);
      if (entry !== undefined) count += this.removeWhere(entry, (one) => one.tags.includes(tag));
    }
    return count;
  }

  /**
   * Adds a stored response in place of those that `supersedes` names. False where it is larger than
   * an object may be, or not worth what would have to go: then the superseded ones are gone all the
   * same, because they are out of date.
   */
  put(
    key: CacheKey,
    stored: StoredResponse,
    supersedes: (variant: StoredResponse) => boolean,
  ): boolean {
    const nowMs = stored.metadata.responseMs;
    const previous = this.peek(key);
    const others = (previous?.variants ?? []).filter((variant) => !supersedes(variant));
    const slot = previous?.slot ?? this.#freeSlot(key);
    if (previous !== undefined) this.#drop(previous, nowMs);
    key.detach();
    if (stored.sizeBytes <= this.#options.objectBytesMax) {
      const entry = new CacheEntry(key, slot, this.#withNewest(others, stored));
      if (this.#admit(entry, nowMs)) return true;
    }
    // What was there beside it had its room.
    if (others.length > 0) this.#admit(new CacheEntry(key, slot, others), nowMs);
    return false;
  }

  /** Drops the whole entry; returns how many stored responses it held. */
  remove(key: CacheKey): number {
    const entry = this.peek(key);
    return entry === undefined ? 0 : this.removeWhere(entry, () => true);
  }

  /** Drops those variants of an entry that are no longer valid; returns how many. */
  removeWhere(entry: CacheEntry, isMeant: (stored: StoredResponse) => boolean): number {
    if (entry.position < 0) return 0;
    const [only] = entry.variants;
    if (entry.variants.length === 1 && only !== undefined) {
      // Nearly all of them, maybe 100,000 in a purge.
      if (!isMeant(only)) return 0;
      only.withdraw();
      this.#unlist(entry);
      return 1;
    }
    const kept: StoredResponse[] = [];
    for (const variant of entry.variants) {
      if (isMeant(variant)) variant.withdraw();
      else kept.push(variant);
    }
    this.#shrink(entry, kept);
    return entry.variants.length - kept.length;
  }

  /** Drops one stored response and leaves the other variants. */
  removeVariant(key: CacheKey, stored: StoredResponse): void {
    const entry = this.peek(key);
    if (entry === undefined || !entry.variants.includes(stored)) return;
    this.#shrink(
      entry,
      entry.variants.filter((variant) => variant !== stored),
    );
  }

  /** By Date; one more than may be drops the oldest. */
  #withNewest(others: readonly StoredResponse[], stored: StoredResponse): StoredResponse[] {
    const older = others.findIndex((one) => one.metadata.dateMs <= stored.metadata.dateMs);
    const variants = others.toSpliced(older < 0 ? others.length : older, 0, stored);
    return variants.slice(0, this.#options.variantsMax);
  }

  /** Where both words are taken by other keys, which happens to nobody, the newer one stays. */
  #freeSlot(key: CacheKey): number {
    const slot = this.#entries.has(key.h0) ? key.h1 : key.h0;
    const other = this.#entries.get(slot);
    if (other !== undefined) this.#unlist(other);
    return slot;
  }

  #shrink(entry: CacheEntry, kept: readonly StoredResponse[]): void {
    this.#unlist(entry);
    if (kept.length > 0) this.#enlist(new CacheEntry(entry.key, entry.slot, kept));
  }

  /**
   * Lists the entry if there is room, or can be: expired entries go at once, others only if each is
   * worth less than this one.
   */
  #admit(entry: CacheEntry, nowMs: number): boolean {
    this.#frequencies.age(this.count);
    // Beyond the limit already: it was lowered, and `shrink` is at work.
    if (entry.sizeBytes > this.#bytesMax || this.bytes > this.#bytesMax) return false;
    const victims = this.#chooseFor(entry, nowMs);
    if (victims === null) return false;
    for (const victim of victims) this.#evict(victim, nowMs);
    this.#enlist(entry);
    // The index by tag takes its bytes from the same limit.
    while (this.bytes > this.#bytesMax) {
      const victim = this.#leastOfSample(nowMs);
      if (victim === undefined) break;
      this.#evict(victim, nowMs);
    }
    return entry.position >= 0;
  }

  /** What goes for the entry, besides what is spent and gone already; null: nothing does. */
  #chooseFor(entry: CacheEntry, nowMs: number): CacheEntry[] | null {
    const victims: CacheEntry[] = [];
    const worth = this.#worth(entry);
    let missingBytes = this.bytes + entry.sizeBytes - this.#bytesMax;
    let isWorthIt = true;
    while (missingBytes > 0 && isWorthIt) {
      const victim = this.#leastOfSample(nowMs);
      if (victim === undefined) break;
      missingBytes -= victim.sizeBytes;
      if (victim.spentFromMs <= nowMs) {
        this.#drop(victim, nowMs);
      } else {
        isWorthIt = this.#worth(victim) <= worth;
        victim.isChosen = true;
        victims.push(victim);
      }
    }
    for (const victim of victims) victim.isChosen = false;
    if (!isWorthIt) this.counts.rejections++;
    return isWorthIt ? victims : null;
  }

  /**
   * Requests for the room that it takes. The root of the size stands between the share of requests
   * and the share of bytes that are answered from memory.
   */
  #worth(entry: CacheEntry): number {
    const requests = this.#frequencies.estimate(entry.key.h0, entry.key.h1);
    // What nobody asked for since the counts were halved is worth less than any newcomer.
    return Math.max(0.5, requests) / Math.sqrt(entry.sizeBytes);
  }

  /**
   * Of a few drawn entries one that is spent or, if none is, the one that is worth least; none that
   * is chosen already.
   */
  #leastOfSample(nowMs: number): CacheEntry | undefined {
    let least: CacheEntry | undefined;
    let leastWorth = Number.POSITIVE_INFINITY;
    for (let index = 0; index < SAMPLE_SIZE; index++) {
      const entry = this.#list[this.#nextDraw() % this.count];
      if (entry === undefined || entry.isChosen) continue;
      if (entry.spentFromMs <= nowMs) return entry;
      const worth = this.#worth(entry);
      if (worth >= leastWorth) continue;
      least = entry;
      leastWorth = worth;
    }
    // Nearly all are chosen: the new entry takes most of the store.
    return least ?? this.#list.find((entry) => !entry.isChosen);
  }

  /** xorshift32: nobody gains by guessing it, and tests repeat. */
  #nextDraw(): number {
    let draw = this.#draw;
    draw ^= draw << 13;
    draw ^= draw >>> 17;
    draw ^= draw << 5;
    this.#draw = draw;
    return draw >>> 0;
  }

  #evict(entry: CacheEntry, nowMs: number): void {
    this.counts.evictions++;
    this.counts.evictedAgeMs += Math.max(0, nowMs - (entry.variants[0]?.metadata.responseMs ?? 0));
    this.#drop(entry, nowMs);
  }

  #drop(entry: CacheEntry, nowMs: number): void {
    this.counts.ended++;
    this.counts.uses += entry.uses;
    if (entry.spentFromMs <= nowMs) {
      this.counts.expirations++;
      if (entry.uses === 0) this.counts.expiredUnused++;
    }
    this.#unlist(entry);
  }

  #enlist(entry: CacheEntry): void {
    entry.position = this.#list.length;
    this.#list.push(entry);
    this.#entries.set(entry.slot, entry);
    this.#entryBytes += entry.sizeBytes;
    for (const tag of entry.tags) this.#tags.add(tag, entry.slot);
  }

  #unlist(entry: CacheEntry): void {
    const last = this.#list.pop();
    if (last !== undefined && last !== entry) {
      this.#list[entry.position] = last;
      last.position = entry.position;
    }
    entry.position = -1;
    this.#entries.delete(entry.slot);
    this.#entryBytes -= entry.sizeBytes;
    for (const tag of entry.tags) this.#tags.delete(tag, entry.slot);
  }
}

function countersFor({ bytesMax }: MemoryStoreOptions): number {
  return Math.min(COUNTERS_MAX, Math.max(COUNTERS_MIN, Math.ceil(bytesMax / BYTES_PER_COUNTER)));
}
