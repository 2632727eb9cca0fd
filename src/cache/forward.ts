// Owns the shape of a request that goes on to the origin server, and what the cache knows of it. No
// behaviour.

import type { RequestHead } from "../http/message.ts";
import type { ForwardReason } from "./cache-status.ts";
import type { CacheKey } from "./key.ts";
import type { KeyPlan } from "./key-plan.ts";
import type { CacheMode } from "./policy/freshness.ts";
import type { RuleName } from "./policy/rules.ts";
import type { Splice } from "./splice.ts";
import type { HitRules, StoredResponse } from "./stored-response.ts";

/** How the route of a request caches. One object for all requests of a route. */
export interface RouteCaching {
  readonly mode: CacheMode;
  /** What hits need of the route; kept with every response that is stored. */
  readonly rules: HitRules;
  /** Tags of all responses that are stored, besides those that they bring. */
  readonly tags: readonly string[];
  /** What of a request counts; null: the URI as sent, and what Vary names. */
  readonly keys: KeyPlan | null;
  /** Content of the largest response that is stored; null: the cache's own limit. */
  readonly objectBytesMax: number | null;
}

export interface Forward {
  readonly kind: "forward";
  readonly request: RequestHead;
  /** Null where the request-target has no key. */
  readonly key: CacheKey | null;
  readonly caching: RouteCaching;
  readonly reason: ForwardReason;
  readonly rule: RuleName;
  /**
   * Field lines for the origin server: the request's, with our conditions in place of the client's
   * if `stored`.
   */
  readonly fields: readonly string[];
  /**
   * What is validated, or may stand in if the origin server fails; for HEAD, what its response may
   * update.
   */
  readonly stored: StoredResponse | null;
  /** Our own conditions are in `fields`: a 304 is about `stored`. */
  readonly validation: "ours" | "none";
  /** What is missing is asked for, and `stored` has the rest; null: all is asked for. */
  readonly splice: Splice | null;
  /** The Range of the client that the response will be for; null: for all of the content. */
  readonly range: string | null;
  /** Whether others may wait for this response, and this request for that of another. */
  readonly sharing: "collapse" | "alone";
}
