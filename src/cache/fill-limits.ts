// Owns the bounds of responses that are on their way from the origin server, and of what is stored
// of them.

import { getField } from "../http/fields.ts";
import type { ResponseHead } from "../http/message.ts";
import type { StoreDecision } from "./policy/storing.ts";
import { TAGS_MAX } from "./policy/tags.ts";

export interface FillLimits {
  /** Content of one response that is kept for storing. */
  readonly objectBytesMax: number;
  /**
   * What several readers of a response that is not stored may be apart in any case; then the
   * slowest sets the pace.
   */
  readonly windowBytesMax: number;
  /**
   * What they may be apart while the budget has room for it: one that is slow delays nobody.
   */
  readonly lagBytesMax: number;
  /** Content that is read and dropped so that its connection can be used again. */
  readonly drainBytesMax: number;
}

/**
 * 256 KiB are four reads of a socket; 64 KiB cost less than a new connection. 32 MiB are four of
 * the largest responses that are stored: who is that much slower has outlived the reason to share.
 */
export const FILL_LIMITS: FillLimits = {
  objectBytesMax: 8 * 1024 * 1024,
  windowBytesMax: 256 * 1024,
  lagBytesMax: 32 * 1024 * 1024,
  drainBytesMax: 64 * 1024,
};

/** Bytes that all fills together keep for storing. */
export class FillBudget {
  bytesMax: number;
  usedBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.bytesMax) return false;
    this.usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.usedBytes -= bytes;
  }
}

/** A response that says beforehand that it is too large is not worth the memory until it is. */
export function fitted(
  decision: StoreDecision,
  head: ResponseHead,
  { tags, bytesMax }: { readonly tags: readonly string[]; readonly bytesMax: number },
): StoreDecision {
  if (decision.store && tags.length > TAGS_MAX) return { store: false, rule: "too_many_tags" };
  const length = Number(getField(head.fields, "content-length") ?? 0);
  return decision.store && length > bytesMax ? { store: false, rule: "too_large" } : decision;
}

/**
 * The upstream fails a response that is cut short; this is the last line (RFC 9111 section 3.3).
 * One of unknown length may have become larger than the route stores.
 */
export function isWhole(
  head: ResponseHead,
  pieces: readonly Uint8Array[],
  bytesMax: number,
): boolean {
  const declared = getField(head.fields, "content-length");
  let length = 0;
  for (const piece of pieces) length += piece.length;
  if (length > bytesMax) return false;
  return declared === undefined || Number(declared) === length;
}
