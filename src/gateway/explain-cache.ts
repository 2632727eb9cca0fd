// Owns what the cache would decide of a request, in both tiers, with the rules in the order in
// which they are asked: by the functions that decide when it comes. Changes nothing.

import type { CacheInspector, SecondTierView } from "../cache/cache-inspector.ts";
import type { CacheKey } from "../cache/key.ts";
import { bypassRule, lookupRule } from "../cache/lookup-rule.ts";
import { requestDirectives } from "../cache/policy/directives.ts";
import { reuse } from "../cache/policy/reuse.ts";
import { RULES, type RuleName } from "../cache/policy/rules.ts";
import { Trace, type TraceStep } from "../cache/policy/trace.ts";
import { hasValidator } from "../cache/policy/validation.ts";
import type { StoredResponse } from "../cache/stored-response.ts";
import type { RequestHead } from "../http/message.ts";
import { isBypassed } from "./cached-request.ts";
import { wouldChange } from "./explain-changes.ts";
import type { Route } from "./route.ts";

export interface ExplainedCache {
  readonly verdict: "use" | "use_and_validate" | "forward" | "bypass" | "refuse";
  readonly rule: RuleName;
  readonly section: string;
  readonly text: string;
  /** All rules in the order in which they were asked; the last one decided. */
  readonly steps: readonly TraceStep[];
  /** Where it was found; null where it was not. */
  readonly tier: "l1" | "l2" | null;
  /** What Redis has of it; `not_asked` where memory decides, or it could not know. */
  readonly secondTier: SecondTierView["kind"];
  readonly stored: ExplainedStored | null;
  /** When the verdict ends by itself; null where time does not change it. */
  readonly until: string | null;
  /** Of what is forwarded. */
  readonly forwarding: ExplainedForwarding | null;
  readonly wouldChange: readonly string[];
}

export interface ExplainedStored {
  readonly status: number;
  readonly ageSeconds: number;
  readonly contentBytes: number;
  readonly freshnessRule: RuleName;
  readonly freshUntil: string;
  /** Until then it is used while it is validated. */
  readonly staleWhileRevalidateUntil: string;
  /** Until then it stands in for an origin that fails. */
  readonly staleIfErrorUntil: string;
  readonly tags: readonly string[];
}

export interface ExplainedForwarding {
  /** The stored response is validated: a 304 brings no content. */
  readonly validates: boolean;
  /** Requests like this one wait for each other. */
  readonly coalesced: boolean;
  /** Why not: the last response was not one to share, until then. */
  readonly uncacheable: { readonly rule: RuleName; readonly until: string } | null;
}

export interface CacheQuestion {
  readonly request: RequestHead;
  /** As it is looked up. */
  readonly form: RequestHead;
  readonly key: CacheKey | null;
  readonly route: Route;
  readonly inspector: CacheInspector;
  readonly nowMs: number;
  readonly live: boolean;
}

/** What the memory, and then the second tier, came to. */
interface Decision {
  readonly verdict: ExplainedCache["verdict"];
  readonly rule: RuleName;
  readonly tier: ExplainedCache["tier"];
  readonly stored: StoredResponse | null;
  readonly second: SecondTierView["kind"];
}

export async function explainCache(question: CacheQuestion): Promise<ExplainedCache> {
  const trace = new Trace();
  const decision = await decide(question, trace);
  trace.decided(decision.rule);
  const { verdict, rule, tier, stored, second } = decision;
  const { request, form, route, nowMs, live } = question;
  const metadata = stored?.metadata ?? null;
  const variants = variantsOf(question);
  const changes = wouldChange(rule, { request: form, route, metadata, variants, nowMs });
  return {
    verdict,
    rule,
    ...RULES[rule],
    steps: trace.steps,
    tier,
    secondTier: second,
    stored: stored === null ? null : explainStored(stored, nowMs),
    until: untilOf(decision),
    forwarding: verdict === "forward" ? forwardingOf(question, stored) : null,
    wouldChange: [
      ...changes,
      ...(verdict === "refuse" ? cause(question, request) : []),
      ...(live || verdict === "bypass" ? [] : ["--live: what is stored now is not known here"]),
    ],
  };
}

async function decide(question: CacheQuestion, trace: Trace): Promise<Decision> {
  const { request, form, key, route, inspector, nowMs } = question;
  const { caching, bypass } = route;
  const none = { tier: null, stored: null, second: "not_asked" } as const;
  if (bypass !== null && isBypassed(request, bypass)) {
    return { verdict: "bypass", rule: "route_bypass", ...none };
  }
  trace.passed("route_bypass");
  const bypassed = bypassRule(form, key, caching, trace);
  if (bypassed !== undefined || key === null) {
    return { verdict: "bypass", rule: bypassed ?? "route_off", ...none };
  }
  const directives = requestDirectives(form.fields);
  const { verdict, rule, stored } = lookupRule(
    form,
    directives,
    inspector.entry(key),
    nowMs,
    trace,
  );
  const tier = stored === null ? null : "l1";
  if (verdict === "use" || verdict === "use_and_validate") {
    return { verdict, rule, tier, stored, second: "not_asked" };
  }
  const second = await inspector.second(key, form, rule, caching);
  if (second.kind === "stored") {
    trace.passed(rule);
    return recalled(question, second.stored, trace);
  }
  if (!directives.onlyIfCached) {
    return { verdict: "forward", rule, tier, stored, second: second.kind };
  }
  trace.passed(rule);
  const refused = { verdict: "refuse", rule: "request_only_if_cached" } as const;
  return { ...refused, tier, stored, second: second.kind };
}

/** As recall.ts does it: fresh in Redis is a hit, stale there is validated. */
function recalled({ form, nowMs }: CacheQuestion, stored: StoredResponse, trace: Trace): Decision {
  const directives = requestDirectives(form.fields);
  const { verdict, rule } = reuse(stored.metadata, directives, nowMs, trace);
  const found = { tier: "l2", stored, second: "stored" } as const;
  if (verdict === "use") {
    trace.passed(rule);
    return { verdict: "use", rule: "second_tier", ...found };
  }
  if (verdict === "use_and_validate") return { verdict, rule, ...found };
  if (!directives.onlyIfCached) return { verdict: "forward", rule, ...found };
  trace.passed(rule);
  return { verdict: "refuse", rule: "request_only_if_cached", ...found };
}

/** Why nothing that is stored was good enough for only-if-cached. */
function cause({ inspector, key }: CacheQuestion, { fields }: RequestHead): string[] {
  if (key === null) return [];
  const isStored = inspector.entry(key)?.select(fields) !== undefined;
  return isStored ? ["a validation of what is stored, by another request"] : ["the same, stored"];
}

function untilOf({ verdict, stored, rule }: Decision): string | null {
  if (stored === null || verdict === "bypass" || verdict === "refuse") return null;
  const { bornMs, lifetimeSeconds, staleWhileRevalidateSeconds } = stored.metadata;
  const endMs = bornMs + lifetimeSeconds * 1000;
  if (rule === "fresh" || rule === "second_tier") return isoOf(endMs);
  const windowMs = staleWhileRevalidateSeconds * 1000;
  return rule === "stale_while_revalidate" ? isoOf(endMs + windowMs) : null;
}

function forwardingOf(
  { form, key, inspector, nowMs }: CacheQuestion,
  stored: StoredResponse | null,
): ExplainedForwarding {
  const mark = key === null ? null : inspector.uncacheable(key, form, nowMs);
  return {
    validates: stored !== null && form.method === "GET" && hasValidator(stored.metadata),
    coalesced: mark === null,
    uncacheable: mark === null ? null : { rule: mark.rule, until: isoOf(mark.untilMs) },
  };
}

/** Values that may be somebody's secret stay in. */
function variantsOf({ inspector, key }: CacheQuestion): string[] {
  const variants = key === null ? [] : (inspector.entry(key)?.variants ?? []);
  return variants.slice(0, VARIANTS_SHOWN).map(({ selecting }) => {
    const fields = selecting.map(({ name, value }) => {
      if (value === null) return `no ${name}`;
      return SECRET.has(name) ? `another ${name}` : `${name}: ${value}`;
    });
    return fields.join(", ");
  });
}

const VARIANTS_SHOWN = 5;
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie"]);

function explainStored(stored: StoredResponse, nowMs: number): ExplainedStored {
  const { metadata } = stored;
  const endMs = metadata.bornMs + metadata.lifetimeSeconds * 1000;
  return {
    status: stored.status,
    ageSeconds: stored.ageSeconds(nowMs),
    contentBytes: stored.contentLength,
    freshnessRule: metadata.freshnessRule,
    freshUntil: isoOf(endMs),
    staleWhileRevalidateUntil: isoOf(endMs + metadata.staleWhileRevalidateSeconds * 1000),
    staleIfErrorUntil: isoOf(endMs + metadata.staleIfErrorSeconds * 1000),
    tags: stored.tags,
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
