// Owns the rows of the key table for routes. A default is stated once, here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import { ROUTE_CACHE_KEYS } from "./config-keys-route-cache.ts";
import * as form from "./config-forms.ts";

const ROUTING: readonly ConfigKey[] = [
  {
    key: "routes[].match",
    form: form.ROUTE_MATCH,
    default: null,
    required: true,
    about:
      "[METHOD ][host]/path; `*` is one segment, a `*` at the end is anything, a run of slashes one.",
    reason: "The most specific match wins: host, then path from the left, then method.",
  },
  {
    key: "routes[].name",
    form: form.TEXT,
    default: null,
    about: "The `endpoint` label in metrics and logs.",
    reason: "The match itself.",
  },
  {
    key: "routes[].to",
    form: form.TEXT,
    default: null,
    required: true,
    about: "Name of the upstream.",
    reason: "A route leads somewhere.",
  },
  {
    key: "routes[].priority",
    form: form.oneOf("low", "normal", "high"),
    default: "normal",
    about: "Who is refused last where not everyone can be served: `high`.",
    reason: "All alike. Health checks are never refused.",
  },
  {
    key: "routes[].timing",
    form: form.BOOLEAN,
    default: false,
    about: "Responses carry Server-Timing.",
    reason: "It tells strangers how fast the inside is.",
  },
  {
    key: "routes[].use[]",
    form: form.MIDDLEWARE,
    default: null,
    about: "Hono middleware, run before the request is forwarded.",
    reason: "None.",
  },
];

/** As those of upstreams. */
const FALLBACKS: readonly ConfigKey[] = [
  {
    key: "routes[].fallback[].to",
    form: form.TEXT,
    default: null,
    about:
      "Name of an upstream that is asked instead, its answer never stored. Its fallbacks follow.",
    reason: "None.",
  },
  {
    key: "routes[].fallback[].page",
    form: form.FILE_NAME,
    default: null,
    about: "A file that is sent instead: .html, .json, .txt, .xml or .svg, read at the start.",
    reason: "None: a line of text with the reason.",
  },
  {
    key: "routes[].fallback[].status",
    form: form.integer(200, 599),
    default: 503,
    about: "Status of a page.",
    reason: "Robots come back, caches do not keep it.",
  },
  {
    key: "routes[].fallback[].on[]",
    form: form.FALLBACK_CAUSE,
    default: null,
    about: "Reason codes, and statuses with which the origin itself answers.",
    reason: "Every failure of the upstream; what the origin answers is an answer.",
  },
];

const POLICIES: readonly ConfigKey[] = [
  {
    key: "routes[].compress",
    form: form.BOOLEAN,
    default: false,
    about: "Compresses what the origin sends uncompressed.",
    reason: "It costs a core what it saves a network.",
  },
  {
    key: "routes[].limit.rate",
    form: form.RATE,
    default: null,
    required: true,
    about: "Requests, sustained.",
    reason: "Only the owner knows how many are too many.",
  },
  {
    key: "routes[].limit.burst",
    form: form.integer(1, 1_000_000),
    default: null,
    about: "Requests at once.",
    reason: "One second of the rate.",
  },
  {
    key: "routes[].limit.by",
    form: form.TEXT,
    default: "ip",
    about: "What is counted.",
    reason: "The one thing that every client has.",
  },
  {
    key: "routes[].auth.jwt.jwks",
    form: form.ANY_URL,
    default: null,
    required: true,
    about: "Keys that tokens are verified with.",
    reason: "A token without a key proves nothing.",
  },
  {
    key: "routes[].auth.jwt.audience",
    form: form.TEXT,
    default: null,
    about: "Audience that tokens must name.",
    reason: "None.",
  },
  {
    key: "routes[].validate.openapi",
    form: form.FILE_NAME,
    default: null,
    about: "OpenAPI document that requests must follow.",
    reason: "None.",
  },
  {
    key: "routes[].validate.schema",
    form: form.FILE_NAME,
    default: null,
    about: "JSON Schema that the content must follow.",
    reason: "None.",
  },
];

export const ROUTE_KEYS: readonly ConfigKey[] = [
  ...ROUTING,
  ...ROUTE_CACHE_KEYS,
  ...FALLBACKS,
  ...POLICIES,
];
