// Owns what a route is once its generation is built: its config with everything that was looked up
// for it.

import type { RouteCaching } from "../cache/forward.ts";
import type { Destination } from "./fallback.ts";
import type { BypassRules, RouteConfig } from "./gateway-config.ts";

/** Its fallbacks are its own, or those of its upstream. */
export interface Route extends Destination {
  readonly config: RouteConfig;
  /** How it caches, and what its hits are counted and logged as. */
  readonly caching: RouteCaching;
  /** Requests with one of these go around the cache; null: none do. */
  readonly bypass: BypassRules | null;
}
