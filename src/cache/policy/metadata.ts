// Owns the shape of what the policy knows of a stored response: numbers and short strings, no
// bytes, so that every later decision is a few comparisons. Knows no store.

import type { RuleName } from "./rules.ts";

export interface StoredMetadata {
  readonly status: number;
  /**
   * When the origin server made the response, by our clock: the time it was received less its
   * corrected initial age (RFC 9111 section 4.2.3). Current age is now less this.
   */
  readonly bornMs: number;
  /** When it was received, or last validated. */
  readonly responseMs: number;
  /** Freshness lifetime in whole seconds, counted from `bornMs` (RFC 9111 section 4.2.1). */
  readonly lifetimeSeconds: number;
  /** Which source the freshness lifetime has. */
  readonly freshnessRule: RuleName;
  /** How long past its lifetime it may be used while it is validated (RFC 5861 section 3). */
  readonly staleWhileRevalidateSeconds: number;
  /**
   * How long past its lifetime it may be used when the origin server fails (RFC 5861 section 4).
   */
  readonly staleIfErrorSeconds: number;
  /** Each use needs a successful validation (RFC 9111 section 5.2.2.4). */
  readonly noCache: boolean;
  /**
   * Never used stale, whatever the client allows (RFC 9111 sections 5.2.2.2, 5.2.2.8 and 5.2.2.10).
   */
  readonly mustRevalidate: boolean;
  /**
   * The Date field; the time of receipt where there was none. Decides which of two variants is
   * newer.
   */
  readonly dateMs: number;
  /** Entity tag as sent, "" without a valid one. */
  readonly etag: string;
  /** Last-Modified as sent, "" without a valid one. */
  readonly lastModified: string;
  /** Its time; NaN without a valid one. */
  readonly lastModifiedMs: number;
  /** A request without conditions or directives of its own is a hit from here on … */
  readonly hitFromMs: number;
  /** … until before here; 0 where each use needs a decision. */
  readonly hitUntilMs: number;
}
