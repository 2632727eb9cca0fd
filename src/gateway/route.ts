// Owns what a route is once its generation is built: its config with everything that was looked up
// for it.

import type { RouteCaching } from "../cache/forward.ts";
import type { Cluster } from "../upstream/cluster.ts";
import type { BypassRules, RouteConfig, UpstreamConfig } from "./gateway-config.ts";

export interface Route {
  readonly config: RouteConfig;
  readonly upstream: UpstreamConfig;
  readonly cluster: Cluster;
  /** Row of the upstream in the metrics. */
  readonly upstreamRow: number;
  /** How it caches, and what its hits are counted and logged as. */
  readonly caching: RouteCaching;
  /** Requests with one of these go around the cache; null: none do. */
  readonly bypass: BypassRules | null;
}
