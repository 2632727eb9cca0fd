// Owns the shape of a validated config: every unit resolved to a number, every default filled in,
// routes sorted. It is what a Generation is built from. Knows nothing of files, YAML or the text
// that users write (edgelane-config.ts).

import type { MiddlewareHandler } from "hono";
import type { KeyRules } from "../cache/key-plan.ts";
import type { AdaptiveRules } from "../upstream/adaptive.ts";
import type { BreakerRules } from "../upstream/breaker.ts";
import type { ReasonCode } from "../http/errors.ts";
import type { LimitRules, Priority } from "../upstream/concurrency-limit.ts";
import type { HedgeRules } from "../upstream/hedge.ts";
import type { RetryReason } from "../upstream/retry-rules.ts";
import type { EjectRules } from "../upstream/target-state.ts";
import type { HashBy } from "./affinity.ts";
import type { RedisAddress } from "./redis-address.ts";
import type { RouteMatch } from "./route-match.ts";

/** Where a listener binds. `host` null means every address of the machine. */
export interface ListenAddress {
  readonly host: string | null;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface AdminConfig {
  readonly address: ListenAddress;
  /** Bearer token; null only where the listener is on loopback. */
  readonly token: string | null;
}

export interface TargetConfig {
  /** Scheme, host and port, "http://10.0.0.11:3000", or "unix:/run/app.sock". */
  readonly origin: string;
  readonly weight: number;
  /** 0 is asked first, the next where too few of those before are healthy. */
  readonly priority: number;
  /** In the zone of this gateway, or one of the two has none. */
  readonly isLocal: boolean;
}

export type BalancePolicy = "round-robin" | "least-conn" | "p2c-ewma" | "hash" | "adaptive";

export interface ProbeConfig {
  readonly path: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Good statuses; none given means 200 to 299. */
  readonly statuses: readonly number[];
}

/** What Host the origin sees: the client's, the target's own, or a fixed one. */
export type HostPolicy =
  | { readonly kind: "preserve" }
  | { readonly kind: "target" }
  | { readonly kind: "fixed"; readonly authority: string };

/** TLS towards targets; files by absolute path, null for none. */
export interface UpstreamTls {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** null: the target's host name. */
  readonly serverName: string | null;
  readonly verify: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

/** A reason code, or a status with which the origin itself answers. */
export type FallbackCause = ReasonCode | number;

export type FallbackConfig = { readonly on: readonly FallbackCause[] } & (
  | { readonly kind: "upstream"; readonly to: string }
  | { readonly kind: "page"; readonly file: string; readonly status: number }
);

export interface UpstreamConfig {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  readonly balance: BalancePolicy;
  /** When `adaptive` chooses by cost. */
  readonly adaptive: AdaptiveRules;
  /** What `hash` goes by; null with any other policy. */
  readonly hash: HashBy | null;
  readonly host: HostPolicy;
  readonly pool: {
    /** Per target. */
    readonly connectionsMax: number;
    /** Requests that may wait for a connection, per target. */
    readonly queueMax: number;
    readonly queueTimeoutMs: number;
    readonly keepAliveMs: number;
    /** Age at which an unused connection is replaced; 0 is never. */
    readonly ageMaxMs: number;
    /** Requests after which a connection is replaced; 0 is never. */
    readonly requestsMax: number;
  };
  readonly tls: UpstreamTls;
  readonly protocol: "h1" | "h2";
  readonly timeout: {
    readonly connectMs: number;
    readonly headersMs: number;
    /** Between two pieces of the response's content. */
    readonly idleMs: number;
    /** Of the whole exchange with the origin; 0 is no limit. */
    readonly totalMs: number;
  };
  readonly retry: {
    /** Tries in all, the first one included: 1 never retries. */
    readonly attemptsMax: number;
    readonly when: readonly RetryReason[];
    readonly backoffMs: number;
    /** Longest wait for a retry, Retry-After included. */
    readonly waitMsMax: number;
    /** Content that is kept to be sent again; 0 is none. */
    readonly bufferBytesMax: number;
    /** Share of requests that may be retries, 0 to 1. */
    readonly budgetRatio: number;
  };
  /** How many requests at a time are learnt between; null: they are not learnt. */
  readonly concurrency: LimitRules | null;
  /** What answers when it does not, in their order. */
  readonly fallback: readonly FallbackConfig[];
  /** null: no second try beside a slow one. */
  readonly hedge: HedgeRules | null;
  /** null: no active checks. */
  readonly probe: ProbeConfig | null;
  /** Probes in a row. */
  readonly rise: number;
  readonly fall: number;
  readonly eject: EjectRules;
  readonly breaker: BreakerRules;
  readonly slowStartMs: number;
  /** Share of healthy weight below which health is no longer believed. */
  readonly panicShare: number;
  /** null: a client does not come back to its target. */
  readonly sticky: StickyConfig | null;
}

/** The cookie by which a client comes back. */
export interface StickyConfig {
  readonly name: string;
  /** The first signs, all verify. */
  readonly secrets: readonly string[];
  /** null: until the browser is closed. */
  readonly maxAgeSeconds: number | null;
  readonly path: string;
  readonly secure: "auto" | "on" | "off";
  readonly sameSite: "lax" | "strict" | "none";
  readonly httpOnly: boolean;
}

/** How names of targets are resolved. */
export interface DnsConfig {
  /** "address" or "address:port"; none: the system's. */
  readonly servers: readonly string[];
  readonly family: "auto" | "4" | "6";
  readonly timeoutMs: number;
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  readonly retryMs: number;
}

export interface CacheConfig {
  /** Bytes of L1; 0 is no cache. */
  readonly memoryBytesMax: number;
  /** Content length of the largest response that is stored. */
  readonly objectBytesMax: number;
  readonly coalesce: boolean;
  /** Stored responses of one URI, for different values of what selects them. */
  readonly variantsMax: number;
  /** Share of the time since Last-Modified, where nothing states a lifetime; 0 is never. */
  readonly heuristicRatio: number;
  readonly heuristicSecondsMax: number;
  /** Lower-case names of targeted fields, first the one that counts first (RFC 9213). */
  readonly targetedFields: readonly string[];
  /** null: memory is the only tier. */
  readonly redis: RedisConfig | null;
}

/** L2. */
export interface RedisConfig extends RedisAddress {
  /** PEM file of the authorities for TLS; null for the system's. */
  readonly authorityFile: string | null;
  readonly prefix: string;
  readonly hedgeMs: number;
  readonly timeoutMs: number;
  readonly queueBytesMax: number;
}

/** What makes a request go around the cache: to the origin server, and its response not stored. */
export interface BypassRules {
  readonly cookies: readonly string[];
  /** Names in lower case. */
  readonly headers: readonly string[];
}

/**
 * What a route does with the cache: nothing, what the origin says (RFC 9111), or what the config
 * says.
 */
export type RouteCache = { readonly kind: "off" } | { readonly kind: "auto" } | RouteCacheRules;

export interface RouteCacheRules {
  readonly kind: "rules";
  /** null: what the origin says. */
  readonly ttlSeconds: number | null;
  /** By status code; 0: not stored. */
  readonly statusSeconds: ReadonlyMap<number, number>;
  /** How long a stale response may still be used after its lifetime; null: what the origin says. */
  readonly staleSeconds: number | null;
  /** What the origin says counts up to here; null: however long. */
  readonly ttlSecondsMax: number | null;
  /** Content of the largest response that is stored; null: what the cache stores. */
  readonly objectBytesMax: number | null;
  readonly key: Omit<KeyRules, "forwarding">;
  readonly bypass: BypassRules | null;
  /** What its stored responses can be purged by, besides their own tags. */
  readonly tags: readonly string[];
}

export interface RouteConfig {
  readonly match: RouteMatch;
  /** The `endpoint` label; unique. */
  readonly name: string;
  /** Name of an upstream that exists. */
  readonly to: string;
  readonly cache: RouteCache;
  /** null: those of its upstream. */
  readonly fallback: readonly FallbackConfig[] | null;
  readonly priority: Priority;
  /** Responses carry Server-Timing. */
  readonly timing: boolean;
  /** Hono middleware, run before the request is forwarded. */
  readonly use: readonly MiddlewareHandler[];
}

export interface LimitsConfig {
  /** Content of a request; Infinity is no limit. Past it: 413. */
  readonly bodyBytesMax: number;
  /** From the first byte of a head to its last. Past it: 408 and close. */
  readonly headTimeoutMs: number;
  /** Between two requests on a connection. Past it: close. */
  readonly idleTimeoutMs: number;
  /** Without one byte of the request's content. Past it: 408 and close. */
  readonly bodyStallMs: number;
  /**
   * Average rate of a request's content after a grace of bodyRateGraceMs; 0 is no limit. Below it:
   * 408 and close.
   */
  readonly bodyBytesPerSecondMin: number;
  readonly bodyRateGraceMs: number;
  /** Content that nobody wants, read so that the connection can be kept. Past it: close. */
  readonly drainBytesMax: number;
  /** A client that takes nothing of its response. Past it: reset. */
  readonly sendStallMs: number;
  /** Past it: `Connection: close` on the last response. */
  readonly requestsPerConnectionMax: number;
  /** Open client connections of one process. Past it: new ones are closed at once. */
  readonly connectionsMax: number;
}

/** When requests that need an origin are refused; 0 is never. */
export interface ShedConfig {
  /** Lateness of the event loop. */
  readonly delayMsMax: number;
  /** Share of the memory that may be used. */
  readonly memoryShareMax: number;
  /** What this process may use. */
  readonly memoryBytes: number;
}

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

export interface LogConfig {
  readonly level: LogLevel;
  /** Where the access log goes. */
  readonly access:
    | { readonly kind: "off" }
    | { readonly kind: "stdout" }
    | { readonly kind: "file"; readonly path: string };
}

export interface GatewayConfig {
  /** The file it came from, as the user named it; null where there was none. */
  readonly file: string | null;
  readonly listen: readonly ListenAddress[];
  /** null: no admin listener. */
  readonly admin: AdminConfig | null;
  /** Threads that serve; `auto` is one for each core. */
  readonly workers: number | "auto";
  /** Networks (CIDR) whose Forwarded and X-Forwarded-* fields are believed. */
  readonly trust: readonly string[];
  /** Path that the gateway answers itself; null for none. */
  readonly health: string | null;
  /** Where this gateway runs; null where that is not said. */
  readonly zone: string | null;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  /** null: the system resolves names, with each connection. */
  readonly dns: DnsConfig | null;
  readonly cache: CacheConfig;
  /** Most specific first: the first that matches is the one. */
  readonly routes: readonly RouteConfig[];
  readonly limits: LimitsConfig;
  readonly shed: ShedConfig;
  readonly log: LogConfig;
  /** How long exchanges may take to finish after SIGTERM. */
  readonly shutdownGraceMs: number;
  /** One sentence for each key that was accepted without effect, or that probably is a mistake. */
  readonly warnings: readonly string[];
}
