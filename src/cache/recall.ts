// Owns what a response from the second tier does to those who wait for an answer: it answers them,
// is validated for them, or is none and the origin server is asked (RFC 9111 section 4). The one
// that leads asks for all, so that coalescing covers the second tier too.

import type { RequestHead } from "../http/message.ts";
import { type Answer, answerFrom, preconditionOf, refusalFrom } from "./answer.ts";
import type { CacheState } from "./cache-state.ts";
import { hitStatus } from "./cache-status.ts";
import type { LedFill } from "./cache.ts";
import type { FillReader } from "./collapse.ts";
import type { CachePlan } from "./fill-plan.ts";
import type { Forward } from "./forward.ts";
import { refreshing } from "./forward-request.ts";
import type { CacheKey } from "./key.ts";
import { requestDirectives } from "./policy/directives.ts";
import { reuse } from "./policy/reuse.ts";
import type { RuleName } from "./policy/rules.ts";
import { hasValidator, validatingFields } from "./policy/validation.ts";
import { selects } from "./policy/vary.ts";
import { storedFrom } from "./recalled-response.ts";
import type { Recall, SecondTier } from "./second-tier.ts";
import type { StoredResponse } from "./stored-response.ts";

/**
 * Who carries out what a recall comes to. Exactly one of the two is called, or none if it answers.
 */
export interface RecallSteps {
  /** The origin server has to be asked after all. */
  origin(forward: Forward): void;
  /** Everybody has an answer, and the stored response is to be validated meanwhile. */
  refresh(forward: Forward): void;
}

/** Forwarded for want of something stored: what another instance has stored would do. */
const RECALLED: ReadonlySet<RuleName> = new Set([
  "partial_miss",
  "uri_miss",
  "vary_miss",
  "stale",
  "stale_while_revalidate",
]);

/** What the one that leads has. */
interface Led {
  readonly forward: Forward;
  readonly fill: LedFill;
  readonly plan: CachePlan;
}

/** The second tier is there, and could know. */
export function mayRecall(
  state: CacheState,
  forward: Pick<Forward, "key" | "request" | "rule">,
): boolean {
  return state.secondTier?.isReadable === true && couldKnow(state, forward);
}

function couldKnow(
  state: CacheState,
  { key, request, rule }: Pick<Forward, "key" | "request" | "rule">,
): boolean {
  if (key === null || !RECALLED.has(rule)) return false;
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  return !state.isUncacheable(key, request.fields, state.clock.nowMs());
}

/**
 * Asks the second tier. False, and nothing will come, where there is none, or nothing that it could
 * know.
 */
export function recall(
  state: CacheState,
  led: Led,
  names: readonly string[],
  steps: RecallSteps,
): boolean {
  const { key } = led.forward;
  const tier = state.secondTier;
  if (key === null || tier === null || !couldKnow(state, led.forward)) return false;
  if (!tier.isReadable) {
    tier.count("skipped");
    return false;
  }
  new Recaller(state, tier, key, led, steps).ask(names);
  return true;
}

/** One fill that asks the second tier before the origin server. */
class Recaller {
  readonly #state: CacheState;
  readonly #tier: SecondTier;
  readonly #forward: Forward;
  readonly #key: CacheKey;
  readonly #fill: LedFill;
  readonly #plan: CachePlan;
  readonly #steps: RecallSteps;
  /** The origin server was asked because the second tier is late. */
  #isHedged = false;

  constructor(state: CacheState, tier: SecondTier, key: CacheKey, led: Led, steps: RecallSteps) {
    this.#state = state;
    this.#tier = tier;
    this.#forward = led.forward;
    this.#key = key;
    this.#fill = led.fill;
    this.#plan = led.plan;
    this.#steps = steps;
  }

  ask(names: readonly string[]): void {
    this.#tier.read(this.#key, this.#forward.request, names, {
      late: () => this.#hedge(),
      done: (recall) => (this.#isHedged ? this.#race(recall) : this.#decide(recall)),
    });
  }

  /**
   * From now on whoever is first answers. Not for what nobody waits for, and not where the origin
   * server must not be asked.
   */
  #hedge(): void {
    const { onlyIfCached } = requestDirectives(this.#forward.request.fields);
    if (this.#isBackground || onlyIfCached || !this.#fill.isWanted) return;
    this.#isHedged = true;
    this.#steps.origin(this.#forward);
  }

  /** The origin server was asked, and has perhaps answered: only what answers at once is of use. */
  #race(recall: Recall | null): void {
    if (recall === null) return;
    const stored = this.#fill.isWanted ? this.#storedOf(recall) : null;
    const { request } = this.#forward;
    const nowMs = this.#state.clock.nowMs();
    const isOfUse =
      stored !== null &&
      preconditionOf(stored, request.fields, nowMs) !== "origin" &&
      reuse(stored.metadata, requestDirectives(request.fields), nowMs).verdict === "use";
    this.#tier.count(isOfUse ? "hit" : "late");
    if (!isOfUse) return;
    this.#promote(stored);
    this.#fill.onRecalled((reader) => this.#answer(stored, reader));
  }

  #decide(recall: Recall | null): void {
    const stored = recall === null ? null : this.#storedOf(recall);
    if (stored === null) {
      // Without anybody who waits, the origin server has nothing to answer.
      if (this.#fill.isWanted) this.#askOrigin(this.#forward);
      return;
    }
    this.#promote(stored);
    if (!this.#fill.isWanted) return;
    const { request } = this.#forward;
    const nowMs = this.#state.clock.nowMs();
    if (preconditionOf(stored, request.fields, nowMs) === "origin") {
      this.#tier.count("hit");
      this.#askOrigin(this.#forward);
      return;
    }
    const { verdict, rule } = reuse(stored.metadata, requestDirectives(request.fields), nowMs);
    if (verdict === "validate" || (this.#isBackground && verdict === "use_and_validate")) {
      this.#tier.count("stale");
      const forward = this.#validation(stored, rule);
      this.#plan.revise(forward);
      this.#askOrigin(forward);
      return;
    }
    this.#tier.count(verdict === "use" ? "hit" : "stale");
    this.#fill.onRecalled((reader) => this.#answer(stored, reader));
    // A HEAD request brings no content to store; the next GET will.
    if (verdict !== "use_and_validate" || request.method !== "GET") return;
    const { request: whole } = refreshing(this.#forward, stored);
    this.#steps.refresh({ ...this.#validation(stored, rule, whole), request: whole });
  }

  /** Only-if-cached is refused instead; only the validation behind its answer may go on. */
  #askOrigin(forward: Forward): void {
    const { onlyIfCached } = requestDirectives(forward.request.fields);
    if (!onlyIfCached || this.#isBackground) return this.#steps.origin(forward);
    const refusal: Answer = { ...refusalFrom(this.#state.cacheName), recalled: "refused" };
    this.#fill.onRecalled(() => refusal);
  }

  get #isBackground(): boolean {
    return this.#forward.rule === "stale_while_revalidate";
  }

  /** Null where it is no better than what is stored here, not for this route, or purged. */
  #storedOf({ value, isExpired }: Recall): StoredResponse | null {
    const { caching, request, stored: own } = this.#forward;
    if (this.#plan.isOutdated(value.tags)) return null;
    if (own !== null && own.metadata.responseMs >= value.responseMs) return null;
    return storedFrom(this.#state, { value, isExpired }, request, caching);
  }

  #promote(stored: StoredResponse): void {
    const { fields } = this.#forward.request;
    this.#state.store.put(this.#key, stored, (one) => selects(one.selecting, fields));
  }

  #validation(
    stored: StoredResponse,
    rule: RuleName,
    request: RequestHead = this.#forward.request,
  ): Forward {
    const whole = { splice: null, range: null };
    const forward: Forward = { ...this.#forward, ...whole, stored, reason: "stale", rule };
    if (request.method !== "GET" || !hasValidator(stored.metadata)) return forward;
    const fields = validatingFields(request.fields, stored.metadata);
    return { ...forward, fields, validation: "ours" };
  }

  /**
   * Null for one that this variant is not for, or that has it validated: they have said other
   * things than the one that leads.
   */
  #answer(stored: StoredResponse, reader: FillReader): Answer | null {
    const { request } = reader;
    if (!selects(stored.selecting, request.fields)) return null;
    const nowMs = this.#state.clock.nowMs();
    if (preconditionOf(stored, request.fields, nowMs) === "origin") return null;
    const directives = requestDirectives(request.fields);
    if (reuse(stored.metadata, directives, nowMs).verdict === "validate") return null;
    const status = hitStatus(this.#state.cacheName, stored.ttlSeconds(nowMs), "second_tier");
    return { ...answerFrom(stored, request, status, nowMs), recalled: "l2" };
  }
}
