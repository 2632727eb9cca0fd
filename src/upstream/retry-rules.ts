// Owns what may be tried again, after how long, and what an origin server says about that
// (Retry-After, RFC 9110 section 10.2.3). Pure: time and randomness are arguments.

import type { ReasonCode } from "../http/errors.ts";
import { getField } from "../http/fields.ts";
import { parseHttpDate } from "../http/date.ts";
import type { FieldLines } from "../http/message.ts";

/**
 * What may be tried again: a failed connect, a reset, no answer in time, a stream that the origin
 * refused unseen, an answer with this status.
 */
export type RetryReason = "connect" | "reset" | "timeout" | "refused-stream" | number;

export interface RetryRules {
  /**
   * Attempts for a request in all, the first one included. A stale connection's replacement does
   * not count.
   */
  readonly attempts: number;
  readonly when: readonly RetryReason[];
  /** Waits before a retry are half of this to all of it at first, and double each time … */
  readonly backoffMs: number;
  /** … up to this; nor is a Retry-After waited for that is longer. */
  readonly waitMsMax: number;
  /** Content up to this length is kept, so that it can be sent again. */
  readonly bufferBytesMax: number;
}

/** One attempt that was followed by another. */
export interface Try {
  readonly target: string;
  /** A reason code, the status received, or "hedge" where the other was started beside it. */
  readonly outcome: string;
}

const REASONS: ReadonlyMap<ReasonCode, RetryReason> = new Map<ReasonCode, RetryReason>([
  ["connect_refused", "connect"],
  ["connect_timeout", "connect"],
  ["upstream_reset", "reset"],
  ["headers_timeout", "timeout"],
]);

/** What kind of failure this is; null for one that is never tried again. */
export function reasonOf(code: ReasonCode, isRefusedUnseen: boolean): RetryReason | null {
  if (isRefusedUnseen && code === "upstream_reset") return "refused-stream";
  return REASONS.get(code) ?? null;
}

/**
 * Whether the target that failed may be asked once more. One that broke the connection off or did
 * not answer in time may have failed because of this very request.
 */
export function mayReturn(reason: RetryReason): boolean {
  return reason !== "reset" && reason !== "timeout";
}

/** `nth` counts from 1; `random` is in [0, 1). */
export function backoffMs(nth: number, rules: RetryRules, random: number): number {
  const longest = Math.min(rules.waitMsMax, rules.backoffMs * 2 ** (nth - 1));
  return longest * (0.5 + 0.5 * random);
}

/** How long the origin server wants to be left alone; 0 where it does not say, or not validly. */
export function retryAfterMs(fields: FieldLines, wallNowMs: number): number {
  const value = getField(fields, "retry-after");
  if (value === undefined) return 0;
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000;
  const dateMs = parseHttpDate(value, wallNowMs);
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - wallNowMs);
}
