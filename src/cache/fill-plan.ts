// Owns what the cache does with a response from the origin server: stores it, freshens with it,
// invalidates by it, or lets it pass (RFC 9111 sections 3, 4.3.3, 4.3.4, 4.3.5 and 4.4). One plan
// for one fill.

import { FAILURES, type GatewayError } from "../http/errors.ts";
import { fieldValues, getField, withoutFields } from "../http/fields.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { type Answer, answerFrom } from "./answer.ts";
import type { CacheState } from "./cache-state.ts";
import { forwardStatus } from "./cache-status.ts";
import type { FillPlan, FillVerdict, StoredAnswer } from "./fill-contract.ts";
import type { Forward } from "./forward.ts";
import type { CacheKey } from "./key.ts";
import { requestDirectives, responseDirectives } from "./policy/directives.ts";
import { ageSeconds, type ExchangeTimes, metadataOf } from "./policy/freshness.ts";
import { isSafe } from "./policy/invalidation.ts";
import { isOriginFailure, standInRule } from "./policy/reuse.ts";
import type { RuleName } from "./policy/rules.ts";
import { mayStore, type StoreDecision, storedFields } from "./policy/storing.ts";
import { headAgrees, isAboutStored, updatedFields } from "./policy/validation.ts";
import { hasTagFields, TAGS_MAX, tagsOf, withoutTagFields } from "./policy/tags.ts";
import { type SelectingField, selectingFields, selects } from "./policy/vary.ts";
import type { JournalPosition } from "./second-tier.ts";
import { StoredResponse } from "./stored-response.ts";

/** What a plan tells the cache that made it. */
export interface PlanEvents {
  /** Nobody can join its fill any more. */
  closed(): void;
  /** A response to an unsafe request came (RFC 9111 section 4.4). */
  unsafe(head: ResponseHead): void;
}

export class CachePlan implements FillPlan {
  readonly #state: CacheState;
  #forward: Forward;
  readonly #events: PlanEvents;
  /** What the second tier is told with what comes: which purges it cannot know. */
  readonly #position: JournalPosition;
  #requestMs: number;
  #responseMs = 0;
  /** Another worker has asked the origin server. */
  #isPeers = false;
  readonly #authorization: string | undefined;
  /** Which requests may wait; before the head, a guess from what is stored under the key. */
  #selecting: readonly SelectingField[];
  #decision: StoreDecision | null = null;
  #head: ResponseHead | null = null;
  #tags: readonly string[];
  /** Purged or made invalid while it was on its way. */
  #isInvalid = false;
  /** Purges by tag that came before it was asked for. */
  readonly #tagPurges: number;

  constructor(state: CacheState, forward: Forward, names: readonly string[], events: PlanEvents) {
    this.#state = state;
    this.#forward = forward;
    this.#events = events;
    this.#requestMs = state.clock.nowMs();
    this.#position = state.secondTier?.position ?? 0;
    this.#authorization = getField(forward.request.fields, "authorization");
    this.#selecting = this.#selectedBy(names);
    this.#tags = forward.caching.tags;
    this.#tagPurges = state.tagPurges.sequence;
  }

  /** With what the route has in its keys, whatever Vary says. */
  #selectedBy(names: readonly string[]): readonly SelectingField[] {
    const { caching, request } = this.#forward;
    const keyed = caching.keys?.fields ?? [];
    const all = keyed.length === 0 ? names : [...new Set([...names, ...keyed])];
    return selectingFields(all, request.fields);
  }

  /** When the response was asked for, and when its head came. */
  get times(): ExchangeTimes {
    return { requestMs: this.#requestMs, responseMs: this.#responseMs };
  }

  cameFromPeer(times: ExchangeTimes): void {
    this.#requestMs = times.requestMs;
    this.#responseMs = times.responseMs;
    this.#isPeers = true;
  }

  decide(head: ResponseHead): FillVerdict {
    if (!this.#isPeers) this.#responseMs = this.#state.clock.nowMs();
    const { request, stored, key } = this.#forward;
    const nowMs = this.#state.clock.nowMs();
    this.#head = head;
    this.#tags = tagsOf(head.fields, this.#forward.caching.tags);
    if (!isSafe(request.method)) this.#events.unsafe(head);
    if (request.method === "HEAD") this.#updateByHead(head, nowMs);
    if (stored !== null && request.method === "GET") {
      if (head.status === 304 && this.#forward.validation === "ours") {
        return this.#validated(stored, head, nowMs);
      }
      if (isOriginFailure(head.status)) {
        const answerFor = this.#standInAt(nowMs, head.status, 0);
        if (answerFor !== undefined) return { kind: "answer", answerFor };
      }
    }
    const { mode } = this.#forward.caching;
    if (key === null || mode.kind === "off") return { kind: "pass" };
    const times = this.times;
    const decision = mayStore(request, head, times, mode, this.#state.options.freshness);
    this.#decision = this.#fitted(decision, head);
    if (request.method === "GET") this.#learn(this.#decision, key, head, nowMs);
    if (!this.#decision.store) return { kind: "pass" };
    this.#selecting = this.#selectedBy(this.#decision.vary);
    return { kind: "store" };
  }

  /** Nothing that this fill brings is stored: what it was asked for has changed since. */
  invalidate(): void {
    this.#isInvalid = true;
  }

  /** The second tier had something to validate, before the origin server was asked. */
  revise(forward: Forward): void {
    this.#forward = forward;
  }

  /** Something with these tags that comes from before now was purged while it was on its way. */
  isOutdated(tags: readonly string[]): boolean {
    return this.#isInvalid || this.#state.tagPurges.hasSince(this.#tagPurges, tags);
  }

  standIn(error: GatewayError): StoredAnswer | undefined {
    const isOrigins = FAILURES[error.code].source === "upstream";
    const disconnectedSeconds = isOrigins ? this.#state.options.disconnectedStaleSeconds : 0;
    return this.#standInAt(this.#state.clock.nowMs(), 0, disconnectedSeconds);
  }

  admits(request: RequestHead): boolean {
    const decision = this.#decision;
    if (decision === null) {
      // Most responses to Authorization are for one client: others would wait in vain (RFC 9111
      // section 3.5).
      if (getField(request.fields, "authorization") !== this.#authorization) return false;
    } else if (!isShareable(decision, this.#state.clock.nowMs())) {
      return false;
    }
    if (this.isOutdated(this.#tags)) return false;
    return selects(this.#selecting, request.fields);
  }

  headFor(head: ResponseHead, of: "leader" | "collapsed"): ResponseHead {
    const role = this.#isPeers ? "collapsed" : of;
    const fields = this.#agedFields([...withoutTagFields(head.fields)], role);
    fields.push("Cache-Status", this.#forwardStatus(head.status, role));
    return { status: head.status, reason: head.reason, fields };
  }

  /** Whoever shares a response gets it from a cache, with its age (RFC 9111 section 4). */
  #agedFields(fields: string[], role: "leader" | "collapsed"): string[] {
    const decision = this.#decision;
    if (role === "leader" || decision === null || !decision.store) return fields;
    const age = ageSeconds(decision.metadata, this.#state.clock.nowMs());
    return [...withoutFields(fields, AGE), "Age", String(age)];
  }

  complete(pieces: readonly Uint8Array[]): void {
    const decision = this.#decision;
    const { key } = this.#forward;
    const head = this.#head;
    if (decision === null || !decision.store || head === null || key === null) return;
    if (this.isOutdated(this.#tags) || !this.#isWhole(head, pieces)) return;
    const stored = new StoredResponse(
      {
        head: { status: head.status, reason: head.reason, fields: decision.fields },
        metadata: decision.metadata,
        selecting: this.#selecting,
        format: this.#state.options.format,
        rules: this.#forward.caching.rules,
        path: pathWithoutQuery(this.#forward.request.path),
        tags: this.#tags,
      },
      pieces,
      "copy",
    );
    const { fields } = this.#forward.request;
    const kept = this.#state.store.put(key, stored, (one) => selects(one.selecting, fields));
    if (kept) this.#state.stats.stored++;
    this.#state.secondTier?.write(key, stored, this.#position);
  }

  abandon(reason: "too_large" | "over_budget"): void {
    this.#decision = { store: false, rule: reason };
    const { key } = this.#forward;
    // Room may be free again at the next request; a large response will not become small.
    if (reason === "too_large" && key !== null) {
      this.#state.rememberUncacheable(key, this.#state.clock.nowMs());
    }
  }

  close(): void {
    this.#events.closed();
  }

  /** What this response means for the next requests of its key. */
  #learn(decision: StoreDecision, key: CacheKey, head: ResponseHead, nowMs: number): void {
    const { stored, sharing, validation } = this.#forward;
    if (isShareable(decision, nowMs)) {
      this.#state.forgetUncacheable(key);
      return;
    }
    // A failure says nothing about the next response, and neither does one to a request unlike
    // others.
    const isTypical = sharing === "collapse" || validation === "ours";
    if (head.status >= 500 || !isTypical) return;
    this.#state.rememberUncacheable(key, nowMs);
    if (!decision.store && stored !== null && !ABOUT_REQUEST.has(decision.rule)) this.#drop(stored);
  }

  get #objectBytesMax(): number {
    const { objectBytesMax } = this.#state.options.memory;
    return Math.min(objectBytesMax, this.#forward.caching.objectBytesMax ?? objectBytesMax);
  }

  /** A response that says beforehand that it is too large is not worth the memory until it is. */
  #fitted(decision: StoreDecision, head: ResponseHead): StoreDecision {
    if (decision.store && this.#tags.length > TAGS_MAX) {
      return { store: false, rule: "too_many_tags" };
    }
    const length = Number(getField(head.fields, "content-length") ?? 0);
    const tooLarge = length > this.#objectBytesMax;
    return decision.store && tooLarge ? { store: false, rule: "too_large" } : decision;
  }

  /**
   * The upstream fails a response that is cut short; this is the last line (RFC 9111 section 3.3).
   * One of unknown length may have become larger than the route stores.
   */
  #isWhole(head: ResponseHead, pieces: readonly Uint8Array[]): boolean {
    const declared = getField(head.fields, "content-length");
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length > this.#objectBytesMax) return false;
    return declared === undefined || Number(declared) === length;
  }

  #validated(stored: StoredResponse, head: ResponseHead, nowMs: number): FillVerdict {
    if (!isAboutStored(stored.metadata, head.fields, nowMs)) {
      this.#drop(stored);
      return { kind: "retry" };
    }
    this.#state.stats.revalidated++;
    const current = this.#freshened(stored, head, nowMs);
    const { metadata } = current;
    const sharedSeconds = metadata.lifetimeSeconds + metadata.staleWhileRevalidateSeconds;
    const isShared = !metadata.noCache && nowMs < metadata.bornMs + sharedSeconds * 1000;
    return {
      kind: "answer",
      answerFor: (reader) => {
        const isLeader = reader.request === this.#forward.request;
        // What is validated before each use may be one client's: this says nothing of others.
        if (!isLeader && !(isShared && selects(current.selecting, reader.request.fields)))
          return null;
        const status = forwardStatus(this.#state.cacheName, {
          reason: this.#forward.reason,
          status: 304,
          stored: true,
          collapsed: !isLeader,
          ttlSeconds: current.ttlSeconds(nowMs),
          detail: undefined,
        });
        const answer = answerFrom(current, reader.request, status, nowMs);
        return isLeader ? withCookies(answer, head) : answer;
      },
    };
  }

  /**
   * The stored response with the newer fields and times (RFC 9111 sections 3.2 and 4.3.4), put into
   * the store.
   */
  #freshened(stored: StoredResponse, newer: ResponseHead, nowMs: number): StoredResponse {
    const { key, caching } = this.#forward;
    const { freshness, format } = this.#state.options;
    // A 304 need not repeat the tags (RFC 9110 section 15.4.5).
    if (!hasTagFields(newer.fields)) this.#tags = stored.tags;
    const old = stored.head();
    const fields = updatedFields(old.fields, newer.fields, nowMs);
    const head = { status: old.status, reason: old.reason, fields };
    const directives = responseDirectives(fields, freshness.targetedFields);
    const times = { requestMs: this.#requestMs, responseMs: nowMs };
    const current = new StoredResponse(
      {
        head: { ...head, fields: storedFields(fields, directives.strippedFields, nowMs) },
        metadata: metadataOf(head, directives, times, caching.mode, freshness),
        selecting: stored.selecting,
        format,
        rules: caching.rules,
        path: stored.path,
        tags: this.#tags,
      },
      [stored.content],
      stored.sharesContent ? "share" : "copy",
    );
    // A 304 may also say that nothing is to be kept any longer (RFC 9111 section 5.2.2.5).
    if (key === null || directives.noStore || directives.private) this.#drop(stored);
    else if (!this.isOutdated(this.#tags)) {
      this.#state.store.put(key, current, (one) => one === stored);
      this.#state.secondTier?.write(key, current, this.#position);
    }
    return current;
  }

  #updateByHead(head: ResponseHead, nowMs: number): void {
    const { stored } = this.#forward;
    if (stored === null || head.status === 304 || head.status >= 500) return;
    if (headAgrees(stored.metadata, stored.contentLength, head, nowMs)) {
      this.#freshened(stored, head, nowMs);
    } else if (head.status === stored.status) {
      this.#drop(stored);
    }
  }

  #standInAt(
    nowMs: number,
    originStatus: number,
    disconnectedSeconds: number,
  ): StoredAnswer | undefined {
    const { stored, request } = this.#forward;
    if (stored === null || request.method !== "GET" || stored.isWithdrawn) return undefined;
    const directives = requestDirectives(request.fields);
    const rule = standInRule(stored.metadata, directives, nowMs, disconnectedSeconds);
    if (rule === undefined) return undefined;
    return (reader) => {
      if (reader.request !== request && !selects(stored.selecting, reader.request.fields))
        return null;
      this.#state.stats.stale++;
      const status = forwardStatus(this.#state.cacheName, {
        reason: this.#forward.reason,
        status: originStatus,
        stored: false,
        collapsed: reader.request !== request,
        ttlSeconds: stored.ttlSeconds(nowMs),
        detail: rule,
      });
      return answerFrom(stored, reader.request, status, nowMs);
    };
  }

  #drop(stored: StoredResponse): void {
    const { key } = this.#forward;
    if (key !== null) this.#state.store.removeVariant(key, stored);
  }

  #forwardStatus(status: number, role: "leader" | "collapsed"): string {
    const decision = this.#decision;
    const stored = decision?.store === true;
    const nowMs = this.#state.clock.nowMs();
    const ttlSeconds = stored
      ? decision.metadata.lifetimeSeconds - ageSeconds(decision.metadata, nowMs)
      : undefined;
    const refused = decision === null || decision.store ? undefined : decision.rule;
    const isPlainMethod = refused === "method" || refused === "route_off";
    return forwardStatus(this.#state.cacheName, {
      reason: this.#forward.reason,
      status,
      stored,
      collapsed: role === "collapsed",
      ttlSeconds,
      detail: isPlainMethod ? undefined : refused,
    });
  }
}

function isShareable(decision: StoreDecision, nowMs: number): boolean {
  return decision.store && nowMs < decision.shareableUntilMs;
}

/** Reasons not to store that lie in the request: what is stored stays as good as it was. */
const ABOUT_REQUEST: ReadonlySet<RuleName> = new Set(["request_no_store", "authorization"]);

const AGE = new Set(["age"]);
const SET_COOKIE = new Set(["set-cookie"]);

/** The cookies of a 304 are for the client whose request it answers, and for nobody else. */
function withCookies(answer: Answer, head: ResponseHead): Answer {
  const cookies = fieldValues(head.fields, "set-cookie");
  if (cookies.length === 0) return answer;
  const others = withoutFields(answer.head.fields, SET_COOKIE);
  const fields = [...others, ...cookies.flatMap((cookie) => ["Set-Cookie", cookie])];
  return { ...answer, head: { ...answer.head, fields } };
}

function pathWithoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
