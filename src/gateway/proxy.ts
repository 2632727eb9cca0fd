// Owns the way of an exchange that was no plain hit: cache, collapsed forwarding, origin server,
// client (RFC 9110 section 7, RFC 9111 section 4). Composes the cache, the clusters and the wire,
// which do not know each other.

import type { Answer } from "../cache/answer.ts";
import { backgroundReader } from "../cache/background-reader.ts";
import type { Cache, LedFill } from "../cache/cache.ts";
import type { FillReader, FillTicket } from "../cache/collapse.ts";
import type { Forward } from "../cache/forward.ts";
import { isSafe } from "../cache/policy/invalidation.ts";
import type { CacheKey } from "../cache/key.ts";
import { Splicing } from "../cache/splice.ts";
import { isExhausted, NO_WAITS, waitedInVain } from "../cache/waits.ts";
import type { Clock } from "../clock.ts";
import type { Core } from "../core/core.ts";
import { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/exchange.ts";
import type { FieldLines, RequestHead, ResponseHead } from "../http/message.ts";
import { FALLBACKS_PAGE, FALLBACKS_UPSTREAM } from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { OriginCall, OriginHandler, OriginRequest } from "../upstream/attempt.ts";
import type { Try } from "../upstream/retry-rules.ts";
import { proxyStatus } from "../wire/error-response.ts";
import { hashKey } from "./affinity.ts";
import { asLookedUp, FORWARD_OUTCOMES, isRead, keyFor, mayBeStored } from "./cached-request.ts";
import { DirectFill, type DirectReader } from "./direct-fill.ts";
import { hearForReader } from "./exchange-reader.ts";
import { answerPage, type Destination, FallbackPlan } from "./fallback.ts";
import {
  ALLOWED_METHODS,
  announcedTrailers,
  forwardsLeft,
  type GatewayIdentity,
  isLoop,
  originFields,
  originTrailers,
  withForwardsLeft,
} from "./forwarding.ts";
import type { FallbackCause, HostPolicy } from "./gateway-config.ts";
import type { LoadShedder, Overload } from "./load-shedder.ts";
import { OriginHop } from "./origin-hop.ts";
import { type Content, readQuery } from "./query-content.ts";
import type { Route } from "./route.ts";
import { StickyClient } from "./sticky-cookie.ts";
import type { TrustNetwork } from "./trust-network.ts";

export interface ProxyOptions {
  readonly core: Core;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly trust: TrustNetwork;
  readonly shedder: LoadShedder;
  readonly identity: GatewayIdentity;
  /** Our member of Via in responses. */
  readonly via: string;
  /** Whether identical requests share one origin request. */
  readonly coalesce: boolean;
  /** Now, as an HTTP-date. */
  readonly date: () => string;
}

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
    if (isLoop(request, identity)) {
      exchange.fail(new GatewayError("loop_detected", "the request has been here before"));
    } else if (forwardsLeft(request) === 0) {
      answerOptions(exchange, this.#options.date());
    } else {
      const isQuery = request.method === "QUERY" && mayBeStored(request, route);
      const deliver = (content: Content | null): void => {
        new Delivery(exchange, route, this.#options, content).start();
      };
      if (isQuery) readQuery(exchange, deliver);
      else deliver(null);
    }
  }
}

/** What of a request is not always the client's: a validation in the background is a GET of ours. */
interface Forwarded {
  readonly method: string;
  readonly fields: FieldLines;
}

/** One exchange on its way to an answer; it reads the fill that brings it, its own or another's. */
class Delivery implements DirectReader {
  /** In the form that is looked up by, stored for and forwarded. */
  readonly request: RequestHead;
  readonly #exchange: Exchange;
  readonly #route: Route;
  readonly #options: ProxyOptions;
  /** Not null where it was read beforehand. */
  readonly #content: Content | null;
  /** null: nothing is cached for this request. */
  readonly #key: CacheKey | null;
  /** By which the client comes back to its target; null where it does not. */
  readonly #sticky: StickyClient | null;
  /** The origin request that this exchange leads. */
  #call: OriginCall | null = null;
  #waits = NO_WAITS;
  /** Where the request goes: its route's upstream, or one that stands in for it. */
  #destination: Destination;
  /** The fallbacks that are left, and why the one that was asked last was; null while all is well. */
  #plan: FallbackPlan | null = null;
  #fallenBackFor: GatewayError | null = null;

  constructor(exchange: Exchange, route: Route, options: ProxyOptions, content: Content | null) {
    this.#content = content;
    this.#exchange = exchange;
    this.#route = route;
    this.#destination = route;
    this.#options = options;
    const caches = mayBeStored(exchange.request, route);
    const trusted = route.caching.keys !== null && options.trust.has(exchange.client.address);
    const { sticky } = route.upstream;
    this.#sticky = sticky === null ? null : new StickyClient(sticky, exchange);
    const received = this.#sticky?.request ?? exchange.request;
    this.request = caches ? asLookedUp(received, route, trusted) : received;
    this.#key = caches ? keyFor(options.core, this.request, content?.bytes ?? null) : null;
    hearForReader(exchange);
  }

  start(): void {
    const { cache, clock } = this.#options;
    const { outcome } = this.#exchange;
    // What changes things at the origin server makes stored responses invalid, whatever the route.
    if (this.#route.caching.mode.kind === "off" && isSafe(this.request.method)) {
      const fill = new DirectFill(this);
      this.#exchange.reader = fill;
      this.#lead(this.request, fill);
      return;
    }
    const found = cache.lookup(this.request, this.#key, this.#route.caching, clock.nowMs());
    if (found.kind === "forward") {
      if (this.#key !== null) outcome.cache = FORWARD_OUTCOMES[found.reason];
      this.#exchange.reader = this.#join(found, this);
      return;
    }
    outcome.cache = found.outcome;
    this.onAnswer(found.answer);
    if (found.refresh !== null) this.#join(found.refresh, backgroundReader(found.refresh.request));
  }

  /** Waits for the origin request of another, or makes one. */
  #join(found: Forward, reader: FillReader): FillTicket {
    const { cache, coalesce } = this.#options;
    const forward: Forward = coalesce ? found : { ...found, sharing: "alone" };
    const { fill, plan, ticket, peer } = cache.join(forward, reader, this.#waits);
    if (fill === null || plan === null) {
      if (reader === this) this.#exchange.outcome.cache = "collapsed";
      return ticket;
    }
    const { clock } = this.#options;
    const origin = ({ fields, request, splice }: Forward): void => {
      const next = splice === null ? fill : new Splicing(splice, plan, fill, () => clock.nowMs());
      this.#lead({ method: request.method, fields }, fill, next);
    };
    const refresh = (stale: Forward): void => {
      this.#join(stale, backgroundReader(stale.request));
    };
    const lead = (): void => {
      if (!cache.recall(forward, { fill, plan }, { origin, refresh })) origin(forward);
    };
    if (peer === null) lead();
    else cache.askPeer(peer, forward, fill, lead);
    return ticket;
  }

  /** `request`: what is asked, its fields those that go on; `next`: what the response goes through. */
  #lead(request: Forwarded, fill: LedFill | DirectFill, next: OriginHandler = fill): void {
    const { cluster, upstreamRow } = this.#destination;
    const overload = this.#options.shedder.refuses(this.#route.config.priority);
    if (overload !== null) {
      // Later, as a call would: the ticket for the fill is not there yet.
      process.nextTick(refuse, fill, overload);
      return;
    }
    const hop = new OriginHop(next, upstreamRow, this.#options);
    const call = cluster.forward(this.#originRequest(request), hop);
    fill.attach(call);
    this.#call = call;
    this.#nameTarget();
  }

  #originRequest({ method, fields: received }: Forwarded): OriginRequest {
    const { request, expectsContinue, client, id } = this.#exchange;
    const { body, bodyLength } = this.#content?.open() ?? this.#exchange;
    const { trust, identity } = this.#options;
    const trusted = trust.has(client.address);
    const isShared = this.#key !== null && isRead(method);
    const keyed = isShared ? (this.#route.caching.keys?.keyed ?? NOTHING) : null;
    const forwarder = { client, trusted, requestId: id, keyed };
    const left = forwardsLeft(request);
    const counted = left === null ? received : withForwardsLeft(received, left - 1);
    const fields = originFields(request, forwarder, identity, counted);
    const host = originHost(this.#destination.upstream.host, request.authority);
    if (host !== null) fields.unshift("Host", host);
    const isChunked = body !== null && bodyLength < 0;
    const announced = isChunked ? announcedTrailers(request.fields) : null;
    if (announced !== null) fields.push("Trailer", announced);
    return {
      method,
      path: this.request.path,
      fields,
      body,
      bodyLength,
      trailers: isChunked ? () => originTrailers(this.#exchange.bodyTrailers) : null,
      key: hashKey(this.#destination.upstream.hash, this.request, client),
      sticky: this.#sticky?.token ?? "",
      idempotent: IDEMPOTENT.has(method),
      priority: this.#route.config.priority,
      expectsContinue,
    };
  }

  // ── FillReader ─────────────────────────────────────────────────────────────────────────────────

  onAnswer(answer: Answer): void {
    if (answer.recalled !== undefined) this.#exchange.outcome.cache = answer.recalled;
    this.#exchange.respond(this.#withOurs(answer.head), answer.length);
    for (const piece of answer.content) this.#exchange.write(piece);
    this.#exchange.end();
  }

  onInterim(head: ResponseHead): void {
    this.#exchange.inform(head);
  }

  onHead(head: ResponseHead, length: number): void {
    this.#nameTarget();
    if (head.status >= 500 && this.#standsInFor(head.status)) return;
    if (this.#fallenBackFor !== null) this.#noteFallback(FALLBACKS_UPSTREAM);
    const placed = this.#fallenBackFor === null ? (this.#call?.stickyToken ?? "") : "";
    const told = this.#sticky?.told(head, placed, this.#options.trust) ?? head;
    this.#exchange.respond(this.#withOurs(told), length);
  }

  onData(chunk: Uint8Array, headroom = 0): boolean {
    return this.#exchange.write(chunk, headroom);
  }

  get flushed(): boolean {
    return this.#exchange.flushed;
  }

  onEnd(trailers: FieldLines): void {
    this.#exchange.end(trailers);
  }

  onError(error: GatewayError): void {
    this.#nameTarget();
    if (!this.#exchange.responded && this.#fallBack(error.code, error)) return;
    this.#exchange.fail(error);
  }

  // ── fallbacks ──────────────────────────────────────────────────────────────────────────────────

  /** An origin server's answer is replaced, where a fallback is for its status. */
  #standsInFor(status: number): boolean {
    const before = this.#exchange.reader;
    const detail = `the origin server answered ${status}`;
    if (!this.#fallBack(status, new GatewayError("no_healthy_target", detail))) return false;
    before?.leave();
    return true;
  }

  /** Lets the next fallback for this cause answer; false where none is left. */
  #fallBack(cause: FallbackCause, error: GatewayError): boolean {
    if (this.#route.fallbacks.length === 0 || this.#exchange.ended) return false;
    this.#plan ??= new FallbackPlan(this.#route.fallbacks);
    for (;;) {
      const fallback = this.#plan.next(cause);
      if (fallback === null) return false;
      if (fallback.kind === "upstream") {
        if (!this.#maySendAgain(error)) continue;
        this.#fallenBackFor = error;
        this.#destination = fallback.destination;
        const fill = new DirectFill(this);
        this.#exchange.reader = fill;
        this.#lead(this.request, fill);
      } else {
        this.#fallenBackFor = error;
        this.#noteFallback(FALLBACKS_PAGE);
        answerPage(this.#exchange, fallback, error, this.#options.date());
      }
      return true;
    }
  }

  /** To another origin server, which knows nothing of what the first one did. */
  #maySendAgain(error: GatewayError): boolean {
    const { body, request } = this.#exchange;
    const isHeld = this.#content !== null && this.#content.bytes !== null;
    if (body !== null && !isHeld)
      return error.beforeSend && !body.destroyed && !body.readableDidRead;
    return error.beforeSend || IDEMPOTENT.has(request.method);
  }

  #noteFallback(cell: typeof FALLBACKS_UPSTREAM | typeof FALLBACKS_PAGE): void {
    const error = this.#fallenBackFor;
    if (error === null) return;
    const { outcome } = this.#exchange;
    this.#options.metrics.add(cell, 1);
    const isPage = cell === FALLBACKS_PAGE;
    outcome.fallback = `${isPage ? "page" : this.#destination.upstream.name}: ${error.code}`;
    // What a page stands for has failed; what another upstream answers has not.
    if (isPage) Object.assign(outcome, { reason: error.code, detail: error.detail });
  }

  // ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The response under way is not for this request, or its call failed: it goes its own way. */
  onRelease(error: GatewayError | null): void {
    this.#waits = waitedInVain(this.#waits, error);
    if (error !== null && isExhausted(this.#waits)) this.onError(error);
    else if (!this.#exchange.ended) this.start();
  }

  /** Another target may have been asked since. */
  #nameTarget(): void {
    if (this.#call === null) return;
    const { outcome } = this.#exchange;
    outcome.target = this.#call.target;
    if (this.#call.history.length > 0) outcome.retried = triesOf(this.#call.history);
  }

  #withOurs(head: ResponseHead): ResponseHead {
    const fields = [...head.fields, "X-Request-Id", this.#exchange.id];
    const history = this.#call?.history ?? NO_TRIES;
    if (history.length > 0) fields.push("Proxy-Status", triedBefore(history));
    if (this.#fallenBackFor !== null) {
      const { name } = this.#destination.upstream;
      fields.push("Proxy-Status", proxyStatus(this.#fallenBackFor, `fallback to ${name}`));
    }
    if (this.#route.config.timing) {
      const elapsedMs = this.#options.clock.monotonicMs() - this.#exchange.startedMs;
      fields.push("Server-Timing", `edgelane;dur=${elapsedMs.toFixed(1)}`);
    }
    return { status: head.status, reason: head.reason, fields };
  }
}

/** This thread has too much to do; a stored response may stand in. */
function refuse(fill: LedFill | DirectFill, overload: Overload): void {
  const fields = ["Retry-After", "1"];
  const detail = `the gateway has too much to do (${overload})`;
  fill.onError(new GatewayError("queue_full", detail, { beforeSend: true, fields }));
}

/** The request may go no further: the gateway is its final recipient (RFC 9110 section 7.6.2). */
function answerOptions(exchange: Exchange, date: string): void {
  const fields = ["Date", date, "Allow", ALLOWED_METHODS, "X-Request-Id", exchange.id];
  exchange.respond({ status: 204, reason: "", fields }, 0);
  exchange.end();
}

const NOTHING: ReadonlySet<string> = new Set();
const NO_TRIES: readonly Try[] = [];

/** For the log, which may name targets. */
function triesOf(history: readonly Try[]): string {
  return history.map(({ target, outcome }) => `${target} ${outcome}`).join(", ");
}

/** For the client: what came of the tries before this answer (RFC 9209 section 2.1.5). */
function triedBefore(history: readonly Try[]): string {
  const outcomes = history.map(({ outcome }) => outcome).join(", ");
  return `edgelane; details="try ${history.length + 1}, after ${outcomes}"`;
}

/** The Host that the origin server sees; null: its own, which the upstream puts in. */
function originHost(policy: HostPolicy, authority: string): string | null {
  if (policy.kind === "fixed") return policy.authority;
  if (policy.kind === "target" || authority === "") return null;
  return authority;
}
