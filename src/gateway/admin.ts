// Owns the admin listener: its routes, their answers and its limits, on node:http with Hono. Not a
// hot path. Knows the gateway only as the functions that it is given.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { Context } from "hono";
import type { Purge, PurgeCount } from "../cache/purge.ts";
import { addTarget, changeTarget, listTargets, type TargetAdmin } from "./admin-targets.ts";
import { refuse } from "./admin-access.ts";
import type { AdminRequest, Exposure } from "./admin-access.ts";
import { redactConfig } from "./config-redaction.ts";
import type { ListenAddress } from "./gateway-config.ts";
import { type ExplainQuestion, readExplained, readResponse } from "./explain-request.ts";
import { readPurge } from "./purge-request.ts";
import type { ReloadOutcome } from "./reloader.ts";

/** Content of a request, in bytes; a purge is a URL. Past it: 413. */
const BODY_BYTES_MAX = 64 * 1024;
/** A whole request, content included. Past it: 408 and close. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Scrapers, probes and a few pages; past it, connections are closed at once. */
const CONNECTIONS_MAX = 256;

const SECURITY_FIELDS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

interface Readiness {
  readonly ready: boolean;
  /** Why not, in one word: "starting", "draining". */
  readonly reason: string;
}

/** What the admin listener asks of the gateway. */
export interface AdminDependencies {
  /** null: no token is asked for, and only own Host names are answered. */
  readonly token: string | null;
  readiness(): Readiness;
  /** The Prometheus exposition and its media type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
  /** A JSON value for /status. */
  status(): unknown;
  /** The config that serves; secrets are redacted here. */
  config(): unknown;
  readonly targets: TargetAdmin;
  /** Removes stored responses or makes them stale, and says how many there were. */
  purge(purge: Purge): PurgeCount | Promise<PurgeCount>;
  /** Reads the config again. */
  reload(): Promise<ReloadOutcome>;
  /** What would become of a request; a JSON value, or null where no thread answers. */
  explain(question: ExplainQuestion): unknown;
  /** Files of the dashboard by path: "/", "/dashboard.js", … */
  readonly page: ReadonlyMap<string, PageFile>;
  /** An admin request failed unexpectedly. */
  onError(error: unknown): void;
}

export interface PageFile {
  readonly type: string;
  readonly content: string;
}

export interface Admin {
  /** Binds, and gives the address bound. Rejects with the system's error. */
  listen(address: ListenAddress): Promise<AddressInfo>;
  /** Closes the listener and its connections; requests under way get `graceMs` to finish. */
  close(graceMs: number): Promise<void>;
}

interface Bindings {
  readonly incoming: IncomingMessage;
}

type AdminContext = Context<{ Bindings: Bindings }>;

export function createAdmin(dependencies: AdminDependencies): Admin {
  const app = createApp(dependencies);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (incoming, outgoing) => {
      answer(app, incoming, outgoing).catch((error: unknown) => {
        if (!incoming.socket.destroyed) dependencies.onError(error);
        outgoing.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  return {
    listen: (address) => listen(server, address),
    close: (graceMs) => close(server, graceMs),
  };
}

type Route = readonly [
  method: "GET" | "POST",
  path: string,
  exposure: Exposure,
  handler: (context: AdminContext) => Response | Promise<Response>,
];

function createApp(dependencies: AdminDependencies): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  const routes = adminRoutes(dependencies);
  const methodsOf = new Map<string, string[]>();
  for (const [method, path, exposure, handler] of routes) {
    methodsOf.set(path, [
      ...(methodsOf.get(path) ?? []),
      ...(method === "GET" ? ["GET", "HEAD"] : [method]),
    ]);
    app.on(method, path, (context) => {
      const refusal = refuse(adminRequest(context), exposure, dependencies.token);
      if (refusal === null) return handler(context);
      const { status, error, detail } = refusal;
      if (status === 401) context.header("www-authenticate", 'Bearer realm="edgelane"');
      return context.json({ error, detail }, status);
    });
  }
  app.notFound((context) => {
    const allowed = methodsOf.get(context.req.path);
    if (allowed === undefined) {
      return context.json({ error: "not_found", detail: "no such path on the admin API" }, 404);
    }
    context.header("allow", allowed.join(", "));
    return context.json(
      { error: "method_not_allowed", detail: `use ${allowed.join(" or ")}` },
      405,
    );
  });
  app.onError((error, context) => {
    dependencies.onError(error);
    return context.json({ error: "internal_error", detail: "the log says more" }, 500);
  });
  return app;
}

function adminRoutes(dependencies: AdminDependencies): Route[] {
  const pages = [...dependencies.page].map(([path, file]): Route => {
    return [
      "GET",
      path,
      "open",
      (context) => context.body(file.content, 200, { "content-type": file.type }),
    ];
  });
  return [
    ...pages,
    ["GET", "/livez", "open", (context) => context.json({ status: "live" })],
    [
      "GET",
      "/readyz",
      "open",
      (context) => {
        const { ready, reason } = dependencies.readiness();
        return ready ? context.json({ status: "ready" }) : context.json({ status: reason }, 503);
      },
    ],
    [
      "GET",
      "/metrics",
      "guarded",
      async (context) => {
        const { type, text } = await dependencies.metrics();
        return context.body(text, 200, { "content-type": type });
      },
    ],
    ["GET", "/status", "guarded", async (context) => context.json(await dependencies.status())],
    ["GET", "/config", "guarded", (context) => context.json(redactConfig(dependencies.config()))],
    ["GET", "/explain", "guarded", (context) => explain(context, dependencies)],
    ["GET", "/targets", "guarded", (context) => listTargets(context, dependencies.targets)],
    ["POST", "/targets", "guarded", (context) => addTarget(context, dependencies.targets)],
    [
      "POST",
      "/targets/:name/:action",
      "guarded",
      (context) => changeTarget(context, dependencies.targets),
    ],
    ["POST", "/reload", "guarded", (context) => reload(context, dependencies)],
    ["POST", "/purge", "guarded", (context) => purge(context, dependencies)],
  ];
}

/**
 * ?method=GET&url=http://host/path&field=Name: value, the last one as often as there are fields;
 * &status=200&response=Name: value for a response to it.
 */
async function explain(context: AdminContext, dependencies: AdminDependencies): Promise<Response> {
  const url = context.req.query("url");
  if (url === undefined) {
    const detail = "expected ?method=GET&url=http://host/path&field=Name: value";
    return context.json({ error: "invalid_request", detail }, 400);
  }
  const fields = context.req.queries("field") ?? [];
  const reading = readExplained(context.req.query("method") ?? "GET", url, fields);
  if ("problem" in reading) {
    return context.json({ error: "invalid_request", detail: reading.problem }, 400);
  }
  const given = readResponse(context.req.query("status"), context.req.queries("response") ?? []);
  if ("problem" in given) {
    return context.json({ error: "invalid_request", detail: given.problem }, 400);
  }
  const { request } = reading;
  const explanation = await dependencies.explain({ request, response: given.response });
  if (explanation !== null) return context.json(explanation);
  return context.json({ error: "unavailable", detail: "no worker answers" }, 503);
}

async function reload(context: AdminContext, dependencies: AdminDependencies): Promise<Response> {
  const outcome = await dependencies.reload();
  if (outcome.kind === "applied") return context.json({ changes: outcome.changes });
  if (outcome.kind === "refused") {
    const { problems } = outcome;
    return context.json({ error: "invalid_config", detail: problems.join("\n"), problems }, 422);
  }
  const detail = "the config came from no file; there is nothing to read again";
  return context.json({ error: "no_config_file", detail }, 409);
}

async function purge(context: AdminContext, dependencies: AdminDependencies): Promise<Response> {
  const body: unknown = await context.req.json().catch(() => null);
  const reading = readPurge(body);
  if ("problem" in reading) {
    return context.json({ error: "invalid_request", detail: reading.problem }, 400);
  }
  return context.json(await dependencies.purge(reading.purge));
}

function adminRequest(context: AdminContext): AdminRequest {
  const { incoming } = context.env;
  const field = (name: string): string => context.req.header(name) ?? "";
  return {
    method: context.req.method,
    path: context.req.path,
    host: field("host"),
    localAddress: incoming.socket.localAddress ?? "",
    authorization: field("authorization"),
    origin: field("origin"),
    fetchSite: field("sec-fetch-site"),
    contentType: field("content-type"),
  };
}

/** Bridges one request from node:http to Hono and back; its content is small and read whole. */
async function answer(
  app: Hono<{ Bindings: Bindings }>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const content = await readContent(incoming);
  if (content === null) {
    const body = JSON.stringify({
      error: "content_too_large",
      detail: `at most ${BODY_BYTES_MAX} bytes`,
    });
    outgoing.writeHead(413, {
      ...SECURITY_FIELDS,
      "content-type": "application/json",
      connection: "close",
    });
    outgoing.end(body);
    return;
  }
  const method = incoming.method ?? "GET";
  const hasContent = method !== "GET" && method !== "HEAD" && content.length > 0;
  const request = new Request(urlOf(incoming), {
    method,
    headers: fieldsOf(incoming),
    ...(hasContent ? { body: content } : {}),
  });
  const response = await app.fetch(request, { incoming });
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...SECURITY_FIELDS,
    ...(method === "HEAD" ? {} : { "content-length": body.length }),
  });
  outgoing.end(method === "HEAD" ? undefined : body);
}

/** The request's content; null when there is too much of it. */
async function readContent(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // The connection must outlive a refusal, or nobody would learn of it.
  const pieces = incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const chunk of pieces) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The URL that Hono routes by: the path and query of the target, whatever authority it names. */
function urlOf(incoming: IncomingMessage): string {
  const target = incoming.url ?? "/";
  if (target.startsWith("/")) return `http://admin.invalid${target}`;
  return URL.canParse(target)
    ? `http://admin.invalid${new URL(target).pathname}`
    : "http://admin.invalid/*";
}

function fieldsOf(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}

function listen(server: Server, address: ListenAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      { port: address.port, ...(address.host === null ? {} : { host: address.host }) },
      () => {
        server.off("error", reject);
        resolve(server.address() as AddressInfo);
      },
    );
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
