// Owns the config as users write it, for `defineConfig` and `createGateway`: every key is optional
// unless it must be there, and values carry their units. The table in config-keys.ts says what each
// means, its default and the reason.

import type { MiddlewareHandler } from "hono";
import type { BalancePolicy, LogLevel } from "./gateway-config.ts";

/** "500ms", "5s", "10m", "1h" or "1d". */
export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}` | Variable;
/** "64KB", "512MB" or "1GiB". */
export type Size =
  | `${number}${"B" | "KB" | "MB" | "GB" | "TB" | "KiB" | "MiB" | "GiB" | "TiB"}`
  | Variable;
/** "20%". */
export type Share = `${number}%` | Variable;
/** "p50" to "p99.9". */
export type Percentile = `p${number}` | Variable;
/** "$NAME" is replaced from the environment and must be set; "$NAME?" may be unset. */
export type Variable = `$${string}`;

export interface EdgelaneConfig {
  listen?: readonly (string | { address: string; http3?: boolean })[];
  tls?: { certificates: readonly { cert: string; key: string }[] };
  admin?: "off" | { listen?: string; token?: string };
  workers?: number | "auto" | Variable;
  trust?: readonly string[];
  health?: string;
  /** Where this gateway runs: targets of the same zone are preferred. */
  zone?: string;
  upstreams: Readonly<Record<string, string | EdgelaneUpstream>>;
  dns?:
    | "off"
    | {
        servers?: readonly string[];
        family?: "auto" | "4" | "6";
        timeout?: Duration;
        minTtl?: Duration;
        maxTtl?: Duration;
        retry?: Duration;
      };
  cache?: {
    memory?: Size | "off";
    objectMax?: Size;
    coalesce?: boolean;
    variants?: number;
    heuristic?: Share | "off";
    heuristicMax?: Duration;
    targets?: readonly string[];
    redis?: string | EdgelaneRedis;
    prefetch?: "off" | { budget?: Share };
  };
  /** Left out: everything goes to the one upstream. */
  routes?: readonly EdgelaneRoute[];
  limits?: EdgelaneLimits;
  log?: { level?: LogLevel; access?: string; format?: "json" };
  tracing?: { otlp?: string; sample?: Share };
  shutdown?: { grace?: Duration };
}

export interface EdgelaneRedis {
  url: string;
  password?: string;
  ca?: string;
  prefix?: string;
  hedge?: Duration;
  timeout?: Duration;
  queue?: Size;
}

export interface EdgelaneUpstream {
  targets: readonly (string | EdgelaneTarget)[];
  balance?: BalancePolicy;
  adaptive?: { errors?: Share; p99?: Duration };
  /** "ip", "path", "header:NAME", "cookie:NAME" or "query:NAME". */
  hash?: { by?: string };
  protocol?: "h1" | "h2";
  /** "preserve", "target" or a host name. */
  host?: string;
  pool?: {
    connections?: number;
    queue?: number;
    queueTimeout?: Duration;
    keepAlive?: Duration;
    maxAge?: Duration | "off";
    maxRequests?: number | "off";
  };
  tls?: {
    ca?: string;
    cert?: string;
    key?: string;
    serverName?: string;
    verify?: "on" | "off";
    minVersion?: "TLSv1.2" | "TLSv1.3";
  };
  timeout?: {
    connect?: Duration;
    headers?: Duration;
    idle?: Duration;
    total?: Duration | "off";
  };
  retry?: {
    attempts?: number;
    when?: readonly ("connect" | "reset" | "timeout" | "refused-stream" | number)[];
    backoff?: Duration;
    maxWait?: Duration;
    buffer?: Size | "off";
    budget?: Share;
  };
  concurrency?: "off" | "adaptive" | { min?: number; max?: number };
  fallback?: readonly EdgelaneFallback[];
  hedge?: "off" | Percentile | { at?: Percentile; min?: Duration };
  health?: {
    path?: string;
    every?: Duration;
    timeout?: Duration;
    status?: readonly number[];
    rise?: number;
    fall?: number;
    eject?: {
      after?: number;
      errors?: Share;
      over?: number;
      for?: Duration;
      forMax?: Duration;
      max?: Share;
    };
  };
  breaker?: "off" | { errors?: Share; over?: number; open?: Duration; latency?: Duration | "off" };
  slowStart?: Duration | "off";
  panic?: Share;
  sticky?: {
    secrets: readonly string[];
    cookie?: string;
    maxAge?: Duration | "off";
    path?: string;
    secure?: "auto" | "on" | "off";
    sameSite?: "lax" | "strict" | "none";
    httpOnly?: boolean;
  };
}

/** One of `to` and `page`. */
export interface EdgelaneFallback {
  to?: string;
  page?: string;
  status?: number;
  /** Reason codes and statuses. */
  on?: readonly (string | number)[];
}

export interface EdgelaneTarget {
  url: string;
  weight?: number;
  backup?: boolean;
  priority?: number;
  zone?: string;
}

export interface EdgelaneRoute {
  /** `[METHOD ][host]/path`. */
  match: string;
  name?: string;
  to: string;
  cache?: "auto" | "off" | EdgelaneRouteCache;
  /** Instead of its upstream's. */
  fallback?: readonly EdgelaneFallback[];
  priority?: "low" | "normal" | "high";
  timing?: boolean;
  use?: readonly MiddlewareHandler[];
  compress?: boolean;
  limit?: { rate: string; burst?: number; by?: string };
  auth?: { jwt?: { jwks: string; audience?: string } };
  validate?: { openapi?: string; schema?: string };
}

export interface EdgelaneRouteCache {
  ttl?: Duration;
  /** By status code or class: `{ "404": "1m", "5xx": "0s" }`. */
  status?: Readonly<Record<string, Duration>>;
  stale?: Duration;
  maxTtl?: Duration;
  objectMax?: Size;
  key?: {
    query?:
      | "all"
      | "none"
      | { allow?: readonly string[]; deny?: readonly string[]; sort?: boolean };
    headers?: readonly string[];
    cookies?: readonly string[];
  };
  bypass?: { cookies?: readonly string[]; headers?: readonly string[] };
  tags?: readonly string[];
}

export interface EdgelaneLimits {
  body?: Size | "off";
  headTimeout?: Duration;
  idleTimeout?: Duration;
  bodyStall?: Duration;
  bodyRate?: string;
  drain?: Size;
  sendStall?: Duration;
  requests?: number;
  connections?: number;
  loopDelay?: Duration | "off";
  memory?: Share | "off";
}

/** Gives a config in a .ts or .js file its types; returns it as it is. */
export function defineConfig(config: EdgelaneConfig): EdgelaneConfig {
  return config;
}
