// Owns the names of the cache's rules and what each one says, with its RFC section: a decision
// returns a name, a constant, so that explaining costs nothing until somebody asks.

export const RULES = {
  // Whether a response is stored.
  stored: {
    section: "RFC 9111 3",
    text: "the response is cacheable and has a freshness lifetime or a validator",
  },
  method: { section: "RFC 9111 3", text: "the method is not one whose responses are stored" },
  status_not_final: {
    section: "RFC 9111 3",
    text: "an interim or switching response is never stored",
  },
  status_of_one_request: {
    section: "RFC 9110 15.5, RFC 6585",
    text: "412, 416, 417, 428, 429, 431 and 511 are about the request that caused them alone",
  },
  status_not_understood: {
    section: "RFC 9111 3",
    text: "must-understand, and the status code is not understood",
  },
  status_not_cacheable: {
    section: "RFC 9111 3",
    text: "no explicit freshness, and the status code has no heuristic one",
  },
  partial_content: {
    section: "RFC 9111 3.3",
    text: "a 304, or a partial response that was not asked for, has several parts, or is no part",
  },
  partial_fields: {
    section: "RFC 9110 15.3.7",
    text: "a part for If-Range lacks the fields of the whole, and none of it is stored",
  },
  partial_other: {
    section: "RFC 9111 3.4",
    text: "nothing says that the part belongs to the whole response that is stored",
  },
  request_content: {
    section: "RFC 9110 9.3.1",
    text: "the request has content, which is no part of the cache key",
  },
  query_content: {
    section: "safe-method-w-body 2.7",
    text: "the content of a QUERY is in its key, and this one is too long or was not seen",
  },
  request_no_store: { section: "RFC 9111 5.2.1.5", text: "the request says no-store" },
  response_no_store: { section: "RFC 9111 5.2.2.5", text: "the response says no-store" },
  response_private: { section: "RFC 9111 5.2.2.7", text: "the response says private" },
  authorization: {
    section: "RFC 9111 3.5",
    text: "the request has Authorization and the response does not allow sharing",
  },
  vary_unmatchable: { section: "RFC 9111 4.1", text: "Vary is *, no list of names, or too long" },
  set_cookie: { section: "RFC 9111 7.3", text: "Set-Cookie without explicit freshness of its own" },
  cache_control_malformed: {
    section: "RFC 9111 4.2.1",
    text: "Cache-Control does not parse and could hide a no-store",
  },
  nothing_to_reuse: { section: "RFC 9111 3", text: "neither a freshness lifetime nor a validator" },
  route_status: { section: "route", text: "the route stores no response of this status code" },
  route_bypass: { section: "route", text: "the request has what goes around the cache here" },
  route_off: { section: "route", text: "the route does not cache" },
  too_large: { section: "limit", text: "larger than an object may be" },
  too_many_tags: { section: "limit", text: "more tags than are kept: a purge could miss it" },
  over_budget: { section: "limit", text: "the budget for responses in flight was used up" },
  broken_off: { section: "RFC 9111 3.3", text: "the response was not received to its end" },
  // Where the freshness lifetime comes from.
  fresh_targeted: { section: "RFC 9213 2.2", text: "a targeted field decides" },
  fresh_s_maxage: { section: "RFC 9111 5.2.2.10", text: "s-maxage" },
  fresh_max_age: { section: "RFC 9111 5.2.2.1", text: "max-age" },
  fresh_expires: { section: "RFC 9111 5.3", text: "Expires less Date" },
  fresh_heuristic: {
    section: "RFC 9111 4.2.2",
    text: "a tenth of the time since Last-Modified, at most a day",
  },
  fresh_route: { section: "route", text: "the route's ttl" },
  fresh_purged: { section: "purge", text: "a soft purge ended the freshness lifetime" },
  fresh_route_status: { section: "route", text: "the route's ttl for this status code" },
  fresh_capped: {
    section: "route",
    text: "what the origin server says, cut to the route's maxTtl",
  },
  fresh_none: { section: "RFC 9111 4.2.1", text: "no freshness lifetime: each use is validated" },
  fresh_invalid: {
    section: "RFC 9111 4.2.1",
    text: "invalid freshness information counts as stale",
  },
  // What becomes of a request.
  uri_miss: { section: "RFC 9211 2.2", text: "nothing is stored for this URI" },
  vary_miss: { section: "RFC 9211 2.2", text: "nothing stored is selected by this request" },
  fresh: { section: "RFC 9111 4.2", text: "the stored response is fresh" },
  second_tier: {
    section: "RFC 9111 4",
    text: "stored by another instance, or before this one started: read from Redis",
  },
  request_no_cache: { section: "RFC 9111 5.2.1.4", text: "the request wants a validation" },
  request_pragma: { section: "RFC 9111 5.4", text: "Pragma: no-cache wants a validation" },
  request_max_age: { section: "RFC 9111 5.2.1.1", text: "older than the request's max-age" },
  request_min_fresh: {
    section: "RFC 9111 5.2.1.3",
    text: "not fresh for as long as the request wants",
  },
  request_max_stale: {
    section: "RFC 9111 5.2.1.2",
    text: "stale, but the request's max-stale allows it",
  },
  request_only_if_cached: {
    section: "RFC 9111 5.2.1.7",
    text: "only-if-cached, and nothing usable is stored",
  },
  response_no_cache: {
    section: "RFC 9111 5.2.2.4",
    text: "the response says no-cache: each use is validated",
  },
  stale_while_revalidate: { section: "RFC 5861 3", text: "stale, used while it is validated" },
  stale_if_error: { section: "RFC 5861 4", text: "stale, used because the origin server failed" },
  disconnected: {
    section: "RFC 9111 4.2.4",
    text: "stale, used because the origin server cannot be reached",
  },
  stale: { section: "RFC 9111 4.2.4", text: "stale: validated before use" },
  partial_miss: {
    section: "RFC 9111 3.3",
    text: "only parts of the response are stored, and not all that is asked for",
  },
  precondition: {
    section: "RFC 9110 13.1",
    text: "a precondition that only the origin server evaluates",
  },
  uncacheable: {
    section: "RFC 9111 4",
    text: "the last response was not one to share: nobody waits for the next one for a while",
  },
} as const satisfies Record<string, Rule>;

export interface Rule {
  /** The section that decides, or "route" and "limit" for what the operator decides. */
  readonly section: string;
  readonly text: string;
}

export type RuleName = keyof typeof RULES;
