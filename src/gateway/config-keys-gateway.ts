// Owns the rows of the key table for the gateway itself: listeners, admin, cache, limits, log,
// shutdown. A default is stated once, here, with its reason.

import type { ConfigKey } from "./config-keys.ts";
import { REDIS_KEYS } from "./config-keys-redis.ts";
import * as form from "./config-forms.ts";

const LISTENERS: readonly ConfigKey[] = [
  {
    key: "listen[]",
    form: form.LISTEN_ADDRESS,
    default: ":8080",
    about: "Addresses of the public listeners; without a host, every address of the machine.",
    reason: "A gateway serves its network, and 8080 needs no privilege.",
  },
  {
    key: "listen[].address",
    form: form.LISTEN_ADDRESS,
    default: null,
    required: true,
    about: "The address, where a listener has settings of its own.",
    reason: "A listener without an address is none.",
  },
  {
    key: "listen[].http3",
    form: form.BOOLEAN,
    default: false,
    about: "HTTP/3 on the same port over UDP.",
    reason: "It needs a certificate and an open UDP port.",
  },
  {
    key: "tls.certificates[].cert",
    form: form.FILE_NAME,
    default: null,
    required: true,
    about: "Certificate chain, PEM.",
    reason: "Served to the names that it holds.",
  },
  {
    key: "tls.certificates[].key",
    form: form.FILE_NAME,
    default: null,
    required: true,
    about: "Private key, PEM.",
    reason: "Belongs to the certificate beside it.",
  },
  {
    key: "admin",
    form: form.oneOf("off"),
    default: null,
    about: "`off`: no admin listener.",
    reason: "On: without it there are no metrics and no readiness.",
  },
  {
    key: "admin.listen",
    form: form.ADMIN_ADDRESS,
    default: "127.0.0.1:9180",
    about: "Where /metrics, /livez and /readyz are; any address but loopback needs a token.",
    reason: "Loopback, so that nothing of it is reachable from outside unless someone asks for it.",
  },
  {
    key: "admin.token",
    form: form.SECRET,
    default: null,
    secret: true,
    about: "Bearer token of the admin API.",
    reason: "Processes of the same machine are trusted.",
  },
  {
    key: "workers",
    form: form.integerOr(form.integer(1, 255), "auto"),
    default: "auto",
    about:
      "Threads that serve; `auto` is one for each core. `cache.memory`, `limits.connections` and " +
      "the pools of upstreams are divided among them.",
    reason: "Cores that nobody uses are paid for all the same.",
  },
  {
    key: "trust[]",
    form: form.NETWORK,
    default: null,
    about: "Networks whose Forwarded and X-Forwarded-* fields are believed.",
    reason: "None: anybody can send these fields.",
  },
  {
    key: "health",
    form: form.PATH_OR_OFF,
    default: "/health",
    about: "Path that the gateway answers itself, for load balancers.",
    reason: "The path that balancers are commonly pointed at.",
  },
];

const CACHE: readonly ConfigKey[] = [
  {
    key: "cache.memory",
    form: form.SIZE_OR_OFF,
    default: "512MB",
    about: "Bytes that stored responses may take in memory, their overhead included.",
    reason: "Or a quarter of the machine's (or container's) memory where that is less.",
    outcome: "the expired go, then what is asked for least for its size; or it is not stored",
  },
  {
    key: "cache.objectMax",
    form: form.SIZE,
    default: "8MB",
    about: "Content of the largest response that is stored.",
    reason: "Pages, images and bundles fit; one download cannot evict a thousand of them.",
    outcome: "the response passes through unstored",
  },
  {
    key: "cache.variants",
    form: form.integer(1, 256),
    default: 16,
    about: "Stored responses of one URI, by what Vary and a route's key name.",
    reason: "The usual encodings times a few languages; a Vary by User-Agent is never hit anyway.",
    outcome: "the one with the oldest Date is dropped",
  },
  {
    key: "cache.heuristic",
    form: form.SHARE_OR_OFF,
    default: "10%",
    about:
      "Freshness lifetime where nobody states one: this share of the time since Last-Modified.",
    reason: "The example of RFC 9111 4.2.2, and what other caches do.",
  },
  {
    key: "cache.heuristicMax",
    form: form.LIFETIME,
    default: "1d",
    about: "The longest lifetime that is guessed.",
    reason: "A wrong guess is over tomorrow.",
  },
  {
    key: "cache.targets[]",
    form: form.FIELD_NAME,
    default: "CDN-Cache-Control",
    about: "Targeted fields that count instead of Cache-Control, first the one that counts first.",
    reason: "The field that RFC 9213 defines for caches of this kind.",
  },
  {
    key: "cache.coalesce",
    form: form.BOOLEAN,
    default: true,
    about: "Identical concurrent misses share one request to the origin.",
    reason: "A popular page that expires must not become a thousand requests.",
  },
  ...REDIS_KEYS,
  {
    key: "cache.prefetch",
    form: form.oneOf("off"),
    default: "off",
    about: "Fetches what a client will probably ask for next.",
    reason: "It costs the origin requests that nobody asked for.",
  },
  {
    key: "cache.prefetch.budget",
    form: form.SHARE,
    default: "20%",
    about: "Prefetches as a share of the requests that clients make.",
    reason: "An origin that copes with its load copes with a fifth more.",
  },
];

const LIMITS: readonly ConfigKey[] = [
  {
    key: "limits.body",
    form: form.SIZE_OR_OFF,
    default: "100MB",
    about: "Content of a request.",
    reason: "Protects origins, content itself is streamed; nginx's 1 MB refuses photographs.",
    outcome: "413, nothing more is read, close",
  },
  {
    key: "limits.headTimeout",
    form: form.DURATION,
    default: "10s",
    about: "From the first byte of a request's head to its last.",
    reason: "A head is a packet or two; the slowest phone sends it in seconds, slowloris does not.",
    outcome: "408, close",
  },
  {
    key: "limits.idleTimeout",
    form: form.DURATION,
    default: "75s",
    about: "A connection between two requests.",
    reason: "Longer than the 60 s of the balancers in front, which must be the first to close.",
    outcome: "close",
  },
  {
    key: "limits.bodyStall",
    form: form.DURATION,
    default: "30s",
    about: "Without a byte of a request's content that was announced.",
    reason: "Half of the 60 s that origins commonly wait, so that the client is blamed, not they.",
    outcome: "408, close",
  },
  {
    key: "limits.bodyRate",
    form: form.BYTE_RATE_OR_OFF,
    default: "240B/s",
    about: "Average rate of a request's content, after a grace of 5 s.",
    reason: "Kestrel's default: below the slowest modem, above a byte every few seconds.",
    outcome: "408, close",
  },
  {
    key: "limits.drain",
    form: form.SIZE,
    default: "256KB",
    about: "Content that nobody wants, read so that the connection can be used again.",
    reason: "Go's net/http does the same: reading this much costs less than a new connection.",
    outcome: "close",
  },
  {
    key: "limits.sendStall",
    form: form.DURATION,
    default: "60s",
    about: "A client that takes no byte of the response that is waiting for it.",
    reason: "nginx's send_timeout: a phone in a tunnel comes back, a dead peer does not.",
    outcome: "reset",
  },
  {
    key: "limits.requests",
    form: form.integer(1, 1_000_000_000),
    default: 10_000,
    about: "Requests on one connection.",
    reason: "Connections spread over new instances in time, at a cost that is not measurable.",
    outcome: "`Connection: close` on the last response",
  },
  {
    key: "limits.connections",
    form: form.integer(1, 1_000_000),
    default: 10_000,
    about: "Open client connections of one process.",
    reason:
      "At up to 5 KiB each while idle, 50 MB; and below the usual limit of open files, twice.",
    outcome: "new connections are closed at once",
  },
  {
    key: "limits.loopDelay",
    form: form.DURATION_OR_OFF,
    default: "500ms",
    about:
      "How late the event loop may be, smoothed, before requests for origins are refused: those of low priority at half of it, of high at twice.",
    reason: "Nobody is served well by then; a pause of the collector is shorter, or over at once.",
    outcome: "503 queue_full with Retry-After; stored responses and health checks go on",
  },
  {
    key: "limits.memory",
    form: form.SHARE_OR_OFF,
    default: "95%",
    about: "Share of the heap's limit, or of the machine's or container's memory, likewise.",
    reason: "Past it the next step is the end of the process, and of every request.",
    outcome: "503 queue_full with Retry-After; stored responses and health checks go on",
  },
];

const RUNNING: readonly ConfigKey[] = [
  {
    key: "log.level",
    form: form.oneOf("fatal", "error", "warn", "info", "debug", "trace", "silent"),
    default: "info",
    about: "What the gateway logs about itself.",
    reason: "Starts, stops and failures, nothing for each request.",
  },
  {
    key: "log.access",
    form: form.ACCESS_LOG,
    default: "stdout",
    about: "Where the line for each request goes: stdout, off, or the name of a file.",
    reason: "Containers are read from stdout.",
    outcome: "lines that a slow reader does not take are dropped and counted",
  },
  {
    key: "log.format",
    form: form.oneOf("json"),
    default: "json",
    about: "One JSON object a line.",
    reason: "Collectors take it as it is.",
  },
  {
    key: "tracing.otlp",
    form: form.ANY_URL,
    default: null,
    about: "OpenTelemetry collector.",
    reason: "None: spans need somewhere to go.",
  },
  {
    key: "tracing.sample",
    form: form.SHARE,
    default: "1%",
    about: "Share of requests that are traced.",
    reason: "Enough to see shapes, too little to feel.",
  },
  {
    key: "shutdown.grace",
    form: form.DURATION,
    default: "25s",
    about: "For exchanges to finish after SIGTERM.",
    reason: "Kubernetes kills after 30 s.",
    outcome: "what is still open is reset, exit 0",
  },
];

const PLACE: readonly ConfigKey[] = [
  {
    key: "zone",
    form: form.TEXT,
    default: null,
    about: "Where this gateway runs; targets of the same zone are preferred.",
    reason: "None: every target is near.",
  },
];

export const GATEWAY_KEYS: readonly ConfigKey[] = [
  ...PLACE,
  ...LISTENERS,
  ...CACHE,
  ...LIMITS,
  ...RUNNING,
];
