// Owns the cache as the gateway uses it: look up, join a response that is on its way, invalidate,
// purge (RFC 9111 section 4). Decisions are the policy's, bytes the store's. Knows no sockets and
// no clusters.

import type { Clock } from "../clock.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { type Answer, answerFrom, refusalFrom } from "./answer.ts";
import { CacheInspector } from "./cache-inspector.ts";
import { type CacheOptions, CacheState, type CacheStats } from "./cache-state.ts";
import { type ForwardReason, hitStatus } from "./cache-status.ts";
import { Fill, type FillReader, type FillTicket } from "./collapse.ts";
import { CachePlan } from "./fill-plan.ts";
import type { Forward, RouteCaching } from "./forward.ts";
import { alone, type Asked, forwardOf, type Reasons, refreshing } from "./forward-request.ts";
import { type CacheKey, type KeyMemory, keyOfUri, queryTag, uriPrefixOf } from "./key.ts";
import { BYPASS_REASONS, bypassRule, lookupRule } from "./lookup-rule.ts";
import type { MemoryStore } from "./memory-store.ts";
import type { Claim } from "./peer-table.ts";
import { hostForPeers } from "./peer-host.ts";
import type { CachePeers } from "./peers.ts";
import { type OpenFill, OpenFills } from "./open-fills.ts";
import { type RequestDirectives, requestDirectives } from "./policy/directives.ts";
import { invalidatedUris } from "./policy/invalidation.ts";
import type { RuleName } from "./policy/rules.ts";
import { bringsContent } from "./policy/storing.ts";
import { type Purge, type PurgeCount, type PurgeScope, purgeStored } from "./purge.ts";
import { mayRecall, recall, type RecallSteps } from "./recall.ts";
import { adopted, reconfigure } from "./reconfigure.ts";
import type { SecondTier } from "./second-tier.ts";
import { SoloFill } from "./solo-fill.ts";
import type { StoredResponse } from "./stored-response.ts";
import { mayWait, NO_WAITS, type Waits } from "./waits.ts";

export interface Answered {
  readonly kind: "answer";
  readonly answer: Answer;
  readonly rule: RuleName;
  /** One word for log and metrics. */
  readonly outcome: "hit" | "stale" | "refused";
  /**
   * Stale-while-revalidate: to be joined with a `backgroundReader`; null where that is under way or
   * not needed.
   */
  readonly refresh: Forward | null;
}

export type Found = Answered | Forward;

export interface Joined {
  readonly ticket: FillTicket;
  /** Not null for the one that leads. */
  readonly plan: CachePlan | null;
  /**
   * Not null for the one that leads: it starts the origin call with this as handler, then calls
   * `attach`.
   */
  readonly fill: LedFill | null;
  /** The worker that is asking the origin server already: to be asked through `askPeer` instead. */
  readonly peer: number | null;
}

/** What an origin call pushes into. */
export type LedFill = Fill | SoloFill;

export class Cache {
  readonly #state: CacheState;
  readonly #memory: KeyMemory;
  readonly #fills = new OpenFills();
  readonly #peers: CachePeers | null;

  /** `peers`: the caches of other workers, which share fills with this one. */
  constructor(
    memory: KeyMemory,
    clock: Clock,
    options: CacheOptions,
    peers: CachePeers | null = null,
  ) {
    this.#memory = memory;
    this.#peers = peers;
    this.#state = new CacheState(clock, options);
    peers?.serve(
      hostForPeers(memory, this.#state, this.#fills, (key) => {
        this.#remove(key, null);
      }),
    );
  }

  get store(): MemoryStore {
    return this.#state.store;
  }

  /** For whoever explains. */
  get inspector(): CacheInspector {
    return new CacheInspector(this.#state);
  }

  get stats(): CacheStats {
    return this.#state.stats;
  }

  /** Bytes kept for responses that are on their way. */
  get inFlightBytes(): number {
    return this.#state.budget.usedBytes;
  }

  /** What becomes of a request: an answer from the store, or a way to the origin server. */
  lookup(request: RequestHead, key: CacheKey | null, caching: RouteCaching, nowMs: number): Found {
    const asked: Asked = { request, key, caching };
    const bypass = bypassRule(request, key, caching);
    if (bypass !== undefined || key === null) {
      const rule = bypass ?? "route_off";
      return this.#bypass(asked, BYPASS_REASONS[rule], rule);
    }
    const directives = requestDirectives(request.fields);
    const found = this.#find(asked, key, directives, nowMs);
    if (found.kind === "forward" && directives.onlyIfCached && !mayRecall(this.#state, found)) {
      return this.#refuse();
    }
    return found;
  }

  /**
   * Waits for the response to a request that was forwarded: one that is on its way already, or a
   * new one. A reader that was released looks up again and comes back with what it has waited for.
   */
  join(forward: Forward, reader: FillReader, waits: Waits): Joined {
    const { key } = forward;
    const isShared = forward.sharing === "collapse" && mayWait(waits);
    if (waits !== NO_WAITS) this.stats.released++;
    else if (COUNTED_AS_MISS.has(forward.rule)) this.stats.misses++;
    const open = isShared ? this.#openFor(forward) : undefined;
    if (open !== undefined) {
      this.#state.stats.collapsed++;
      return { ticket: open.join(reader), fill: null, plan: null, peer: null };
    }
    return this.#lead(forward, reader, isShared && key !== null);
  }

  /** Other limits and rules for what is stored from now on. */
  configure(options: CacheOptions): void {
    reconfigure(this.#state, options);
  }

  /** Nobody else waits for what is on its way, and it is not stored: other routes serve now. */
  forgetOnTheWay(): void {
    this.#fills.invalidateWhere(() => true);
  }

  /** The tier that is asked before the origin server, and told what is stored; null for none. */
  attach(tier: SecondTier | null): void {
    this.#state.secondTier = tier;
  }

  /**
   * For the one that leads: asks the second tier first. False where there is none, or nothing that
   * it could know: then the origin server is asked at once.
   */
  recall(
    forward: Forward,
    { fill, plan }: { readonly fill: LedFill; readonly plan: CachePlan },
    steps: RecallSteps,
  ): boolean {
    const names = forward.key === null ? NO_NAMES : this.#varyNames(forward.key);
    return recall(this.#state, { forward, fill, plan }, names, steps);
  }

  /**
   * Removes stored responses or makes them stale. What is on its way and meant goes to those who
   * wait for it, and is not stored. A scope that no key can have, such as a URI without a host,
   * means nothing.
   */
  purge(purge: Purge): PurgeCount {
    this.#purgeOnTheWay(purge.scope);
    const nowMs = this.#state.clock.nowMs();
    const purged = purgeStored(this.#state.store, this.#memory, purge, nowMs);
    if (purge.mode === "hard") this.stats.purged += purged;
    else this.stats.softPurged += purged;
    return { purged };
  }

  #purgeOnTheWay(scope: PurgeScope): void {
    switch (scope.kind) {
      case "uri": {
        const key = keyOfUri(this.#memory, scope.uri);
        if (key === undefined) return;
        this.#fills.invalidate(key, null);
        this.#state.forgetKey(key);
        return;
      }
      case "prefix": {
        const prefix = uriPrefixOf(scope.prefix);
        if (prefix !== undefined) this.#fills.invalidateWhere((uri) => uri.startsWith(prefix));
        return;
      }
      case "tag":
        this.#state.tagPurges.note(scope.tag);
        return;
      case "all":
        this.#fills.invalidateWhere(() => true);
        this.#state.forgetAllUncacheable();
    }
  }

  #find(asked: Asked, key: CacheKey, directives: RequestDirectives, nowMs: number): Found {
    const { request } = asked;
    const entry = adopted(this.#state.store, key, asked.caching.rules);
    const found = lookupRule(request, directives, entry, nowMs);
    const { verdict, rule, stored } = found;
    if (verdict === "alone") return alone(asked, found);
    if (verdict === "forward" || stored === null) {
      return this.#forward(asked, { reason: found.reason, rule, stored }, directives);
    }
    const refresh = verdict === "use_and_validate" ? this.#refresh(asked, stored) : null;
    return this.#answer(request, stored, rule, refresh, nowMs);
  }

  #answer(
    request: RequestHead,
    stored: StoredResponse,
    rule: RuleName,
    refresh: Forward | null,
    nowMs: number,
  ): Answered {
    const isFresh = rule === "fresh";
    if (isFresh) this.stats.hits++;
    else this.stats.stale++;
    const detail = isFresh ? undefined : rule;
    const status = hitStatus(this.#state.cacheName, stored.ttlSeconds(nowMs), detail);
    return {
      kind: "answer",
      answer: answerFrom(stored, request, status, nowMs),
      rule,
      outcome: isFresh ? "hit" : "stale",
      refresh,
    };
  }

  /** A validation in the background; null while one is under way. */
  #refresh(asked: Asked, stored: StoredResponse): Forward | null {
    // A HEAD request brings no content to store; the next GET will.
    if (!bringsContent(asked.request.method)) return null;
    const reasons: Reasons = { reason: "stale", rule: "stale_while_revalidate", stored };
    const whole = refreshing(asked, stored);
    const forward = this.#forward(whole, reasons, requestDirectives(whole.request.fields));
    return this.#openFor(forward) === undefined ? forward : null;
  }

  #forward(asked: Asked, reasons: Reasons, directives: RequestDirectives): Forward {
    const nowMs = this.#state.clock.nowMs();
    const forward = forwardOf(asked, reasons, directives, nowMs);
    const { key, request, sharing } = forward;
    const isMarked = key !== null && this.#state.isUncacheable(key, request.fields, nowMs);
    if (sharing === "alone" || !isMarked) return forward;
    this.stats.hitForMiss++;
    return { ...forward, sharing: "alone" };
  }

  /** What is on its way already, and may be waited for. */
  #openFor({ key, request, range }: Forward): Fill | undefined {
    return key === null ? undefined : this.#fills.find(key, request, range);
  }

  #bypass(asked: Asked, reason: ForwardReason, rule: RuleName): Forward {
    this.stats.bypassed++;
    return alone(asked, { reason, rule });
  }

  /** RFC 9111 section 5.2.1.7. */
  #refuse(): Answered {
    const rule: RuleName = "request_only_if_cached";
    const answer = refusalFrom(this.#state.cacheName);
    return { kind: "answer", answer, rule, outcome: "refused", refresh: null };
  }

  /** RFC 9111 section 4.4. */
  #invalidate({ request, caching: { keys } }: Forward, response: ResponseHead, plan: CachePlan) {
    for (const uri of invalidatedUris(request, response)) {
      const key = keyOfUri(this.#memory, keys === null ? uri : keys.pathOf(uri));
      if (key === undefined) continue;
      const count = this.#remove(key, plan);
      this.#state.secondTier?.invalidate(key, count);
      this.#peers?.invalidate(key.uri);
    }
  }

  #remove(key: CacheKey, author: CachePlan | null): number {
    // What QUERY has brought is of the same resource.
    const tag = queryTag(key.uri);
    const count = this.#state.store.remove(key) + this.#state.store.removeTagged(tag);
    this.#state.stats.invalidated += count;
    this.#fills.invalidate(key, author);
    return count;
  }

  /** A new fill. Others may find it, and a purge of its key stops it from being stored. */
  #lead(forward: Forward, reader: FillReader, isJoinable: boolean): Joined {
    const { key } = forward;
    const { fill: limits } = this.#state.options;
    const names = key === null ? NO_NAMES : this.#varyNames(key);
    const plan = new CachePlan(this.#state, forward, names, {
      closed: () => {
        if (open !== null) this.#fills.remove(open);
        if (claim === "mine" && key !== null) this.#peers?.release(key);
        claim = "nobody";
      },
      unsafe: (head) => this.#invalidate(forward, head, plan),
    });
    // Workers share what is whole.
    const isForAll = forward.range === null && key?.isQuery !== true;
    const shared = isJoinable ? new Fill(plan, limits, this.#state.budget) : null;
    const coordinates = isForAll && shared !== null && key !== null && this.#peers !== null;
    let claim: Claim = coordinates ? this.#peers.claim(key) : "nobody";
    const peer = typeof claim === "number" ? claim : null;
    const open: OpenFill | null =
      key === null
        ? null
        : { key, fill: shared, plan, peer, next: null, previous: null, isListed: false };
    if (open !== null) this.#fills.add(open);
    if (shared !== null) return { ticket: shared.join(reader), fill: shared, plan, peer };
    const solo = new SoloFill(plan, limits, this.#state.budget, reader);
    return { ticket: solo, fill: solo, plan, peer: null };
  }

  /** Has a fill filled by the worker that leads it; `alone` is called when that cannot be. */
  askPeer(peer: number, forward: Forward, fill: LedFill, alone: () => void): void {
    const { key, request } = forward;
    if (this.#peers === null || key === null || !(fill instanceof Fill)) alone();
    else this.#peers.ask(peer, key.uri, request, fill, alone);
  }

  /**
   * What the newest stored response of this key varies by: the best guess for the one that is
   * coming.
   */
  #varyNames(key: CacheKey): readonly string[] {
    const newest = this.#state.store.peek(key)?.variants[0];
    return newest?.selecting.map((field) => field.name) ?? NO_NAMES;
  }
}

const NO_NAMES: readonly string[] = [];

/** Neither a way around the cache nor a validation for a request that has its answer. */
const COUNTED_AS_MISS: ReadonlySet<RuleName> = new Set([
  "partial_miss",
  "stale",
  "uri_miss",
  "vary_miss",
]);
