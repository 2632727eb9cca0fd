// Owns how often a request may wait for the responses of others: bounded, so that nobody waits for
// ever, and an origin server that is dying is not asked by everybody at once. Pure.

import type { GatewayError } from "../http/errors.ts";

/** What became of the times that a reader has waited, or has led. */
export interface Waits {
  /** The response was not for it. */
  readonly unshared: number;
  /** The origin call failed before its head. */
  readonly failed: number;
}

export const NO_WAITS: Waits = { unshared: 0, failed: 0 };

/** So many responses may turn out to be for others; then a reader asks the origin server alone. */
const UNSHARED_MAX = 2;

/**
 * So many calls may fail under a reader. The last failure is its answer: a thousand who wait for an
 * origin server that is dying have asked it three times by then, not a thousand times.
 */
const FAILED_MAX = 3;

/** It may wait for another one's response, and others for its own. */
export function mayWait({ unshared }: Waits): boolean {
  return unshared < UNSHARED_MAX;
}

/** One wait more; `error` is why the call failed, null where its response was for others. */
export function waitedInVain({ unshared, failed }: Waits, error: GatewayError | null): Waits {
  return error === null ? { unshared: unshared + 1, failed } : { unshared, failed: failed + 1 };
}

/** It has seen so many calls fail that it asks no more. */
export function isExhausted({ failed }: Waits): boolean {
  return failed >= FAILED_MAX;
}
