// Owns what `import "edgelane/policy"` gives: RFC 9111 decisions as pure functions for other
// caches. Time is an argument, nothing is kept, no node:* is needed. Inside the project the parts
// are imported directly.

import type { RequestHead, ResponseHead } from "../http/message.ts";
import { requestDirectives } from "./policy/directives.ts";
import {
  type CacheMode,
  type ExchangeTimes,
  FRESHNESS_DEFAULTS,
  type FreshnessOptions,
} from "./policy/freshness.ts";
import type { StoredMetadata } from "./policy/metadata.ts";
import { type Reuse, reuse, standInRule } from "./policy/reuse.ts";
import { RULES, type Rule, type RuleName } from "./policy/rules.ts";
import { mayStore, type RequestView, type StoreDecision } from "./policy/storing.ts";
import { Trace, type TraceStep } from "./policy/trace.ts";

export { evaluate as evaluatePreconditions } from "../http/conditional.ts";
export { parseContentRange, parseRanges } from "../http/ranges.ts";
export type { CacheMode, ExchangeTimes, FreshnessOptions, RequestView, Reuse, Rule, RuleName };
export type { RequestHead, ResponseHead, StoredMetadata, StoreDecision, TraceStep };
export { invalidatedUris } from "./policy/invalidation.ts";
export { isOriginFailure } from "./policy/reuse.ts";
export { isAboutStored, updatedFields, validatingFields } from "./policy/validation.ts";
export { type SelectingField, selectingFields, selects, varyNames } from "./policy/vary.ts";

/** May the response be stored, and what is then known of it (RFC 9111 section 3)? */
export function decideStoring(
  request: RequestView,
  response: ResponseHead,
  times: ExchangeTimes,
  options: { readonly mode?: CacheMode; readonly freshness?: Partial<FreshnessOptions> } = {},
): StoreDecision {
  const freshness = { ...FRESHNESS_DEFAULTS, ...options.freshness };
  return mayStore(request, response, times, options.mode ?? { kind: "auto" }, freshness);
}

/**
 * As `decideStoring`, with the rules that were asked in their order; the last one decided. For
 * whoever wants to know why.
 */
export function explainStoring(
  request: RequestView,
  response: ResponseHead,
  times: ExchangeTimes,
  options: { readonly mode?: CacheMode; readonly freshness?: Partial<FreshnessOptions> } = {},
): readonly TraceStep[] {
  const freshness = { ...FRESHNESS_DEFAULTS, ...options.freshness };
  const trace = new Trace();
  const mode = options.mode ?? { kind: "auto" };
  trace.decided(mayStore(request, response, times, mode, freshness, trace).rule);
  return trace.steps;
}

/** May a stored response that the request selects answer it now (RFC 9111 section 4)? */
export function decideReuse(stored: StoredMetadata, request: RequestView, nowMs: number): Reuse {
  return reuse(stored, requestDirectives(request.fields), nowMs);
}

/**
 * The rule by which a stored response stands in for an origin server that failed; undefined where
 * it may not. `disconnectedSeconds` counts where the origin server did not answer at all (RFC 9111
 * section 4.2.4, RFC 5861 section 4).
 */
export function decideStandIn(
  stored: StoredMetadata,
  request: RequestView,
  nowMs: number,
  disconnectedSeconds = 0,
): RuleName | undefined {
  return standInRule(stored, requestDirectives(request.fields), nowMs, disconnectedSeconds);
}

/** Where a rule is written, and what it says. */
export function explainRule(rule: RuleName): Rule {
  return RULES[rule];
}
