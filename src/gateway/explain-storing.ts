// Owns what a route stores: its rules in words, and of a response that is given, whether it would
// be stored, by which rules and for how long. Pure.

import type { CacheInspector } from "../cache/cache-inspector.ts";
import type { RouteCaching } from "../cache/forward.ts";
import { RULES, type RuleName } from "../cache/policy/rules.ts";
import { mayStore } from "../cache/policy/storing.ts";
import { Trace, type TraceStep } from "../cache/policy/trace.ts";
import { contentLengthOf } from "../cache/fill-contract.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { isBypassed } from "./cached-request.ts";
import { wouldChange } from "./explain-changes.ts";
import type { Route } from "./route.ts";

export interface ExplainedStoring {
  /** What the route says. */
  readonly rules: readonly string[];
  /** null: no response was given. */
  readonly response: ExplainedResponse | null;
}

export interface ExplainedResponse {
  readonly status: number;
  readonly stored: boolean;
  readonly rule: RuleName;
  readonly section: string;
  readonly text: string;
  readonly steps: readonly TraceStep[];
  /** null where it is not stored. */
  readonly freshness: {
    readonly seconds: number;
    readonly rule: RuleName;
    readonly staleWhileRevalidateSeconds: number;
    readonly staleIfErrorSeconds: number;
    /** Each use is validated. */
    readonly validated: boolean;
  } | null;
  readonly vary: readonly string[];
  readonly wouldChange: readonly string[];
}

export interface StoringQuestion {
  readonly request: RequestHead;
  readonly form: RequestHead;
  readonly response: ResponseHead | null;
  readonly route: Route;
  readonly inspector: CacheInspector;
  readonly nowMs: number;
}

export function explainStoring(question: StoringQuestion): ExplainedStoring {
  const { response, route } = question;
  return {
    rules: rulesOf(route.caching),
    response: response === null ? null : explainResponse(question, response),
  };
}

function explainResponse(question: StoringQuestion, head: ResponseHead): ExplainedResponse {
  const { request, form, route, inspector, nowMs } = question;
  const trace = new Trace();
  const times = { requestMs: nowMs, responseMs: nowMs };
  const isPassing = route.bypass !== null && isBypassed(request, route.bypass);
  const isTooLarge = contentLengthOf(head) > (route.caching.objectBytesMax ?? Infinity);
  const { mode } = route.caching;
  const decided = isPassing
    ? ({ store: false, rule: "route_bypass" } as const)
    : mayStore(form, head, times, mode, inspector.freshness, trace);
  const decision =
    decided.store && isTooLarge ? ({ store: false, rule: "too_large" } as const) : decided;
  trace.decided(decision.rule);
  const metadata = decision.store ? decision.metadata : null;
  return {
    status: head.status,
    stored: decision.store,
    rule: decision.rule,
    ...RULES[decision.rule],
    steps: trace.steps,
    freshness:
      metadata === null
        ? null
        : {
            seconds: metadata.lifetimeSeconds,
            rule: metadata.freshnessRule,
            staleWhileRevalidateSeconds: metadata.staleWhileRevalidateSeconds,
            staleIfErrorSeconds: metadata.staleIfErrorSeconds,
            validated: metadata.noCache || metadata.lifetimeSeconds === 0,
          },
    vary: decision.store ? decision.vary : [],
    wouldChange: wouldChange(decision.rule, {
      request: form,
      route,
      metadata,
      variants: [],
      nowMs,
    }),
  };
}

function rulesOf({ mode, objectBytesMax }: RouteCaching): string[] {
  if (mode.kind === "off") return ["nothing: the route does not cache"];
  if (mode.kind === "auto") return ["as the origin says (RFC 9111 3 and 4.2)"];
  const { ttlSeconds, statusSeconds, staleSeconds, ttlSecondsMax } = mode;
  const byStatus = [...(statusSeconds ?? [])].map(([status, seconds]) => {
    return seconds === 0 ? `${status}: never` : `${status}: ${seconds} s`;
  });
  return [
    ...byStatus,
    ttlSeconds === null ? "others: as the origin says" : `others that may be: ${ttlSeconds} s`,
    ...(ttlSecondsMax === undefined ? [] : [`at most ${ttlSecondsMax} s of what the origin says`]),
    ...(staleSeconds === null ? [] : [`${staleSeconds} s longer while stale`]),
    ...(objectBytesMax === null ? [] : [`at most ${objectBytesMax} bytes`]),
    "never: no-store, private, Authorization that is not allowed, Set-Cookie without a lifetime",
  ];
}
