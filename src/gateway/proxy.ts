// Owns the way of an exchange that was no plain hit: cache, collapsed forwarding, origin server, client (RFC 9110
// section 7, RFC 9111 section 4). Composes the cache, the clusters and the wire, which do not know each other.

import type { Cache, FillReader, FillTicket, Forward, Found } from "../cache/cache.ts";
import { type CacheKey, keyOfTarget } from "../cache/key.ts";
import type { Clock } from "../clock.ts";
import type { Core } from "../core/core.ts";
import { GatewayError } from "../http/errors.ts";
import type { ClientAddress, Exchange, FieldLines, ResponseHead } from "../http/message.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Forwarder, type GatewayIdentity, isLoop, originFields } from "./forwarding.ts";
import { ObservedOrigin } from "./observed-origin.ts";
import type { Route } from "./route.ts";
import type { TrustNetwork } from "./trust-network.ts";

export interface ProxyOptions {
  readonly core: Core;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly trust: TrustNetwork;
  readonly identity: GatewayIdentity;
}

/** Methods that are refused: a tunnel nobody configured, and an echo of credentials (RFC 9110 sections 9.3.6, 9.3.8). */
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);
const ALLOWED = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/** RFC 9110 section 9.2.2, and QUERY, which is safe. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "PUT",
  "DELETE",
  "OPTIONS",
  "QUERY",
]);

export class Proxy {
  readonly #options: ProxyOptions;

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Answers an exchange of a route, or fails it. */
  serve(exchange: Exchange, route: Route): void {
    const { identity } = this.#options;
    const { request } = exchange;
    exchange.outcome.endpoint = route.config.name;
    if (REFUSED_METHODS.has(request.method)) {
      const detail = `${request.method} is not allowed`;
      const options = { status: 405, fields: ["Allow", ALLOWED] };
      exchange.fail(new GatewayError("invalid_request", detail, options));
    } else if (isLoop(request, identity)) {
      exchange.fail(new GatewayError("loop_detected", "the request has been here before"));
    } else {
      new Delivery(exchange, route, this.#options).start();
    }
  }
}

/** One exchange on its way to an answer; it reads the fill that brings it, its own or another's. */
class Delivery implements FillReader {
  readonly request: Exchange["request"];
  readonly #exchange: Exchange;
  readonly #route: Route;
  readonly #options: ProxyOptions;
  readonly #key: CacheKey | undefined;
  #ticket: FillTicket | null = null;
  #attempt = 0;

  constructor(exchange: Exchange, route: Route, options: ProxyOptions) {
    this.request = exchange.request;
    this.#exchange = exchange;
    this.#route = route;
    this.#options = options;
    const { scheme, authority, path } = exchange.request;
    this.#key =
      route.config.cache.kind === "off"
        ? undefined
        : keyOfTarget(options.core, scheme, authority, path);
    exchange.onDrain = () => this.#ticket?.resume();
    exchange.onAbort = () => this.#ticket?.leave();
  }

  start(): void {
    const { cache, clock } = this.#options;
    this.#attempt++;
    const found: Found =
      this.#key === undefined
        ? cache.bypass(this.request)
        : cache.lookup(this.request, this.#key, this.#route.caching, clock.nowMs());
    this.#exchange.outcome.cache = this.#key === undefined ? "" : found.outcome;
    if (found.kind === "forward") {
      this.#ticket = this.#join(found, this, this.#attempt);
      return;
    }
    this.onAnswer(found.answer);
    if (found.refresh !== null) this.#join(found.refresh, new Refresh(this.request), 1);
  }

  /** Waits for the origin request of another, or makes one. */
  #join(forward: Forward, reader: FillReader, attempt: number): FillTicket {
    const joined = this.#options.cache.join(forward, reader, attempt);
    if (joined.fill !== null) this.#lead(forward, joined.fill);
    else if (reader === this) this.#exchange.outcome.cache = "collapsed";
    return joined.ticket;
  }

  #lead(forward: Forward, fill: Fill): void {
    const { metrics, clock } = this.#options;
    const { cluster, upstreamRow } = this.#route;
    const origin = new ObservedOrigin(fill, { metrics, clock, row: upstreamRow });
    const call = cluster.forward(this.#originRequest(forward), origin);
    origin.call = call;
    fill.attach(call);
    this.#exchange.outcome.target = call.target;
  }
}
