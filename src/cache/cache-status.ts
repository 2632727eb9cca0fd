// Owns how Cache-Status says what became of a request (RFC 9211 section 2). Knows no stores.

import type { RuleName } from "./policy/rules.ts";

/** Why a request went on to the origin server (RFC 9211 section 2.2). */
export type ForwardReason =
  | "bypass"
  | "method"
  | "partial"
  | "request"
  | "stale"
  | "uri-miss"
  | "vary-miss";

export interface ForwardOutcome {
  readonly reason: ForwardReason;
  /** Status code of the origin server; 0 when it gave none. */
  readonly status: number;
  readonly stored: boolean;
  /** It waited for another request's response. */
  readonly collapsed: boolean;
  /** Remaining freshness lifetime of what was stored. */
  readonly ttlSeconds: number | undefined;
  /**
   * The rule that explains what the parameters do not: why it was not stored, or why stale was
   * used.
   */
  readonly detail: RuleName | undefined;
}

export function hitStatus(name: string, ttlSeconds: number, detail: RuleName | undefined): string {
  const status = `${name}; hit; ttl=${ttlSeconds}`;
  return detail === undefined ? status : `${status}; detail=${detail}`;
}

export function forwardStatus(name: string, outcome: ForwardOutcome): string {
  let status = `${name}; fwd=${outcome.reason}`;
  if (outcome.status !== 0) status += `; fwd-status=${outcome.status}`;
  if (outcome.ttlSeconds !== undefined) status += `; ttl=${outcome.ttlSeconds}`;
  if (outcome.stored) status += "; stored";
  if (outcome.collapsed) status += "; collapsed";
  if (outcome.detail !== undefined) status += `; detail=${outcome.detail}`;
  return status;
}

/** Neither a hit nor forwarded: only-if-cached found nothing. */
export function refusalStatus(name: string, detail: RuleName): string {
  return `${name}; detail=${detail}`;
}
