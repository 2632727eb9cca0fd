// Owns which keys the URL of a purge means: whoever purges writes a URL as a client sent it, and
// its route may keep it in another form, with parameters sorted or taken off (cache.key). Pure.

import type { KeyPlan } from "../cache/key-plan.ts";
import type { Purge } from "../cache/purge.ts";
import { readExplained } from "./explain-request.ts";
import type { Route } from "./route.ts";
import { routeOf } from "./route-lookup.ts";

/**
 * The purge as it is written, then in the form of its route where that is another. The first counts
 * too: an instance with another config may have stored that one.
 */
export function purgeForms(purge: Purge, routes: readonly Route[]): readonly Purge[] {
  const { scope } = purge;
  if (scope.kind !== "uri" && scope.kind !== "prefix") return [purge];
  const written = scope.kind === "uri" ? scope.uri : scope.prefix;
  if (!written.includes("?")) return [purge];
  if (routes.every(({ caching }) => caching.keys === null)) return [purge];
  const reading = readExplained("GET", written, []);
  if ("problem" in reading) return [purge];
  const { request } = reading;
  const keys = routeOf(request, routes, null)?.caching.keys ?? null;
  if (keys === null) return [purge];
  const origin = `${request.scheme}://${request.authority}`;
  if (scope.kind === "prefix") return [purge, ...prefixForms(purge, keys, origin, request.path)];
  const path = keys.pathOf(request.path);
  return path === request.path ? [purge] : [purge, withUri(purge, `${origin}${path}`)];
}

/**
 * How a query begins says nothing of how its form does: parameters may come before it, or be taken
 * off. Every query of its path is meant, then, which is more than was asked for and never less.
 */
function prefixForms(purge: Purge, keys: KeyPlan, origin: string, path: string): Purge[] {
  const { kind, sort } = keys.rules.query;
  if (kind === "all" && !sort) return [];
  const whole = `${origin}${path.slice(0, path.indexOf("?"))}`;
  return [withUri(purge, whole), { ...purge, scope: { kind: "prefix", prefix: `${whole}?` } }];
}

function withUri(purge: Purge, uri: string): Purge {
  return { ...purge, scope: { kind: "uri", uri } };
}
