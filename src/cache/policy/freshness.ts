// Owns age and freshness: from the field lines of a response and the times of its exchange to
// StoredMetadata (RFC 9111 section 4.2, RFC 5861). Pure.

import { parseEntityTag } from "../../http/conditional.ts";
import { parseHttpDate } from "../../http/date.ts";
import { getField, listMembers } from "../../http/fields.ts";
import type { FieldLines, ResponseHead } from "../../http/message.ts";
import { INVALID, type ResponseDirectives, SECONDS_MAX } from "./directives.ts";
import type { StoredMetadata } from "./metadata.ts";
import type { RuleName } from "./rules.ts";

/** How a route caches: not at all, as the origin server says, or by its own times. */
export type CacheMode =
  | { readonly kind: "off" }
  | { readonly kind: "auto" }
  | ({ readonly kind: "ttl" } & TtlRules);

/** Times of the operator. They replace what the origin server says of freshness, nothing else. */
export interface TtlRules {
  /** Of responses that are cacheable by heuristics; null: what the origin server says. */
  readonly ttlSeconds: number | null;
  /** Of single status codes, before `ttlSeconds`; 0: never stored. */
  readonly statusSeconds?: ReadonlyMap<number, number>;
  /** null: what the origin server allows. */
  readonly staleSeconds: number | null;
  /** What the origin server says counts up to here. */
  readonly ttlSecondsMax?: number;
}

export interface FreshnessOptions {
  /**
   * Part of the time since Last-Modified that counts as freshness lifetime; 0 switches heuristics
   * off.
   */
  readonly heuristicFraction: number;
  readonly heuristicSecondsMax: number;
  /** Targeted fields in order of precedence, lower case (RFC 9213 section 2.1). */
  readonly targetedFields: readonly string[];
}

/** A tenth is the RFC's own example (section 4.2.2); a day bounds the harm of a wrong guess. */
export const FRESHNESS_DEFAULTS: FreshnessOptions = {
  heuristicFraction: 0.1,
  heuristicSecondsMax: 86_400,
  targetedFields: ["cdn-cache-control"],
};

/**
 * When the request was sent to the origin server and its response's head received, by our clock.
 */
export interface ExchangeTimes {
  readonly requestMs: number;
  readonly responseMs: number;
}

export interface Lifetime {
  readonly seconds: number;
  readonly rule: RuleName;
  /** The origin server stated it, or the operator did. */
  readonly explicit: boolean;
}

/**
 * Status codes that are cacheable without explicit freshness (RFC 9110 section 15.1); a 206 is
 * judged as the 200 that it is a part of.
 */
const HEURISTIC_STATUS = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTIC_STATUS.has(status);
}

/** The freshness lifetime that the response itself states or suggests (RFC 9111 section 4.2.1). */
export function freshnessLifetime(
  head: ResponseHead,
  directives: ResponseDirectives,
  responseMs: number,
  options: FreshnessOptions,
): Lifetime {
  if (directives.sMaxAge !== undefined) {
    return stated(directives.sMaxAge, directives.targeted ? "fresh_targeted" : "fresh_s_maxage");
  }
  if (directives.maxAge !== undefined) {
    return stated(directives.maxAge, directives.targeted ? "fresh_targeted" : "fresh_max_age");
  }
  const dateMs = dateOf(head.fields, responseMs);
  const expires = directives.targeted ? undefined : getField(head.fields, "expires");
  if (expires !== undefined) {
    // Any invalid date is in the past (RFC 9111 section 5.3).
    const seconds = Math.floor((parseHttpDate(expires, responseMs) - dateMs) / 1000);
    return Number.isNaN(seconds)
      ? stated(INVALID, "fresh_expires")
      : stated(seconds, "fresh_expires");
  }
  const seconds = heuristicSeconds(head, directives, dateMs, responseMs, options);
  if (seconds > 0) return { seconds, rule: "fresh_heuristic", explicit: false };
  return { seconds: 0, rule: "fresh_none", explicit: false };
}

/** Everything that later decisions need of a response, whether it is then stored or not. */
export function metadataOf(
  head: ResponseHead,
  directives: ResponseDirectives,
  times: ExchangeTimes,
  mode: CacheMode,
  options: FreshnessOptions,
): StoredMetadata {
  const { fields, status } = head;
  const { responseMs } = times;
  const initialAgeMs = correctedInitialAgeMs(fields, times);
  const own = freshnessLifetime(head, directives, responseMs, options);
  const byRoute = routeLifetime(mode, status);
  const counted = byRoute ?? capped(own, mode);
  // The route's ttl counts from the time of receipt, whatever age the response came with.
  const arrivedSeconds = byRoute === undefined ? 0 : Math.ceil(initialAgeMs / 1000);
  const lifetimeSeconds = counted.seconds + arrivedSeconds;
  const routeStale = mode.kind === "ttl" ? mode.staleSeconds : null;
  const bornMs = responseMs - initialAgeMs;
  const mayBeStale =
    !directives.noCache && !directives.mustRevalidate && !directives.proxyRevalidate;
  const stale = (seconds: number | undefined) =>
    mayBeStale ? (routeStale ?? Math.max(0, seconds ?? 0)) : 0;
  return {
    status,
    bornMs,
    responseMs,
    lifetimeSeconds,
    freshnessRule: counted.rule,
    staleWhileRevalidateSeconds: stale(directives.staleWhileRevalidate),
    staleIfErrorSeconds: stale(directives.staleIfError),
    noCache: directives.noCache,
    // s-maxage means proxy-revalidate too (RFC 9111 section 5.2.2.10). Where the origin server
    // grants a stale-while-revalidate or stale-if-error window beside it, that window is its own,
    // more specific word.
    // What was never fresh may have been made for one client, and only the origin server can tell:
    // neither another client's max-stale nor a failure makes it everybody's.
    mustRevalidate:
      !mayBeStale ||
      lifetimeSeconds === 0 ||
      (directives.sMaxAge !== undefined && !directives.targeted),
    ...validatorsOf(fields, responseMs),
    hitFromMs: bornMs,
    hitUntilMs: directives.noCache ? 0 : bornMs + lifetimeSeconds * 1000,
  };
}

/** Validators, and the Date that says how strong one is (RFC 9110 section 8.8). */
export function validatorsOf(
  fields: FieldLines,
  responseMs: number,
): Pick<StoredMetadata, "dateMs" | "etag" | "lastModified" | "lastModifiedMs"> {
  const lastModified = getField(fields, "last-modified") ?? "";
  const lastModifiedMs = lastModified === "" ? Number.NaN : parseHttpDate(lastModified, responseMs);
  return {
    dateMs: dateOf(fields, responseMs),
    etag: parseEntityTag(getField(fields, "etag") ?? "")?.text ?? "",
    lastModified: Number.isNaN(lastModifiedMs) ? "" : lastModified,
    lastModifiedMs,
  };
}

/** The lifetime that the route states for a status code; undefined: the origin server's counts. */
export function routeLifetime(mode: CacheMode, status: number): Lifetime | undefined {
  if (mode.kind !== "ttl") return undefined;
  const seconds = mode.statusSeconds?.get(status);
  if (seconds !== undefined) return { seconds, rule: "fresh_route_status", explicit: true };
  if (mode.ttlSeconds === null || !isHeuristicallyCacheable(status)) return undefined;
  return { seconds: mode.ttlSeconds, rule: "fresh_route", explicit: true };
}

function capped(own: Lifetime, mode: CacheMode): Lifetime {
  const secondsMax = mode.kind === "ttl" ? mode.ttlSecondsMax : undefined;
  if (secondsMax === undefined || own.seconds <= secondsMax) return own;
  return { ...own, seconds: secondsMax, rule: "fresh_capped" };
}

/** Current age in whole seconds (RFC 9111 section 4.2.3). */
export function ageSeconds(metadata: StoredMetadata, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - metadata.bornMs) / 1000));
}

/** The value of Date, or the time of receipt without a valid one (RFC 9110 section 6.6.1). */
function dateOf(fields: FieldLines, responseMs: number): number {
  const value = getField(fields, "date");
  const dateMs = value === undefined ? Number.NaN : parseHttpDate(value, responseMs);
  return Number.isNaN(dateMs) ? responseMs : dateMs;
}

function stated(seconds: number, rule: RuleName): Lifetime {
  if (seconds === INVALID && rule !== "fresh_expires") {
    return { seconds: 0, rule: "fresh_invalid", explicit: true };
  }
  return { seconds: Math.min(Math.max(0, seconds), SECONDS_MAX), rule, explicit: true };
}

/** RFC 9111 section 4.2.3, in whole seconds where the fields have no finer ones. */
function correctedInitialAgeMs(fields: FieldLines, times: ExchangeTimes): number {
  const receivedSeconds = Math.floor(times.responseMs / 1000);
  const dateMs = dateOf(fields, times.responseMs);
  const apparentAge = Math.max(0, receivedSeconds - Math.floor(dateMs / 1000));
  const delayMs = Math.max(0, times.responseMs - times.requestMs);
  const ageMs = Math.max(apparentAge * 1000, ageValue(fields) * 1000 + delayMs);
  return Math.min(ageMs, SECONDS_MAX * 1000);
}

/** Of a list the first member counts, and an invalid one is ignored (RFC 9111 section 5.1). */
function ageValue(fields: FieldLines): number {
  const first = listMembers(getField(fields, "age"))[0];
  return first !== undefined && DIGITS.test(first) ? Math.min(Number(first), SECONDS_MAX) : 0;
}

/**
 * RFC 9111 section 4.2.2: only where the status code or `public` allows it, and never for what sets
 * cookies.
 */
function heuristicSeconds(
  head: ResponseHead,
  directives: ResponseDirectives,
  dateMs: number,
  responseMs: number,
  options: FreshnessOptions,
): number {
  if (!isHeuristicallyCacheable(head.status) && !directives.public) return 0;
  const lastModified = getField(head.fields, "last-modified");
  if (lastModified === undefined) return 0;
  const sinceMs = dateMs - parseHttpDate(lastModified, responseMs);
  if (!(sinceMs > 0)) return 0;
  const seconds = Math.floor((sinceMs / 1000) * options.heuristicFraction);
  return Math.min(seconds, options.heuristicSecondsMax);
}

const DIGITS = /^\d+$/;
