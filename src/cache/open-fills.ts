// Owns the responses that are on their way: which of them a request may join, and which a purge has
// to keep out of the store. Hot: an entry more and one less for each miss, so they are linked
// through themselves. A Map's tables, or copied arrays, would drag finished requests into the old
// generation of the heap, each holding the next.

import type { RequestHead } from "../http/message.ts";
import type { Fill } from "./collapse.ts";
import type { CachePlan } from "./fill-plan.ts";
import type { CacheKey } from "./key.ts";

/** One response that is on its way, for a key. */
export interface OpenFill {
  readonly key: CacheKey;
  readonly plan: CachePlan;
  /** null: nobody may join. */
  readonly fill: Fill | null;
  /** The worker that it comes from; null where this one asks the origin server. */
  readonly peer: number | null;
  next: OpenFill | null;
  previous: OpenFill | null;
  isListed: boolean;
}

/** Chains by the first word of the key's hash; more than anybody has requests in flight. */
const CHAINS = 1024;

export class OpenFills {
  /** How many of them are for QUERY, whose key says more than the URI. */
  #queryCount = 0;
  readonly #chains: (OpenFill | null)[] = new Array<OpenFill | null>(CHAINS).fill(null);

  add(open: OpenFill): void {
    const index = chainOf(open.key);
    const first = this.#chains[index] ?? null;
    open.next = first;
    if (first !== null) first.previous = open;
    this.#chains[index] = open;
    open.isListed = true;
    if (open.key.isQuery) this.#queryCount++;
  }

  /** Does nothing for one that is not there any more. */
  remove(open: OpenFill): void {
    if (!open.isListed) return;
    open.isListed = false;
    if (open.key.isQuery) this.#queryCount--;
    const { next, previous } = open;
    if (previous === null) this.#chains[chainOf(open.key)] = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    // A removed entry must not hold its neighbours.
    open.next = null;
    open.previous = null;
  }

  /** One that this request may join. */
  find(key: CacheKey, request: RequestHead, range: string | null): Fill | undefined {
    return this.findOpen(key, request, range)?.fill ?? undefined;
  }

  /** `range`: the one that the response has to be for. */
  findOpen(key: CacheKey, request: RequestHead, range: string | null): OpenFill | undefined {
    for (let open = this.#chains[chainOf(key)] ?? null; open !== null; open = open.next) {
      const { fill } = open;
      if (fill === null || open.plan.range !== range) continue;
      if (open.key.equals(key) && fill.admits(request)) return open;
    }
    return undefined;
  }

  /**
   * What is on its way was made before the purge: it goes to those who wait, not into the store.
   * Not so the response that is the reason for it, its `author`.
   */
  invalidate(key: CacheKey, author: CachePlan | null): void {
    for (let open = this.#chains[chainOf(key)] ?? null; open !== null; open = open.next) {
      if (open.plan !== author && open.key.equals(key)) open.plan.invalidate();
    }
    if (this.#queryCount > 0) this.invalidateWhere((uri) => uri.startsWith(`${key.uri} `));
  }

  /** As `invalidate`, for every key whose URI passes. */
  invalidateWhere(isMeant: (uri: string) => boolean): void {
    for (const first of this.#chains) {
      for (let open = first; open !== null; open = open.next) {
        if (isMeant(open.key.uri)) open.plan.invalidate();
      }
    }
  }
}

function chainOf(key: CacheKey): number {
  return key.h0 & (CHAINS - 1);
}
