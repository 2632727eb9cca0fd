// Owns what answers when an upstream does not: another upstream, or a static page, chosen by the
// reason. A stored response that may be served stale comes before these (src/cache). Nothing here
// runs for a request that is answered.

import { readFileSync } from "node:fs";
import type { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { proxyStatus } from "../wire/error-response.ts";
import { pageType } from "./config-fallback.ts";
import type { FallbackCause, FallbackConfig, UpstreamConfig } from "./gateway-config.ts";

/** Where requests can be sent. */
export interface Destination {
  readonly upstream: UpstreamConfig;
  readonly cluster: Cluster;
  /** Row of the upstream in the metrics. */
  readonly upstreamRow: number;
  /** What answers when it does not. */
  readonly fallbacks: readonly Fallback[];
}

export type Fallback = UpstreamFallback | PageFallback;

export interface UpstreamFallback {
  readonly kind: "upstream";
  readonly on: ReadonlySet<FallbackCause>;
  readonly destination: Destination;
}

export interface PageFallback {
  readonly kind: "page";
  readonly on: ReadonlySet<FallbackCause>;
  readonly status: number;
  readonly type: string;
  readonly content: Buffer;
}

/** The fallbacks of one exchange that are left, in their order. */
export class FallbackPlan {
  #left: readonly Fallback[];

  constructor(fallbacks: readonly Fallback[]) {
    this.#left = fallbacks;
  }

  /** Whether anything is left for this cause. */
  covers(cause: FallbackCause): boolean {
    return this.#left.some(({ on }) => on.has(cause));
  }

  /** The next one for this cause; those before it are passed over for good. */
  next(cause: FallbackCause): Fallback | null {
    const index = this.#left.findIndex(({ on }) => on.has(cause));
    if (index < 0) return null;
    const found = this.#left[index] ?? null;
    const rest = this.#left.slice(index + 1);
    this.#left = found?.kind === "upstream" ? [...found.destination.fallbacks, ...rest] : rest;
    return found;
  }
}

/** What a fallback needs at run time; `destinationOf` may be asked before that one is complete. */
export function buildFallback(
  config: FallbackConfig,
  destinationOf: (upstream: string) => Destination,
): Fallback {
  const on = new Set(config.on);
  if (config.kind === "upstream") {
    return { kind: "upstream", on, destination: destinationOf(config.to) };
  }
  const { file, status } = config;
  const type = pageType(file) ?? "application/octet-stream";
  return { kind: "page", on, status, type, content: readFileSync(file) };
}

/** Answers with the page; `cause` is told in Proxy-Status, and so is what it was. */
export function answerPage(
  exchange: Exchange,
  { status, type, content }: PageFallback,
  cause: GatewayError,
  date: string,
): void {
  const fields = [
    "Date",
    date,
    "Content-Type",
    type,
    "Cache-Control",
    "no-store",
    "X-Content-Type-Options",
    "nosniff",
    "Proxy-Status",
    proxyStatus(cause, "fallback to page"),
    "X-Request-Id",
    exchange.id,
    ...cause.fields,
  ];
  exchange.respond({ status, reason: "", fields }, content.length);
  exchange.write(content);
  exchange.end();
}
