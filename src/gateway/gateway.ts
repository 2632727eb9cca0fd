// Owns a gateway: core, cache, telemetry, the serving generation, its listeners and the admin
// listener, from the first bind to the last connection. Composes; decides nothing about single
// requests.

import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { Cache } from "../cache/cache.ts";
import { CACHE_DEFAULTS, type CacheOptions } from "../cache/cache-state.ts";
import { systemClock } from "../clock.ts";
import { type Core, type Engine, loadCore } from "../core/core.ts";
import { AccessLog } from "../telemetry/access-log.ts";
import { createLogger } from "../telemetry/log.ts";
import { CONFIG_LOADED_SECONDS } from "../telemetry/metric-table.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { StatusReport } from "../telemetry/status-report.ts";
import { OriginIo } from "../upstream/origin-io.ts";
import { InputStage } from "../wire/input-stage.ts";
import { Listener } from "../wire/listener.ts";
import { type Admin, createAdmin } from "./admin.ts";
import { App } from "./app.ts";
import { syncCacheCells } from "./cache-cells.ts";
import { DateClock } from "./date-clock.ts";
import { ExchangeAccounts } from "./exchange-accounts.ts";
import { answerHealth } from "./health.ts";
import { clientBehind, type GatewayIdentity, responseVia } from "./forwarding.ts";
import type { GatewayConfig, ListenAddress } from "./gateway-config.ts";
import { GatewayHandler } from "./gateway-handler.ts";
import { buildGeneration, type Generation, retireGeneration } from "./generation.ts";
import { HitPath } from "./hit-path.ts";
import { openLogSinks, type LogSinks } from "./log-sinks.ts";
import { packageVersion } from "./package-version.ts";
import { Proxy } from "./proxy.ts";
import { RequestIds } from "./request-ids.ts";
import { serveFetch } from "./serve-fetch.ts";
import { TrustNetwork } from "./trust-network.ts";
import { wireLimits } from "./wire-limits.ts";

/** What `listen` has bound. */
export interface Bound {
  readonly urls: string[];
  readonly adminUrl: string | null;
}

export interface Gateway {
  /** Which implementation of the core parses. */
  readonly engine: Engine;
  /** Binds all listeners, or none: then it rejects with the system's error, and is closed. */
  listen(): Promise<Bound>;
  /** Answers a Request without a socket, by the same routes, cache and clusters. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /**
   * Takes no new work, finishes what is under way for `graceMs`, then resets it. Resolves when all
   * is closed.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

export function createGateway(config: GatewayConfig): Gateway {
  return new GatewayProcess(config);
}

class GatewayProcess implements Gateway {
  readonly #config: GatewayConfig;
  readonly #clock = systemClock;
  readonly #core: Core = loadCore();
  readonly #stage = new InputStage(this.#core);
  readonly #ids = new RequestIds();
  readonly #date = new DateClock(this.#clock);
  readonly #sinks: LogSinks;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #cache: Cache;
  readonly #generation: Generation;
  readonly #app: App;
  readonly #handler: GatewayHandler;
  readonly #accounts: ExchangeAccounts;
  readonly #status: StatusReport;
  #listeners: Listener[] = [];
  #admin: Admin | null = null;
  #state: "starting" | "ready" | "draining" = "starting";
  #closing: Promise<void> | null = null;

  constructor(config: GatewayConfig) {
    this.#config = config;
    this.#sinks = openLogSinks(config.log);
    this.#logger = createLogger({
      level: config.log.level,
      sink: this.#sinks.log,
      clock: this.#clock,
    });
    this.#metrics = new Metrics({ version: packageVersion(), engine: this.#core.engine });
    this.#metrics.set(CONFIG_LOADED_SECONDS, this.#clock.nowMs() / 1000);
    this.#status = new StatusReport(this.#metrics, this.#clock);
    this.#cache = new Cache(this.#core, this.#clock, cacheOptions(config, this.#ids.prefix));
    this.#generation = buildGeneration(config, {
      clock: this.#clock,
      metrics: this.#metrics,
      io: new OriginIo(this.#core),
    });
    const trust = new TrustNetwork(config.trust);
    const accessLog =
      this.#sinks.access === null ? null : new AccessLog(this.#sinks.access, this.#clock);
    this.#accounts = new ExchangeAccounts({
      metrics: this.#metrics,
      accessLog,
      clientOf: ({ request, client }) =>
        clientBehind(request.fields, client.address, (address) => trust.has(address)),
    });
    this.#app = this.#buildApp(trust);
    this.#handler = this.#buildHandler(accessLog, config.trust.length > 0 ? trust : null);
    this.#attachSources(accessLog);
  }

  get engine(): Engine {
    return this.#core.engine;
  }

  #buildApp(trust: TrustNetwork): App {
    const identity: GatewayIdentity = { pseudonym: `edgelane-${randomBytes(4).toString("hex")}` };
    const date = (): string => this.#date.text();
    const proxy = new Proxy({
      core: this.#core,
      cache: this.#cache,
      clock: this.#clock,
      metrics: this.#metrics,
      trust,
      identity,
      via: responseVia(identity),
      coalesce: this.#config.cache.coalesce,
      date,
    });
    return new App({
      routes: this.#generation.routes,
      serve: (exchange, route) => proxy.serve(exchange, route),
      health: this.#config.health,
      answerHealth: (exchange) => answerHealth(exchange, this.#state, date()),
      date,
      onError: (error) => this.#logger.error({ error }, "a middleware failed"),
    });
  }

  #buildHandler(accessLog: AccessLog | null, trust: TrustNetwork | null): GatewayHandler {
    const cache = this.#cache;
    const hitPath = new HitPath({
      core: this.#core,
      store: cache.store,
      clock: this.#clock,
      metrics: this.#metrics,
      accessLog,
      ids: this.#ids,
      trust,
      countHit: () => {
        cache.stats.hits++;
      },
    });
    return new GatewayHandler({
      app: this.#app,
      hitPath,
      accounts: this.#accounts,
      metrics: this.#metrics,
      ids: this.#ids,
      trust,
    });
  }

  #attachSources(accessLog: AccessLog | null): void {
    const { store } = this.#cache;
    const { slabs, decoders } = this.#stage;
    this.#metrics.attach({
      cache: () => [
        {
          tier: "l1",
          entries: store.count,
          bytes: store.bytes,
          bytesMax: this.#config.cache.memoryBytesMax,
          evictions: store.evictions,
        },
      ],
      connections: () => {
        const { active, open } = this.#handler;
        return { active, idle: Math.max(0, open - active) };
      },
      targets: () =>
        [...this.#generation.clusters.values()].flatMap((cluster) =>
          cluster.targets().map((target) => ({ upstream: cluster.name, ...target })),
        ),
      buffers: () => ({
        inUse: this.#core.slabsInUse(),
        highWater: this.#core.slabsHighWater(),
        max: this.#core.slabCount,
        exhausted: slabs.exhausted + decoders.exhausted,
      }),
      accessLogDropped: () => accessLog?.dropped ?? 0,
    });
  }

  async listen(): Promise<Bound> {
    try {
      const urls = await this.#listenPublic();
      const adminUrl = await this.#listenAdmin();
      this.#state = "ready";
      return { urls, adminUrl };
    } catch (error) {
      // What was bound before is given back.
      await this.close({ graceMs: 0 });
      throw error;
    }
  }

  async #listenPublic(): Promise<string[]> {
    const urls: string[] = [];
    for (const address of this.#config.listen) {
      const listener = new Listener(address, {
        handler: this.#handler,
        limits: wireLimits(this.#config.limits),
        clock: this.#clock,
        stage: this.#stage,
        date: () => this.#date.text(),
      });
      this.#listeners.push(listener);
      const port = await listener.listen();
      urls.push(urlOf({ ...address, port }));
    }
    return urls;
  }

  async #listenAdmin(): Promise<string | null> {
    const config = this.#config.admin;
    if (config === null) return null;
    const { dashboardFiles } = await import("./dashboard.ts");
    this.#admin = createAdmin({
      token: config.token,
      readiness: () => ({ ready: this.#state === "ready", reason: this.#state }),
      metrics: async () => {
        syncCacheCells(this.#metrics, this.#cache.stats);
        return { type: this.#metrics.contentType, text: await this.#metrics.text() };
      },
      status: () => {
        syncCacheCells(this.#metrics, this.#cache.stats);
        return this.#status.read();
      },
      config: () => this.#config,
      purge: (purge) => this.#cache.purge(purge),
      page: dashboardFiles(),
      onError: (error) => this.#logger.error({ error }, "an admin request failed"),
    });
    const { port } = await this.#admin.listen(config.address);
    return urlOf({ ...config.address, port });
  }

  /** Bound, so that it can be handed to Bun.serve and Deno.serve as it is. */
  readonly fetch = (request: Request): Promise<Response> =>
    serveFetch(request, {
      app: this.#app,
      accounts: this.#accounts,
      clock: this.#clock,
      id: this.#handler.newId(),
      date: () => this.#date.text(),
    });

  close({ graceMs = this.#config.shutdownGraceMs } = {}): Promise<void> {
    this.#closing ??= this.#shutDown(graceMs);
    return this.#closing;
  }

  /**
   * Probes turn first, so that a balancer looks away; then the listeners, the origin connections,
   * admin and log.
   */
  async #shutDown(graceMs: number): Promise<void> {
    this.#state = "draining";
    await Promise.all(this.#listeners.map((listener) => listener.close(graceMs)));
    await retireGeneration(this.#generation);
    await this.#admin?.close(ADMIN_GRACE_MS);
    this.#metrics.close();
    await this.#sinks.close();
  }
}

function cacheOptions({ cache }: GatewayConfig, requestIdPrefix: string): CacheOptions {
  const { memoryBytesMax, objectBytesMax, variantsMax } = cache;
  return {
    ...CACHE_DEFAULTS,
    format: { cacheName: "edgelane", requestIdPrefix },
    memory: { bytesMax: Math.max(1, memoryBytesMax), objectBytesMax, variantsMax },
    freshness: {
      heuristicFraction: cache.heuristicRatio,
      heuristicSecondsMax: cache.heuristicSecondsMax,
      targetedFields: cache.targetedFields,
    },
    fill: { ...CACHE_DEFAULTS.fill, objectBytesMax },
    inFlightBytesMax: Math.max(objectBytesMax, memoryBytesMax / 4),
  };
}

/** A scrape that is being answered. */
const ADMIN_GRACE_MS = 500;

function urlOf({ host, port }: ListenAddress): string {
  const name = host === null || host === "127.0.0.1" || host === "::1" ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
