// Owns what the cache does with a response from the origin server: stores it, freshens with it,
// invalidates by it, or lets it pass (RFC 9111 sections 3, 4.3.3, 4.3.4, 4.3.5 and 4.4). One plan
// for one fill.

import { FAILURES, type GatewayError } from "../http/errors.ts";
import { getField, withoutFields } from "../http/fields.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { ContentRange } from "../http/ranges.ts";
import type { CacheState } from "./cache-state.ts";
import { forwardStatus } from "./cache-status.ts";
import type { FillPlan, FillVerdict, StoredAnswer } from "./fill-contract.ts";
import { fitted, isWhole } from "./fill-limits.ts";
import type { Forward } from "./forward.ts";
import { type CacheKey, pathWithoutQuery, queryTag } from "./key.ts";
import { ageSeconds, type ExchangeTimes } from "./policy/freshness.ts";
import { isSafe } from "./policy/invalidation.ts";
import { isOriginFailure } from "./policy/reuse.ts";
import type { RuleName } from "./policy/rules.ts";
import { bringsContent, mayStore, type StoreDecision } from "./policy/storing.ts";
import { headAgrees, isAboutStored } from "./policy/validation.ts";
import { hasTagFields, tagsOf, withoutTagFields } from "./policy/tags.ts";
import { type SelectingField, selectingFields, selects } from "./policy/vary.ts";
import { ownerOf, revised, type Revision, type StoredContent, withPart } from "./revision.ts";
import type { JournalPosition } from "./second-tier.ts";
import { type OriginFailure, standInAnswers, validatedAnswers } from "./stored-answers.ts";
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
  readonly #position: JournalPosition | null;
  #requestMs: number;
  #responseMs = 0;
  /** Another worker has asked the origin server. */
  #isPeers = false;
  #isSpliced = false;
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
    this.#position = state.secondTier?.position ?? null;
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

  /** The client's Range that the response is for; null: for all of the content. */
  get range(): string | null {
    return this.#forward.range;
  }

  /** What was missing has come: the head that is decided upon is that of the whole answer. */
  spliced(): void {
    this.#isSpliced = true;
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
    if (this.#isMisfit(head) && stored !== null) {
      this.#drop(stored);
      return { kind: "retry" };
    }
    if (stored !== null && bringsContent(request.method)) {
      if (head.status === 304 && this.#forward.validation === "ours") {
        return this.#validated(stored, head, nowMs);
      }
      if (isOriginFailure(head.status)) {
        const originStatus = head.status;
        const answerFor = this.#standIn({ originStatus, disconnectedSeconds: 0 });
        if (answerFor !== undefined) return { kind: "answer", answerFor };
      }
    }
    const { mode } = this.#forward.caching;
    if (key === null || mode.kind === "off") return { kind: "pass" };
    const times = this.times;
    const decision = mayStore(request, head, times, mode, this.#state.options.freshness);
    const limits = { tags: this.#tags, bytesMax: this.#objectBytesMax };
    this.#decision = fitted(this.#placed(decision, key), head, limits);
    if (bringsContent(request.method)) this.#learn(this.#decision, key, head, nowMs);
    if (!this.#decision.store) return { kind: "pass" };
    this.#selecting = this.#selectedBy(this.#decision.vary);
    return { kind: "store" };
  }

  /** The origin server was asked for a part, and what came does not complete what is stored. */
  #isMisfit({ status }: ResponseHead): boolean {
    return this.#forward.splice !== null && !this.#isSpliced && MISFITS.has(status);
  }

  /** A part needs something that it belongs to, or fields of its own. */
  #placed(decision: StoreDecision, key: CacheKey): StoreDecision {
    if (!decision.store || decision.part === null) return decision;
    const owner = this.#ownerOf(key, decision, decision.part);
    return typeof owner === "string" ? { store: false, rule: owner } : decision;
  }

  /** By what is stored now for this request. */
  #ownerOf(key: CacheKey, { metadata }: Stored, part: ContentRange) {
    const { fields } = this.#forward.request;
    const current = this.#state.store.peek(key)?.select(fields);
    return ownerOf(current, { part, metadata, requestFields: fields });
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
    return this.#standIn({ originStatus: 0, disconnectedSeconds });
  }

  #standIn(failure: OriginFailure): StoredAnswer | undefined {
    return standInAnswers(this.#state, this.#forward, failure);
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
    if (this.isOutdated(this.#tags) || !isWhole(head, pieces, this.#objectBytesMax)) return;
    if (decision.part === null) this.#store(key, head, decision, pieces);
    else this.#storePart(key, decision, decision.part, pieces);
  }

  #store(
    key: CacheKey,
    { status, reason }: ResponseHead,
    decision: Stored,
    content: StoredContent,
  ): void {
    const stored = new StoredResponse(
      {
        head: { status, reason, fields: decision.fields },
        metadata: decision.metadata,
        selecting: this.#selecting,
        format: this.#state.options.format,
        rules: this.#forward.caching.rules,
        path: pathWithoutQuery(this.#forward.request.path),
        tags: key.isQuery ? [...this.#tags, queryTag(key.target)] : this.#tags,
      },
      content,
      "copy",
    );
    const { fields } = this.#forward.request;
    const kept = this.#keep(key, stored, (one) => selects(one.selecting, fields));
    if (kept) this.#state.stats.stored++;
  }

  /** RFC 9111 section 3.4. */
  #storePart(
    key: CacheKey,
    decision: Stored,
    part: ContentRange,
    pieces: readonly Uint8Array[],
  ): void {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    const owner = this.#ownerOf(key, decision, part);
    if (bytes !== part.end - part.start || typeof owner === "string") return;
    const isComplete = owner !== null && owner.parts === null;
    const content = isComplete
      ? owner.kept
      : withPart(owner?.parts ?? null, part, pieces, this.#objectBytesMax);
    if (owner === null) {
      this.#store(key, { status: 200, reason: "", fields: [] }, decision, content);
      return;
    }
    const { current, mayKeep } = revised(owner, decision.fields, content, this.#revision(owner));
    if (this.isOutdated(this.#tags)) return;
    if (mayKeep) this.#keep(key, current, (one) => one === owner);
    else this.#drop(owner);
  }

  /**
   * A second tier has whole responses of URIs alone. The worker that asked the origin server writes
   * it.
   */
  #keep(
    key: CacheKey,
    stored: StoredResponse,
    supersedes: (one: StoredResponse) => boolean,
  ): boolean {
    const kept = this.#state.store.put(key, stored, supersedes);
    const isForAll = stored.parts === null && !key.isQuery;
    if (isForAll && !this.#isPeers) this.#state.secondTier?.write(key, stored, this.#position);
    return kept;
  }

  #revision(stored: StoredResponse): Revision {
    const { caching } = this.#forward;
    const { freshness, format } = this.#state.options;
    // A 304 need not repeat the tags (RFC 9110 section 15.4.5).
    if (this.#head === null || !hasTagFields(this.#head.fields)) this.#tags = stored.tags;
    const times = this.times;
    return { times, caching, freshness, format, tags: this.#tags };
  }

  abandon(reason: "too_large" | "over_budget"): void {
    this.#decision = { store: false, rule: reason };
    const { key, request } = this.#forward;
    // Room may be free again at the next request; a large response will not become small.
    if (reason === "too_large" && key !== null) {
      this.#state.rememberUncacheable(key, request.fields, reason, this.#state.clock.nowMs());
    }
  }

  close(): void {
    this.#events.closed();
  }

  /** What this response means for the next requests of its key. */
  #learn(decision: StoreDecision, key: CacheKey, head: ResponseHead, nowMs: number): void {
    const { request, stored, sharing, validation } = this.#forward;
    if (isShareable(decision, nowMs)) {
      this.#state.forgetUncacheable(key, request.fields);
      return;
    }
    // A failure says nothing about the next response, and neither does one to a request unlike
    // others.
    const isTypical = sharing === "collapse" || validation === "ours";
    if (head.status >= 500 || !isTypical) return;
    const rule = decision.store ? "response_no_cache" : decision.rule;
    if (this.range === null) this.#state.rememberUncacheable(key, request.fields, rule, nowMs);
    if (decision.store || stored === null) return;
    // What is said of one range says little of the rest, unless it is that nothing may be kept.
    if (this.range === null ? !ABOUT_REQUEST.has(rule) : FORBIDDEN.has(rule)) this.#drop(stored);
  }

  get #objectBytesMax(): number {
    const { objectBytesMax } = this.#state.options.memory;
    return Math.min(objectBytesMax, this.#forward.caching.objectBytesMax ?? objectBytesMax);
  }

  #validated(stored: StoredResponse, head: ResponseHead, nowMs: number): FillVerdict {
    if (!isAboutStored(stored.metadata, head.fields, nowMs)) {
      this.#drop(stored);
      return { kind: "retry" };
    }
    this.#state.stats.revalidated++;
    const current = this.#freshened(stored, head);
    return {
      kind: "answer",
      answerFor: validatedAnswers(this.#state.cacheName, this.#forward, current, { head, nowMs }),
    };
  }

  /**
   * The stored response with the newer fields and times (RFC 9111 sections 3.2 and 4.3.4), put into
   * the store.
   */
  #freshened(stored: StoredResponse, newer: ResponseHead): StoredResponse {
    const { key } = this.#forward;
    const revision = this.#revision(stored);
    const { current, mayKeep } = revised(stored, newer.fields, stored.kept, revision);
    // A 304 may also say that nothing is to be kept any longer (RFC 9111 section 5.2.2.5).
    if (key === null || !mayKeep) this.#drop(stored);
    else if (!this.isOutdated(this.#tags)) this.#keep(key, current, (one) => one === stored);
    return current;
  }

  #updateByHead(head: ResponseHead, nowMs: number): void {
    const { stored } = this.#forward;
    if (stored === null || head.status === 304 || head.status >= 500) return;
    if (headAgrees(stored.metadata, stored.contentLength, head, nowMs)) {
      this.#freshened(stored, head);
    } else if (head.status === stored.status) {
      this.#drop(stored);
    }
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
      status: this.#isSpliced ? 206 : status,
      stored,
      collapsed: role === "collapsed",
      ttlSeconds,
      detail: isPlainMethod ? undefined : refused,
    });
  }
}

type Stored = Extract<StoreDecision, { readonly store: true }>;

/** For what was not asked for, or is no longer there. */
const MISFITS: ReadonlySet<number> = new Set([206, 304, 416]);

function isShareable(decision: StoreDecision, nowMs: number): boolean {
  return decision.store && nowMs < decision.shareableUntilMs;
}

const FORBIDDEN: ReadonlySet<RuleName> = new Set(["response_no_store", "response_private"]);

/** Reasons not to store that lie in the request: what is stored stays as good as it was. */
const ABOUT_REQUEST: ReadonlySet<RuleName> = new Set(["request_no_store", "authorization"]);

const AGE = new Set(["age"]);
