// Owns the form in which a route's cache sees a request, or that it does not see it at all. Pure.

import { hasCookie } from "../cache/key-plan.ts";
import { type CacheKey, type KeyMemory, keyOfQuery, keyOfTarget } from "../cache/key.ts";
import type { Forward } from "../cache/forward.ts";
import { hasField } from "../http/fields.ts";
import type { RequestHead } from "../http/message.ts";
import { overridesUri } from "./forwarding.ts";
import type { Route } from "./route.ts";

/** The response to such a request may be stored for others, and one that is stored be its answer. */
export function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "QUERY";
}

/**
 * A response could be stored for the URI, or one that is stored be the answer. Not so for what goes
 * around the cache, nor for a POST of which more than the URI may have made the response.
 */
export function mayBeStored(request: RequestHead, { caching, bypass }: Route): boolean {
  if (caching.mode.kind === "off") return false;
  if (request.method === "POST") return caching.keys === null && !overridesUri(request.fields);
  return bypass === null || !isBypassed(request, bypass);
}

/** The request as it is looked up, stored for and forwarded. */
export function asLookedUp(request: RequestHead, route: Route, trusted: boolean): RequestHead {
  const { keys } = route.caching;
  return keys !== null && isRead(request.method) ? keys.normalised(request, trusted) : request;
}

/** What the log says of a request that went on to the origin server. */
export const FORWARD_OUTCOMES: Record<Forward["reason"], string> = {
  bypass: "bypass",
  method: "bypass",
  partial: "partial",
  request: "bypass",
  stale: "expired",
  "uri-miss": "miss",
  "vary-miss": "miss",
};

/** `content`: that of a QUERY; null where its key cannot have it. */
export function keyFor(
  memory: KeyMemory,
  { method, scheme, authority, path, fields }: RequestHead,
  content: Uint8Array | null,
): CacheKey | null {
  const target = keyOfTarget(memory, scheme, authority, path) ?? null;
  if (target === null || method !== "QUERY") return target;
  return content === null ? null : (keyOfQuery(memory, target, fields, content) ?? null);
}

export function isBypassed(
  { fields }: RequestHead,
  { cookies, headers }: NonNullable<Route["bypass"]>,
): boolean {
  return hasCookie(fields, cookies) || headers.some((name) => hasField(fields, name));
}
