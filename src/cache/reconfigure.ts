// Owns what another config means for what is stored: other limits, and routes that take over the
// responses of those that were there before, or drop them. Nothing is walked at the change itself:
// a store of a million entries would hold up every request.

import type { CacheEntry } from "./cache-entry.ts";
import type { CacheOptions, CacheState } from "./cache-state.ts";
import type { CacheKey } from "./key.ts";
import type { MemoryStore } from "./memory-store.ts";
import type { HitRules } from "./stored-response.ts";

/** Entries that go before other work has its turn: some 2 ms. */
const EVICTED_AT_A_TIME = 500;

/** Other limits from now on; a store that holds too much is emptied a step at a time. */
export function reconfigure(state: CacheState, options: CacheOptions): void {
  state.options = options;
  state.budget.bytesMax = options.inFlightBytesMax;
  state.store.configure(options.memory);
  shrink(state);
}

function shrink(state: CacheState): void {
  if (!state.store.shrink(EVICTED_AT_A_TIME, state.clock.nowMs())) return;
  setImmediate(shrink, state);
}

/** No hit is plain any more under these rules: the next request of each entry comes by `adopted`. */
export function retire(rules: HitRules): void {
  rules.plain = false;
  rules.isRetired = true;
}

/**
 * The entry that a request of a route asks for. What was stored under another config belongs to the
 * route if its responses come from the same source, and is dropped otherwise.
 */
export function adopted(
  store: MemoryStore,
  key: CacheKey,
  rules: HitRules,
): CacheEntry | undefined {
  const entry = store.get(key);
  if (entry === undefined || entry.variants.every((stored) => stored.rules === rules)) return entry;
  const dropped = store.removeWhere(entry, (stored) => stored.rules.source !== rules.source);
  const kept = dropped === 0 ? entry : store.peek(key);
  for (const stored of kept?.variants ?? []) stored.adopt(rules);
  return kept;
}
