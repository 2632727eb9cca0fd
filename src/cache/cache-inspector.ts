// Owns what a cache shows of itself to whoever explains: what is stored in either tier, and which
// keys are remembered as not to wait for. Changes and counts nothing.

import type { RequestHead } from "../http/message.ts";
import type { CacheEntry } from "./cache-entry.ts";
import type { CacheState, UncacheableMark } from "./cache-state.ts";
import type { RouteCaching } from "./forward.ts";
import type { CacheKey } from "./key.ts";
import type { FreshnessOptions } from "./policy/freshness.ts";
import type { RuleName } from "./policy/rules.ts";
import { mayRecall } from "./recall.ts";
import { storedFrom } from "./recalled-response.ts";
import type { StoredResponse } from "./stored-response.ts";

/** What the second tier has for a request, or why nothing. */
export type SecondTierView =
  | { readonly kind: "stored"; readonly stored: StoredResponse }
  /** `off`: there is none. `not_asked`: it could not know, or memory answers. */
  | { readonly kind: "miss" | "purged" | "away" | "off" | "not_asked" };

export class CacheInspector {
  readonly #state: CacheState;

  constructor(state: CacheState) {
    this.#state = state;
  }

  get freshness(): FreshnessOptions {
    return this.#state.options.freshness;
  }

  entry(key: CacheKey): CacheEntry | undefined {
    return this.#state.store.peek(key);
  }

  /** Null where requests like this one wait for each other. */
  uncacheable(key: CacheKey, { fields }: RequestHead, nowMs: number): UncacheableMark | null {
    const mark = this.#state.uncacheable(key, fields);
    return mark !== null && nowMs < mark.untilMs ? mark : null;
  }

  /** What asking the second tier comes to, after `rule` has found nothing usable in memory. */
  async second(
    key: CacheKey,
    request: RequestHead,
    rule: RuleName,
    caching: RouteCaching,
  ): Promise<SecondTierView> {
    const { secondTier } = this.#state;
    if (secondTier === null) return { kind: "off" };
    if (!secondTier.isReadable) return { kind: "away" };
    if (!mayRecall(this.#state, { key, request, rule })) return { kind: "not_asked" };
    const names = this.entry(key)?.variants[0]?.selecting.map(({ name }) => name) ?? [];
    const peeked = await secondTier.peek(key, request, names);
    if (typeof peeked === "string") return { kind: peeked };
    const stored = storedFrom(this.#state, peeked, request, caching);
    return stored === null ? { kind: "miss" } : { kind: "stored", stored };
  }
}
