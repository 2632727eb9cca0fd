// Owns routing: each route of the config becomes a Hono route, and an exchange that was no plain
// hit passes through Hono once. Knows which route an exchange belongs to, not what happens to it
// there.

import { type Context, Hono } from "hono";
import { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/message.ts";
import { FetchExchange, respondWith } from "./fetch-exchange.ts";
import { createLazyRequest } from "./lazy-request.ts";
import type { Route } from "./route.ts";
import type { RouteMatch } from "./route-match.ts";

interface AppEnvironment {
  readonly Bindings: {
    readonly exchange: Exchange;
    /** A handler answers the exchange itself; the Response that it returned stands for that. */
    taken: boolean;
  };
}

export interface AppOptions {
  /** Most specific first. */
  readonly routes: readonly Route[];
  /** Answers an exchange of a route. */
  readonly serve: (exchange: Exchange, route: Route) => void;
  /** Path that the gateway answers itself; null for none. */
  readonly health: string | null;
  readonly answerHealth: (exchange: Exchange) => void;
  readonly date: () => string;
  /** A middleware threw. */
  readonly onError: (error: Error) => void;
}

export class App {
  readonly #hono: Hono<AppEnvironment>;
  readonly #options: AppOptions;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#hono = new Hono<AppEnvironment>({
      getPath: (_request, call) => routingPath(call?.env?.exchange),
    });
    this.#hono.notFound((context) => {
      const error = new GatewayError("no_route", "no route matches this request");
      return take(context, (exchange) => exchange.fail(error));
    });
    this.#hono.onError((cause, context) => {
      options.onError(cause);
      const error = new GatewayError("internal_error", "a middleware failed", { cause });
      return take(context, (exchange) => exchange.fail(error));
    });
    this.#addHealth();
    for (const route of options.routes) this.#addRoute(route);
  }

  /** Routes an exchange; whatever happens, it is answered or failed. */
  handle(exchange: Exchange): void {
    const bindings = { exchange, taken: false };
    const result = this.#hono.fetch(createLazyRequest(exchange), bindings);
    if (bindings.taken) return;
    Promise.resolve(result)
      .then((response) => (bindings.taken ? undefined : respondWith(exchange, response)))
      .catch((cause: unknown) => {
        const detail = "the response of a middleware failed";
        exchange.fail(new GatewayError("internal_error", detail, { cause }));
      });
  }

  #addHealth(): void {
    const { health, answerHealth } = this.#options;
    if (health === null) return;
    this.#hono.get(`/:host${encodeForRouting(health)}`, (context) => take(context, answerHealth));
  }

  #addRoute(route: Route): void {
    const { match, use } = route.config;
    const { serve, date } = this.#options;
    const methods = match.method ?? "ALL";
    const pattern = routingPattern(match);
    if (use.length === 0) {
      this.#hono.on(methods, pattern, (context) =>
        take(context, (exchange) => serve(exchange, route)),
      );
      return;
    }
    for (const middleware of use) this.#hono.on(methods, pattern, middleware);
    this.#hono.on(methods, pattern, (context) => {
      // Middleware may change the response, so it has to become one of the Fetch API first.
      const outer = context.env.exchange;
      const { request, body, bodyLength, client, id, outcome } = outer;
      const inner = new FetchExchange({ request, body, bodyLength, client, id, outcome, date });
      outer.onAbort = () => inner.clientLeft();
      serve(inner, route);
      return inner.response;
    });
  }
}

/** Stands for a response that is sent without the Fetch API. */
const TAKEN = new Response(null, { status: 204 });

function take(context: Context<AppEnvironment>, answer: (exchange: Exchange) => void): Response {
  context.env.taken = true;
  answer(context.env.exchange);
  return TAKEN;
}

/** What Hono matches: "/host/path", so that hosts are a part of its patterns. */
function routingPath(exchange: Exchange | undefined): string {
  if (exchange === undefined) return "/";
  const { authority, path } = exchange.request;
  const query = path.indexOf("?");
  const host = withoutPort(authority);
  const name = host === "" ? NO_HOST : encodeForRouting(host);
  return `/${name}${encodeForRouting(query < 0 ? path : path.slice(0, query))}`;
}

/** An HTTP/1.0 request without Host, or the asterisk form: matches routes that name no host. */
const NO_HOST = "-";

function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(":");
  return colon > authority.lastIndexOf("]") ? authority.slice(0, colon) : authority;
}

function routingPattern(match: RouteMatch): string {
  const segments = match.segments.map((segment) =>
    segment === "*" ? "*" : encodeForRouting(segment),
  );
  const path = [...segments, ...(match.rest ? ["*"] : [])].join("/");
  return `/${hostPattern(match)}/${path}`;
}

function hostPattern({ host }: RouteMatch): string {
  if (host === null) return ":host";
  if (host.kind === "exact") return encodeForRouting(host.name);
  return `:host{[^/]+${host.suffix.replaceAll(".", "\\.")}}`;
}

/**
 * A path as it is compared: escapes of unreserved characters are decoded, the others in upper case
 * (RFC 3986 section 6.2.2), so that `/%61dmin` cannot pass by a route for `/admin`; characters of
 * Hono's pattern syntax are escaped.
 */
function encodeForRouting(path: string): string {
  if (!NEEDS_ENCODING.test(path)) return path;
  return path.replace(/%[0-9A-Fa-f]{2}|[:*{}?]/g, (part) => {
    if (part.length === 1) return `%${part.charCodeAt(0).toString(16).toUpperCase()}`;
    const character = String.fromCharCode(Number.parseInt(part.slice(1), 16));
    return UNRESERVED.test(character) ? character : part.toUpperCase();
  });
}

const NEEDS_ENCODING = /[%:*{}?]/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
