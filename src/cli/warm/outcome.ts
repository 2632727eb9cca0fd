// Owns what a response says became of a request that was to warm the cache: its status, and our
// member of Cache-Status (RFC 9211). Pure.

import { STATUS_CODES } from "node:http";

export type OutcomeKind =
  /** It was asked of the origin server, and is stored now. */
  | "stored"
  /** It was stored already, here or in Redis. */
  | "fresh"
  /** It is asked for anew at each use; `reason` is the rule. */
  | "not_stored"
  | "redirected"
  | "failed";

export interface Outcome {
  readonly kind: OutcomeKind;
  /** 0 where nothing was answered. */
  readonly status: number;
  /** Why it was not stored, what failed, or where a redirect leads. */
  readonly reason: string;
  /** What is left of the freshness lifetime; null where nothing is stored. */
  readonly ttlSeconds: number | null;
  /** Of the content. */
  readonly bytes: number;
}

export interface WarmResponse {
  readonly status: number;
  /** "" where it is absent. */
  readonly cacheStatus: string;
  readonly proxyStatus: string;
  readonly location: string;
  readonly bytes: number;
}

export function outcomeOf(response: WarmResponse): Outcome {
  const { status, location, bytes } = response;
  const { ttlSeconds, isHit, isStored, detail } = ownMember(response.cacheStatus);
  if (status >= 400) {
    return { kind: "failed", status, reason: failureOf(response), ttlSeconds, bytes };
  }
  if (status >= 300) return { kind: "redirected", status, reason: location, ttlSeconds, bytes };
  if (isHit) return { kind: "fresh", status, reason: "", ttlSeconds, bytes };
  if (isStored) return { kind: "stored", status, reason: "", ttlSeconds, bytes };
  const reason = detail ?? "route_off";
  return { kind: "not_stored", status, reason, ttlSeconds: null, bytes };
}

/** Nothing came, or it broke off. */
export function failure(reason: string): Outcome {
  return { kind: "failed", status: 0, reason, ttlSeconds: null, bytes: 0 };
}

/** One outcome for a target that several workers or variants were asked for: the worst. */
export function worstOf(outcomes: readonly Outcome[]): Outcome {
  const [first = failure("nothing was asked")] = outcomes;
  const worst = outcomes.reduce((a, b) => (RANK[b.kind] > RANK[a.kind] ? b : a), first);
  return { ...worst, bytes: outcomes.reduce((sum, { bytes }) => sum + bytes, 0) };
}

const RANK: Record<OutcomeKind, number> = {
  fresh: 0,
  stored: 1,
  redirected: 2,
  not_stored: 3,
  failed: 4,
};

interface CacheStatusMember {
  readonly isHit: boolean;
  readonly isStored: boolean;
  readonly ttlSeconds: number | null;
  readonly detail: string | null;
}

/** Each cache on the way adds its member at the end: the last one is the gateway's. */
function ownMember(field: string): CacheStatusMember {
  const start = field.lastIndexOf("edgelane;");
  const parameters = new Map<string, string>();
  for (const part of start < 0 ? [] : field.slice(start).split(";").slice(1)) {
    const [name = "", value = ""] = part.trim().split("=");
    parameters.set(name, value);
  }
  const ttl = parameters.get("ttl");
  return {
    isHit: parameters.has("hit"),
    isStored: parameters.has("stored"),
    ttlSeconds: ttl === undefined ? null : Number(ttl),
    detail: parameters.get("detail") ?? null,
  };
}

/** The gateway's own failures have a reason code (RFC 9209); others are the origin server's. */
function failureOf({ status, proxyStatus }: WarmResponse): string {
  const details = /;\s*details="?([a-z_]+)/.exec(proxyStatus)?.[1];
  return details ?? `${status} ${STATUS_CODES[status] ?? ""}`;
}
