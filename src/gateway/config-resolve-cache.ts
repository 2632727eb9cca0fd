// Owns turning a route's valid `cache` into the rules that a generation is built from: what is
// stored for how long, under which keys. Its input has passed the checks.

import type { EdgelaneRouteCache } from "./edgelane-config.ts";
import { parseDuration, parseSize } from "./config-units.ts";
import type { RouteCache } from "./gateway-config.ts";

export function resolveRouteCache(written: "auto" | "off" | EdgelaneRouteCache): RouteCache {
  if (written === "auto" || written === "off") return { kind: written };
  const { key = {}, bypass } = written;
  const ttlSeconds = secondsOf(written.ttl);
  return {
    kind: "rules",
    ttlSeconds,
    statusSeconds: resolveStatus(written.status ?? {}),
    // Who overrides what the origin says of freshness says of staleness what is not none.
    staleSeconds: secondsOf(written.stale) ?? (ttlSeconds === null ? null : 0),
    ttlSecondsMax: secondsOf(written.maxTtl),
    objectBytesMax: written.objectMax === undefined ? null : parseSize(written.objectMax),
    key: {
      query: resolveQuery(key.query ?? "all"),
      headers: (key.headers ?? []).map((name) => name.toLowerCase()),
      // A lifetime that the origin did not state is for what is the same for everybody: what could
      // make a response personal does not reach it.
      cookies: key.cookies ?? (ttlSeconds === null ? null : []),
    },
    bypass:
      bypass === undefined
        ? null
        : {
            cookies: bypass.cookies ?? [],
            headers: (bypass.headers ?? []).map((name) => name.toLowerCase()),
          },
    tags: [...new Set(written.tags ?? [])],
  };
}

/**
 * Status codes of a class. 4xx has those that speak of what the URI names. A 400, 413 or 431 speaks
 * of one request, whose sender could so take the page from all others; a 401, 403 or 429 of one
 * client. Whoever wants them names them.
 */
const CLASSES: Readonly<Record<string, readonly number[]>> = {
  "2xx": [200, 203, 204],
  "3xx": [300, 301, 302, 303, 307, 308],
  "4xx": [404, 405, 410, 414, 451],
  "5xx": [500, 501, 502, 503, 504],
};

/**
 * A key of `status` that is known; 206 and 304 are parts and comparisons, not responses to keep,
 * and those that are about one request are never stored.
 */
export function isStatusKey(name: string): boolean {
  if (name in CLASSES) return true;
  return /^[2-5]\d\d$/.test(name) && !/^(?:206|304|412|416|417|428|429|431|511)$/.test(name);
}

/** What a key of `status` may be, for suggestions. */
export const STATUS_CLASSES: readonly string[] = Object.keys(CLASSES);

/** A single code wins over its class. */
function resolveStatus(status: Readonly<Record<string, string>>): ReadonlyMap<number, number> {
  const seconds = new Map<number, number>();
  for (const [name, written] of Object.entries(status)) {
    for (const code of CLASSES[name] ?? []) seconds.set(code, secondsOf(written) ?? 0);
  }
  for (const [name, written] of Object.entries(status)) {
    if (!(name in CLASSES)) seconds.set(Number(name), secondsOf(written) ?? 0);
  }
  return seconds;
}

function resolveQuery(query: NonNullable<NonNullable<EdgelaneRouteCache["key"]>["query"]>): {
  kind: "all" | "none" | "allow" | "deny";
  names: readonly string[];
  sort: boolean;
} {
  if (query === "all" || query === "none") return { kind: query, names: [], sort: false };
  const { allow, deny, sort = false } = query;
  if (allow !== undefined) return { kind: "allow", names: allow, sort };
  return deny === undefined
    ? { kind: "all", names: [], sort }
    : { kind: "deny", names: deny, sort };
}

function secondsOf(written: string | undefined): number | null {
  if (written === undefined) return null;
  const ms = parseDuration(written);
  if (ms === null) throw new TypeError("a value passed the checks that cannot be read");
  return Math.floor(ms / 1000);
}
