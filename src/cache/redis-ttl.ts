// Owns how long a stored response is worth keeping in Redis. Pure.

import type { StoredMetadata } from "./policy/metadata.ts";

/** As for an origin server that cannot be reached: see CACHE_DEFAULTS. */
const DISCONNECTED_SECONDS = 600;
/** A validator spares the content for as long again as the response was fresh, within a day. */
const VALIDATOR_SECONDS_MAX = 86_400;
const TTL_SECONDS_MAX = 30 * 86_400;

/**
 * While it is fresh, while it may be used stale, and while its validator may spare the origin
 * server the content; 0 for nothing of that.
 */
export function redisTtlMs(metadata: StoredMetadata, nowMs: number): number {
  const { lifetimeSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds } = metadata;
  const freshMs = Math.max(0, metadata.bornMs + lifetimeSeconds * 1000 - nowMs);
  const isUsable = !metadata.noCache && !metadata.mustRevalidate;
  const hasValidator = metadata.etag !== "" || metadata.lastModified !== "";
  const validatorSeconds = hasValidator
    ? Math.min(VALIDATOR_SECONDS_MAX, Math.max(DISCONNECTED_SECONDS, lifetimeSeconds))
    : 0;
  const staleSeconds = Math.max(
    staleWhileRevalidateSeconds,
    staleIfErrorSeconds,
    isUsable && freshMs > 0 ? DISCONNECTED_SECONDS : 0,
    validatorSeconds,
  );
  return Math.ceil(Math.min(freshMs + staleSeconds * 1000, TTL_SECONDS_MAX * 1000));
}
