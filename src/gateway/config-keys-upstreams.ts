// Owns the rows of the key table for upstreams: targets, pools, time limits, retries, health. A
// default is stated once, here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import { HEALTH_KEYS } from "./config-keys-health.ts";
import { STICKY_KEYS } from "./config-keys-sticky.ts";
import * as form from "./config-forms.ts";

const TARGETS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>",
    form: form.TARGET_URL,
    default: null,
    about: "Short form: one target, everything else as by default.",
    reason: "Most upstreams have one address.",
  },
  {
    key: "upstreams.<name>.targets[]",
    form: form.TARGET_URL,
    default: null,
    required: true,
    about: "Origin servers that give the same answers.",
    reason: "An upstream without targets answers nothing.",
  },
  {
    key: "upstreams.<name>.targets[].url",
    form: form.TARGET_URL,
    default: null,
    required: true,
    about: "Scheme, host and port, or `unix:` and the path of a socket.",
    reason: "A target without an address is none.",
  },
  {
    key: "upstreams.<name>.targets[].weight",
    form: form.integer(0, 1000),
    default: 1,
    about: "Requests in proportion to the other targets.",
    reason: "Equal shares.",
  },
  {
    key: "upstreams.<name>.targets[].backup",
    form: form.BOOLEAN,
    default: false,
    about: "Asked only for what the others are too few for; the same as priority 1.",
    reason: "A target is there to be used.",
  },
  {
    key: "upstreams.<name>.targets[].priority",
    form: form.integer(0, 9),
    default: 0,
    about: "0 is asked first; the next gets what too few healthy targets before it leave over.",
    reason: "All alike.",
  },
  {
    key: "upstreams.<name>.targets[].zone",
    form: form.TEXT,
    default: null,
    about: "Where the target runs. Those in the gateway's `zone` are preferred while they suffice.",
    reason: "None: every target is near.",
  },
  {
    key: "upstreams.<name>.balance",
    form: form.oneOf("round-robin", "least-conn", "p2c-ewma", "hash", "adaptive"),
    default: "adaptive",
    about: "How a target is chosen.",
    reason:
      "Evens out load; by cost once errors, latency or its spread say so (docs/upstreams.md).",
  },
  {
    key: "upstreams.<name>.adaptive.errors",
    form: form.SHARE,
    default: "5%",
    about: "Share of failures and 5xx above which `balance: adaptive` chooses by cost.",
    reason: "Less than that retries make good.",
  },
  {
    key: "upstreams.<name>.adaptive.p99",
    form: form.DURATION,
    default: "100ms",
    about: "Time to the response head above which the slowest 1 % make it choose by cost.",
    reason: "People begin to notice.",
  },
  {
    key: "upstreams.<name>.hash.by",
    form: form.HASH_BY,
    default: "ip",
    about: "What `balance: hash` places a request by.",
    reason: "Every request has a client.",
  },
  {
    key: "upstreams.<name>.protocol",
    form: form.oneOf("h1", "h2"),
    default: "h1",
    about: "HTTP version towards the targets; h2 is by ALPN over TLS, by prior knowledge without.",
    reason: "Every origin speaks it.",
  },
  {
    key: "upstreams.<name>.host",
    form: form.HOST_POLICY,
    default: "preserve",
    about: "Host that the origin sees: the client's (preserve), its own (target), or this name.",
    reason: "Origins make links and cookies from it.",
  },
];

const POOL: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.pool.connections",
    form: form.integer(1, 65_535),
    default: 100,
    about: "Connections to one target; with h2 requests at a time, which share connections.",
    reason: "More than one Node process answers at a time, fewer than its backlog of 511.",
    outcome: "requests wait in the queue",
  },
  {
    key: "upstreams.<name>.pool.queue",
    form: form.integer(0, 1_000_000),
    default: 1000,
    about: "Requests that wait for a connection to one target.",
    reason: "Ten for each connection: what waits longer is not wanted any more.",
    outcome: "503 queue_full",
  },
  {
    key: "upstreams.<name>.pool.queueTimeout",
    form: form.DURATION,
    default: "5s",
    about: "How long a request waits there.",
    reason: "People reload after some seconds; waiting on answers nobody.",
    outcome: "503 queue_full",
  },
  {
    key: "upstreams.<name>.pool.keepAlive",
    form: form.DURATION,
    default: "4s",
    about:
      "How long an unused connection stays open; less where the origin's Keep-Alive field says so.",
    reason: "Below the 5 s of Node's own server, which must not be the first to close.",
    outcome: "close",
  },
  {
    key: "upstreams.<name>.pool.maxAge",
    form: form.DURATION_OR_OFF,
    default: "10m",
    about: "Age at which a connection is replaced once it is unused.",
    reason: "Changes of DNS, and new instances behind a balancer, take effect.",
    outcome: "close",
  },
  {
    key: "upstreams.<name>.pool.maxRequests",
    form: form.integerOr(form.integer(1, 1_000_000_000), "off"),
    default: "off",
    about: "Requests after which a connection is replaced.",
    reason: "maxAge bounds its life; origins that leak by the request can be helped.",
    outcome: "close",
  },
];

const TLS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.tls.ca",
    form: form.FILE_NAME,
    default: null,
    about: "Authorities to trust instead of the system's, PEM. The name of a file.",
    reason: "Public origins have certificates of public authorities.",
  },
  {
    key: "upstreams.<name>.tls.cert",
    form: form.FILE_NAME,
    default: null,
    about: "Client certificate with its chain, PEM, for origins that ask. The name of a file.",
    reason: "Most origins do not ask.",
  },
  {
    key: "upstreams.<name>.tls.key",
    form: form.FILE_NAME,
    default: null,
    about: "Private key of tls.cert, PEM. The name of a file.",
    reason: "Belongs to the certificate.",
  },
  {
    key: "upstreams.<name>.tls.serverName",
    form: form.TEXT,
    default: null,
    about: "Name for SNI, and the name that the certificate must have.",
    reason: "The target's own host name is what its certificate is for.",
  },
  {
    key: "upstreams.<name>.tls.verify",
    form: form.oneOf("on", "off"),
    default: "on",
    about: "Whether the origin's certificate is checked.",
    reason: "Unchecked TLS hides nothing from whoever is in the way.",
    outcome: "502 tls_error, with what is wrong with the certificate",
  },
  {
    key: "upstreams.<name>.tls.minVersion",
    form: form.oneOf("TLSv1.2", "TLSv1.3"),
    default: "TLSv1.2",
    about: "The lowest version of TLS.",
    reason: "RFC 8996: nothing below it is safe.",
    outcome: "502 tls_error",
  },
];

const TIMEOUTS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.timeout.connect",
    form: form.DURATION,
    default: "2s",
    about: "For a connection to be there, TLS included.",
    reason: "A lost SYN is sent again after 1 s: one loss is forgiven.",
    outcome: "504 connect_timeout",
  },
  {
    key: "upstreams.<name>.timeout.headers",
    form: form.DURATION,
    default: "60s",
    about: "From the end of the request to the head of the response.",
    reason: "nginx's proxy_read_timeout; slow reports exist.",
    outcome: "504 headers_timeout",
  },
  {
    key: "upstreams.<name>.timeout.idle",
    form: form.DURATION,
    default: "60s",
    about: "Between two pieces of a response's content that the client is ready to take.",
    reason: "nginx's proxy_read_timeout; event streams send a comment more often.",
    outcome: "body_stalled: the response is broken off visibly",
  },
  {
    key: "upstreams.<name>.timeout.total",
    form: form.DURATION_OR_OFF,
    default: "off",
    about: "For the whole exchange with the origin.",
    reason: "Event streams and large downloads last as long as they last.",
    outcome: "504, or the response is broken off visibly",
  },
];

const FAILURES: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.retry.attempts",
    form: form.integer(1, 5),
    default: 2,
    about: "Tries in all, the first one included; only requests that are safe to repeat.",
    reason: "One more, elsewhere, covers a target that has just died.",
  },
  {
    key: "upstreams.<name>.retry.when[]",
    form: form.RETRY_REASON,
    default: "connect, reset, refused-stream",
    about: "What is tried again: connect, reset, timeout, refused-stream (HTTP/2), a status.",
    reason: "An answer, even a bad one, is an answer; what timed out may still be worked on.",
  },
  {
    key: "upstreams.<name>.retry.backoff",
    form: form.DURATION,
    default: "25ms",
    about:
      "Wait before a retry that goes where one failed before, or is the second: half to all of it, doubling.",
    reason: "Envoy's. The first retry to another target does not wait: nothing is wrong there.",
  },
  {
    key: "upstreams.<name>.retry.maxWait",
    form: form.DURATION,
    default: "1s",
    about: "Longest wait for a retry. A target whose Retry-After is longer is not asked again.",
    reason: "A client that waits longer has reloaded.",
    outcome: "the failure, or the origin's answer, goes to the client",
  },
  {
    key: "upstreams.<name>.retry.buffer",
    form: form.SIZE_OR_OFF,
    default: "64KiB",
    about: "Content of an idempotent request that is kept while it runs, to be sent again.",
    reason: "Most forms and API calls fit; 100 at a time are 6.4 MiB.",
    outcome: "a request with more content is not tried again once some of it was sent",
  },
  {
    key: "upstreams.<name>.retry.budget",
    form: form.SHARE,
    default: "20%",
    about: "Retries as a share of the running requests, and of the last ten seconds'; at least 3.",
    reason: "An origin that fails under load must not get twice the load.",
  },
];

const CONCURRENCY: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.concurrency",
    form: form.oneOf("off", "adaptive"),
    default: "off",
    about: "`adaptive` learns from latency how many requests at a time the upstream answers well.",
    reason: "Latency rises for other reasons too, such as a route that is slow by nature.",
    outcome: "503 queue_full with Retry-After",
  },
  {
    key: "upstreams.<name>.concurrency.min",
    form: form.integer(1, 65_535),
    default: 10,
    about: "The learnt limit never falls below this; of each worker.",
    reason: "A wrong measurement must not close the upstream.",
  },
  {
    key: "upstreams.<name>.concurrency.max",
    form: form.integer(1, 65_535),
    default: 1000,
    about: "Nor rises above this, nor above what all connections of the targets are.",
    reason: "Netflix's; what waits for a connection is not seen in the origin's latency.",
  },
];

const FALLBACKS: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.fallback[].to",
    form: form.TEXT,
    default: null,
    about:
      "Name of an upstream that is asked instead, its answer never stored. Its fallbacks follow.",
    reason: "None.",
  },
  {
    key: "upstreams.<name>.fallback[].page",
    form: form.FILE_NAME,
    default: null,
    about: "A file that is sent instead: .html, .json, .txt, .xml or .svg, read at the start.",
    reason: "None: a line of text with the reason.",
  },
  {
    key: "upstreams.<name>.fallback[].status",
    form: form.integer(200, 599),
    default: 503,
    about: "Status of a page.",
    reason: "Robots come back, caches do not keep it.",
  },
  {
    key: "upstreams.<name>.fallback[].on[]",
    form: form.FALLBACK_CAUSE,
    default: null,
    about: "Reason codes, and statuses with which the origin itself answers.",
    reason: "Every failure of the upstream; what the origin answers is an answer.",
  },
];

const HEDGING: readonly ConfigKey[] = [
  {
    key: "upstreams.<name>.hedge",
    form: form.PERCENTILE_OR_OFF,
    default: "off",
    about:
      "A second try beside a first one that is slower than this percentile of the upstream's times; short for hedge.at.",
    reason: "It costs the origin work that only its owner knows to be cheap.",
  },
  {
    key: "upstreams.<name>.hedge.at",
    form: form.PERCENTILE,
    default: "p95",
    about: "After which share of the times to the response head, of the last 15 to 30 s.",
    reason: "5 % more requests at most, a quarter of the retry budget, which they take from.",
  },
  {
    key: "upstreams.<name>.hedge.min",
    form: form.DURATION,
    default: "5ms",
    about: "Never sooner than this.",
    reason: "The tail of an upstream that is as fast as that is the scheduler's.",
  },
];

export const UPSTREAM_KEYS: readonly ConfigKey[] = [
  ...TARGETS,
  ...POOL,
  ...TLS,
  ...TIMEOUTS,
  ...FAILURES,
  ...HEDGING,
  ...CONCURRENCY,
  ...FALLBACKS,
  ...HEALTH_KEYS,
  ...STICKY_KEYS,
];
