// Hot on hits. Owns the stored responses of one key, and the choice among them (RFC 9111 section
// 4.1). Knows no store and no clock.

import type { FieldLines } from "../http/message.ts";
import type { CacheKey } from "./key.ts";
import { type RawFields, selects, selectsRaw } from "./policy/vary.ts";
import type { StoredResponse } from "./stored-response.ts";

/** All stored responses of one key. Never changed: another set of variants is another entry. */
export class CacheEntry {
  readonly key: CacheKey;
  /** Where the store has it. */
  readonly slot: number;
  /** By Date, newest first (RFC 9111 section 4.1: the most recent one that is selected). */
  readonly variants: readonly StoredResponse[];
  /** Bytes that it takes with its variants. */
  readonly sizeBytes: number;
  /** Hits since it was stored; the store counts them. */
  uses = 0;
  /** Where the store lists it; -1 while it is not listed. */
  position = -1;
  /** The store may be about to drop it. */
  isChosen = false;
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
    let sizeBytes = ENTRY_OVERHEAD_BYTES + key.length;
    for (const variant of variants) sizeBytes += variant.sizeBytes;
    this.sizeBytes = sizeBytes;
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

  /**
   * From here on none of its variants is used without a successful validation; Infinity where that
   * is how each use begins.
   */
  get spentFromMs(): number {
    let spentMs = 0;
    for (const { metadata } of this.variants) {
      if (metadata.noCache) return Number.POSITIVE_INFINITY;
      const { bornMs, lifetimeSeconds } = metadata;
      const { staleWhileRevalidateSeconds, staleIfErrorSeconds } = metadata;
      const staleSeconds = Math.max(staleWhileRevalidateSeconds, staleIfErrorSeconds);
      spentMs = Math.max(spentMs, bornMs + (lifetimeSeconds + staleSeconds) * 1000);
    }
    return spentMs;
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

/** What an entry costs without its variants: key, entry, array, its place in the list and the Map. */
export const ENTRY_OVERHEAD_BYTES = 500;
