// Owns the rows of the key table for what a route stores, for how long, and under which keys
// (docs/caching.md). A default is stated once, here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import * as form from "./config-forms.ts";

export const ROUTE_CACHE_KEYS: readonly ConfigKey[] = [
  {
    key: "routes[].cache",
    form: form.oneOf("auto", "off"),
    default: "auto",
    about: "`auto` does what the origin says (RFC 9111), `off` never stores.",
    reason: "Whoever makes a response knows best how long it is good.",
  },
  {
    key: "routes[].cache.ttl",
    form: form.LIFETIME,
    default: null,
    about: "Freshness lifetime, instead of what the origin says; cookies then stay at the gateway.",
    reason: "What the origin says: overriding it is for whoever writes it down.",
  },
  {
    key: "routes[].cache.stale",
    form: form.LIFETIME,
    default: null,
    about: "How long a stale response may serve while a new one is fetched, or that fails.",
    reason: "None: staleness is the origin's to allow.",
  },
  {
    key: "routes[].cache.tags[]",
    form: form.TAG,
    default: null,
    about: "Names that stored responses can be purged by.",
    reason: "None.",
  },
  {
    key: "routes[].cache.status.<name>",
    form: form.LIFETIME_OR_NEVER,
    default: null,
    about: "Freshness lifetime of one status (404) or of a class (4xx, 5xx); 0s never stores it.",
    reason: "None: failures are asked for again.",
  },
  {
    key: "routes[].cache.maxTtl",
    form: form.LIFETIME,
    default: null,
    about: "What the origin says of freshness counts up to here.",
    reason: "None: the origin knows best.",
  },
  {
    key: "routes[].cache.objectMax",
    form: form.SIZE,
    default: null,
    about: "Content of the largest response that the route stores.",
    reason: "`cache.objectMax`.",
    outcome: "the response passes through unstored",
  },
  {
    key: "routes[].cache.key.query",
    form: form.oneOf("all", "none"),
    default: "all",
    about: "Parameters in the key. What is not in it does not reach the origin with GET and HEAD.",
    reason: "Any of them may change the response.",
  },
  {
    key: "routes[].cache.key.query.allow[]",
    form: form.PARAMETER_NAME,
    default: null,
    about: "Only these parameters; `utm_*` is all that start so.",
    reason: "All of them.",
  },
  {
    key: "routes[].cache.key.query.deny[]",
    form: form.PARAMETER_NAME,
    default: null,
    about: "All parameters but these.",
    reason: "None.",
  },
  {
    key: "routes[].cache.key.query.sort",
    form: form.BOOLEAN,
    default: false,
    about: "Parameters in the order of their names, in the key as in what is forwarded.",
    reason: "Their order may mean something to the origin.",
  },
  {
    key: "routes[].cache.key.headers[]",
    form: form.KEY_FIELD_NAME,
    default: null,
    about: "Request fields whose values have responses of their own, as if Vary named them.",
    reason: "What Vary names.",
  },
  {
    key: "routes[].cache.key.cookies[]",
    form: form.COOKIE_NAME,
    default: null,
    about: "Cookies that count and reach the origin; no other does.",
    reason: "With `ttl`: none. Without it Cookie goes on whole, and Vary says whether it counts.",
  },
  {
    key: "routes[].cache.bypass.cookies[]",
    form: form.COOKIE_NAME,
    default: null,
    about: "A request with one of these cookies goes around the cache, with all its cookies.",
    reason: "None.",
  },
  {
    key: "routes[].cache.bypass.headers[]",
    form: form.FIELD_NAME,
    default: null,
    about: "A request with one of these fields goes around the cache.",
    reason: "None.",
  },
];
