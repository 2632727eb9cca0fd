// Owns routing: each route of the config becomes a Hono route. An exchange that was no plain hit is
// matched by Hono's router once; Hono itself runs where the route has middleware. Knows which route
// an exchange belongs to, not what happens to it there.

import { type Context, type Handler, Hono } from "hono";
import { GatewayError } from "../http/errors.ts";
import type { Exchange } from "../http/exchange.ts";
import type { RequestHead } from "../http/message.ts";
import { createRoutedRequest } from "./lazy-request.ts";
import { Passage } from "./middleware.ts";
import { ALLOWED_METHODS } from "./forwarding.ts";
import { respondWith } from "./respond-with.ts";
import type { Route } from "./route.ts";
import type { RouteMatch } from "./route-match.ts";

interface AppEnvironment {
  readonly Bindings: {
    readonly exchange: Exchange;
    /** A handler answers the exchange itself; the Response that it returned stands for that. */
    taken: boolean;
    /** The exchange's way through middleware; null where its route has none. */
    passage: Passage | null;
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

type Answer = (exchange: Exchange) => void;

export class App {
  readonly #hono: Hono<AppEnvironment>;
  readonly #options: AppOptions;
  /** What answers where there is no middleware, by the handler that Hono's router finds. */
  readonly #answers = new Map<unknown, Answer>();
  /** What the request before named, and what is matched for it: the next names the same mostly. */
  #authority = "";
  #host = NO_HOST;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#hono = new Hono<AppEnvironment>({
      getPath: (_request, call) =>
        call?.env === undefined ? "/" : this.#routingPath(call.env.exchange.request),
    });
    this.#hono.notFound((context) => {
      const error = new GatewayError("no_route", "no route matches this request");
      return take(context, (exchange) => exchange.fail(error));
    });
    this.#hono.onError((cause, context) => this.#failed(cause, context));
    this.#addHealth();
    for (const route of options.routes) this.#addRoute(route);
  }

  /** Routes an exchange; whatever happens, it is answered or failed. */
  handle(exchange: Exchange): void {
    if (REFUSED_METHODS.has(exchange.request.method)) {
      const options = { status: 405, fields: ["Allow", ALLOWED_METHODS] };
      exchange.fail(new GatewayError("invalid_request", "the method is not allowed", options));
      return;
    }
    const answer = this.#plainAnswer(exchange);
    if (answer !== undefined) {
      this.#run(answer, exchange);
      return;
    }
    const bindings: AppEnvironment["Bindings"] = { exchange, taken: false, passage: null };
    const result = this.#hono.fetch(createRoutedRequest(exchange), bindings);
    if (!bindings.taken) void this.#answer(bindings, result);
  }

  /** Where the request of an exchange would go, in the words of `serve`; runs no middleware. */
  static routeOf(
    exchange: Exchange,
    routes: readonly Route[],
    health: string | null,
  ): Route | null {
    let found: Route | null = null;
    const app = new App({
      routes: routes.map((route) => ({ ...route, config: { ...route.config, use: [] } })),
      serve: (_exchange, { config }) => {
        found = routes.find((route) => route.config.name === config.name) ?? null;
      },
      health,
      answerHealth: () => undefined,
      date: () => "",
      onError: () => undefined,
    });
    app.handle(exchange);
    return found;
  }

  /** Without middleware a Context of Hono would be made for nothing: undefined where it is not. */
  #plainAnswer(exchange: Exchange): Answer | undefined {
    const { method } = exchange.request;
    // As Hono has it: who answers GET answers HEAD.
    const matched = method === "HEAD" ? "GET" : method;
    const [handlers] = this.#hono.router.match(matched, this.#routingPath(exchange.request));
    const first = handlers[0];
    return first === undefined ? undefined : this.#answers.get(first[0][0]);
  }

  /** What Hono matches: "/host/path", so that hosts are a part of its patterns. */
  #routingPath({ authority, path }: RequestHead): string {
    if (authority !== this.#authority) {
      this.#host = hostForRouting(withoutPort(authority)) || NO_HOST;
      this.#authority = authority;
    }
    // The asterisk form is the path of no route but those that take everything.
    if (path === "*") return `/${this.#host}/%2A`;
    const query = path.indexOf("?");
    const whole = query < 0 ? path : path.slice(0, query);
    const one = whole.includes("//") ? whole.replace(SLASHES, "/") : whole;
    return `/${this.#host}${encodeForRouting(one)}`;
  }

  #run(answer: Answer, exchange: Exchange): void {
    try {
      answer(exchange);
    } catch (cause) {
      this.#blame(exchange, cause);
    }
  }

  #blame(exchange: Exchange, cause: unknown): void {
    if (cause instanceof GatewayError) {
      exchange.fail(cause);
      return;
    }
    this.#options.onError(cause instanceof Error ? cause : new Error(String(cause)));
    exchange.fail(new GatewayError("internal_error", "a middleware failed", { cause }));
  }

  /** Sends what middleware returns. */
  async #answer(
    bindings: AppEnvironment["Bindings"],
    result: Response | Promise<Response>,
  ): Promise<void> {
    const { exchange, passage } = bindings;
    try {
      const response = await result;
      if (bindings.taken) return;
      if (passage !== null) await passage.answer(response);
      else
        await respondWith(exchange, response, { framing: "unknown", date: this.#options.date() });
    } catch (cause) {
      // Hono rejects where a middleware neither answered nor called next.
      this.#blame(exchange, cause);
    } finally {
      passage?.leave();
    }
  }

  /** A middleware threw: a response of its own, as Hono's for authentication do, or an error. */
  #failed(cause: Error, context: Context<AppEnvironment>): Response {
    if ("getResponse" in cause && typeof cause.getResponse === "function") {
      const response: unknown = cause.getResponse();
      if (response instanceof Response) return response;
    }
    return take(context, (exchange) => this.#blame(exchange, cause));
  }

  #addHealth(): void {
    const { health, answerHealth } = this.#options;
    if (health === null) return;
    this.#addAnswer("GET", `/:host${encodeForRouting(health)}`, answerHealth);
  }

  #addAnswer(method: string, pattern: string, answer: Answer): void {
    const handler: Handler<AppEnvironment> = (context) => take(context, answer);
    this.#answers.set(handler, answer);
    this.#hono.on(method, pattern, handler);
  }

  #addRoute(route: Route): void {
    const { match, use } = route.config;
    const { serve, date } = this.#options;
    const methods = match.method ?? "ALL";
    const pattern = routingPattern(match);
    if (use.length === 0) {
      this.#addAnswer(methods, pattern, (exchange) => serve(exchange, route));
      return;
    }
    this.#hono.on(methods, pattern, (context, next) => {
      const { exchange } = context.env;
      exchange.outcome.endpoint = route.config.name;
      const passage = new Passage(exchange, date);
      context.env.passage = passage;
      return passage.enter(context, next);
    });
    for (const middleware of use) this.#hono.on(methods, pattern, middleware);
    this.#hono.on(methods, pattern, (context) => {
      const { passage } = context.env;
      if (passage === null) throw new Error("the route was not entered");
      return passage.forward(context, (exchange) => serve(exchange, route));
    });
  }
}

/**
 * Methods that are refused: a tunnel nobody configured, and an echo of credentials (RFC 9110
 * sections 9.3.6 and 9.3.8).
 */
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);

/** Stands for a response that is sent without the Fetch API. */
const TAKEN = new Response(null, { status: 204 });

function take(context: Context<AppEnvironment>, answer: (exchange: Exchange) => void): Response {
  context.env.taken = true;
  answer(context.env.exchange);
  return TAKEN;
}

/**
 * A run of slashes is compared as one, as nginx does it: many origin servers read `//admin` as
 * `/admin`, and it must not reach them by a route with other rules. It is forwarded as it came.
 */
const SLASHES = /\/{2,}/g;

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
  if (host.kind === "exact") return hostForRouting(host.name);
  return `:host{[^/]+${host.suffix.replaceAll(".", "\\.")}}`;
}

/**
 * A host as it is compared: `%41.test` is `a.test` (RFC 3986 section 6.2.2.1), and so is `a.test.`,
 * as in nginx, so that neither passes by the routes of its host. Both are forwarded as they came.
 */
function hostForRouting(host: string): string {
  const name = encodeForRouting(host).toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
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
