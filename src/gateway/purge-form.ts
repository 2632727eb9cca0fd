// Owns which keys the URL of a purge means: whoever purges writes a URL as a client sent it, and
// its route may keep it in another form, with parameters sorted or taken off (cache.key). Pure.

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
  if (scope.kind !== "uri" || !scope.uri.includes("?")) return [purge];
  if (routes.every(({ caching }) => caching.keys === null)) return [purge];
  const reading = readExplained("GET", scope.uri, []);
  if ("problem" in reading) return [purge];
  const { request } = reading;
  const keys = routeOf(request, routes, null)?.caching.keys ?? null;
  const path = keys?.pathOf(request.path) ?? request.path;
  if (path === request.path) return [purge];
  const uri = `${request.scheme}://${request.authority}${path}`;
  return [purge, { ...purge, scope: { kind: "uri", uri } }];
}
