// Owns everything of one thread that serves: core, cache, clusters, routes, handler and listeners,
// from the first bind to the last connection. Composes; decides nothing about single requests.
// Knows nothing of other threads but what it is given.

import type { Logger } from "pino";
import { Cache } from "../cache/cache.ts";
import { CACHE_DEFAULTS, type CacheOptions } from "../cache/cache-state.ts";
import type { CachePeers } from "../cache/peers.ts";
import type { Purge, PurgeCount } from "../cache/purge.ts";
import { systemClock } from "../clock.ts";
import { type Core, type Engine, loadCore } from "../core/core.ts";
import { CorePools } from "../core/pool-queue.ts";
import type { RequestHead } from "../http/message.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import { EventLoopLag } from "../telemetry/event-loop-lag.ts";
import { CACHE_HITS } from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ThreadReadings } from "../telemetry/readings.ts";
import type { ClusterEvents } from "../upstream/balancer.ts";
import { OriginIo } from "../upstream/origin-io.ts";
import type { ProbedTarget } from "../upstream/prober.ts";
import { InputStage } from "../wire/input-stage.ts";
import { Listener } from "../wire/listener.ts";
import { App } from "./app.ts";
import { countInCells } from "./cache-cells.ts";
import { DateClock } from "./date-clock.ts";
import { type Explanation, explain } from "./explain.ts";
import { ExchangeAccounts } from "./exchange-accounts.ts";
import { clientBehind, type GatewayIdentity, responseVia } from "./forwarding.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { GatewayHandler } from "./gateway-handler.ts";
import { buildGeneration, type Generation, retireGeneration } from "./generation.ts";
import { answerHealth } from "./health.ts";
import { HitPath } from "./hit-path.ts";
import { LoadShedder, threadGauge } from "./load-shedder.ts";
import { urlOf } from "./listen-url.ts";
import { Proxy } from "./proxy.ts";
import { purgeForms } from "./purge-form.ts";
import { createRedisTier, type RedisTier } from "./redis-tier.ts";
import { RequestIds } from "./request-ids.ts";
import { serveFetch } from "./serve-fetch.ts";
import type { TargetSets, TargetUpdate } from "./target-registry.ts";
import { TrustNetwork } from "./trust-network.ts";
import type { PurgeTelling } from "./worker-messages.ts";
import { wireLimits } from "./wire-limits.ts";

export interface ServingParts {
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly accessLog: AccessLog | null;
  /** Who is in the upstreams now. */
  readonly targets: TargetSets;
  /** What all threads of the gateway are known by to other proxies. */
  readonly identity: GatewayIdentity;
  /** Seed of the key hash, the same in all threads of the gateway. */
  readonly seed: bigint;
  /** The caches of other workers; null where there are none. */
  readonly peers: CachePeers | null;
  /** Others listen on the same ports. */
  readonly reusePort: boolean;
}

export class ServingThread {
  readonly cache: Cache;
  readonly #parts: ServingParts;
  readonly #config: GatewayConfig;
  readonly #clock = systemClock;
  readonly #core: Core;
  readonly #stage: InputStage;
  readonly #ids = new RequestIds();
  readonly #date = new DateClock(this.#clock);
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #lag = new EventLoopLag();
  readonly #shedder: LoadShedder;
  /** null: memory is the only tier. */
  readonly #tier: RedisTier | null;
  readonly #generation: Generation;
  readonly #app: App;
  readonly #handler: GatewayHandler;
  readonly #accounts: ExchangeAccounts;
  /** Built for an update that is not decided yet; puts it in place. */
  #prepared: { readonly id: number; readonly commits: readonly (() => void)[] } | null = null;
  #listeners: Listener[] = [];
  #state: "starting" | "ready" | "draining" = "starting";

  constructor(parts: ServingParts) {
    const { config, metrics, logger, accessLog } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#metrics = metrics;
    this.#logger = logger;
    const nowMs = (): number => this.#clock.monotonicMs();
    this.#shedder = new LoadShedder(config.shed, threadGauge(nowMs, config.shed.memoryBytes));
    this.#core = loadCore({ seed: parts.seed });
    const pools = new CorePools(this.#core);
    this.#stage = new InputStage(this.#core, pools);
    this.cache = new Cache(
      this.#core,
      this.#clock,
      cacheOptions(config, this.#ids.prefix),
      parts.peers,
    );
    countInCells(this.cache.stats, metrics);
    this.#tier = createRedisTier(config, {
      cache: this.cache,
      clock: this.#clock,
      logger,
      formsOf: (purge) => purgeForms(purge, this.#generation.routes),
    });
    this.#generation = buildGeneration(config, {
      clock: this.#clock,
      metrics,
      io: new OriginIo(this.#core, pools),
      targets: parts.targets,
      events: (upstream) => this.#clusterEvents(upstream),
    });
    const trust = new TrustNetwork(config.trust);
    this.#accounts = new ExchangeAccounts({
      metrics,
      accessLog,
      clientOf: ({ request, client }) =>
        clientBehind(request.fields, client.address, (address) => trust.has(address)),
    });
    this.#app = this.#buildApp(trust);
    this.#handler = this.#buildHandler(accessLog, config.trust.length > 0 ? trust : null);
  }

  get engine(): Engine {
    return this.#core.engine;
  }

  /** What operators want to find in the log. */
  #clusterEvents(upstream: string): ClusterEvents {
    return {
      policyChanged: (policy, reason) =>
        this.#logger.info({ upstream, policy, reason }, "balancing changed"),
      conditionChanged: (target, condition) =>
        this.#logger.warn({ upstream, target, condition }, "target changed"),
    };
  }

  /** The result of an active check, whichever thread made it. */
  probed({ upstream, target }: ProbedTarget, isGood: boolean): void {
    this.#generation.clusters.get(upstream)?.probed(target, isGood);
  }

  /** Builds what other sets of targets need; nothing changes yet. */
  prepareTargets({ id, sets }: TargetUpdate): void {
    const commits = [...sets].flatMap(([upstream, targets]) => {
      const cluster = this.#generation.clusters.get(upstream);
      return cluster === undefined ? [] : [cluster.prepare(targets)];
    });
    this.#prepared = { id, commits };
  }

  /** Puts them in place, all in this turn. */
  commitTargets(update: TargetUpdate): void {
    if (this.#prepared?.id !== update.id) this.prepareTargets(update);
    for (const commit of this.#prepared?.commits ?? []) commit();
    this.#prepared = null;
  }

  abandonTargets(): void {
    this.#prepared = null;
  }

  #buildApp(trust: TrustNetwork): App {
    const { identity } = this.#parts;
    const date = (): string => this.#date.text();
    const proxy = new Proxy({
      core: this.#core,
      cache: this.cache,
      clock: this.#clock,
      metrics: this.#metrics,
      trust,
      shedder: this.#shedder,
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
    const hitPath = new HitPath({
      core: this.#core,
      store: this.cache.store,
      clock: this.#clock,
      metrics: this.#metrics,
      accessLog,
      ids: this.#ids,
      trust,
      countHit: () => {
        this.#metrics.add(CACHE_HITS, 1);
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

  /** What is asked for at a scrape. */
  readings(): ThreadReadings {
    const { store } = this.cache;
    const { slabs, decoders } = this.#stage;
    const { active, open } = this.#handler;
    return {
      cache: [
        {
          tier: "l1",
          entries: store.count,
          bytes: store.bytes,
          bytesMax: this.#config.cache.memoryBytesMax,
          evictions: store.counts.evictions,
          ends: store.counts,
        },
      ],
      secondTier: this.#tier?.reading() ?? null,
      connections: { active, idle: Math.max(0, open - active) },
      targets: [...this.#generation.clusters.values()].flatMap((cluster) =>
        cluster.targets().map((target) => ({ upstream: cluster.name, ...target })),
      ),
      upstreams: [...this.#generation.clusters.values()].map((cluster) => cluster.status()),
      buffers: {
        inUse: this.#core.slabsInUse(),
        highWater: this.#core.slabsHighWater(),
        max: this.#core.slabCount,
        exhausted: slabs.exhausted + decoders.exhausted,
      },
      eventLoopLag: this.#lag.read(),
      accessLogDropped: this.#parts.accessLog?.dropped ?? 0,
      shed: { ...this.#shedder.shed },
    };
  }

  /** Binds all public listeners. Rejects with the system's error; `close` gives back the rest. */
  async listen(): Promise<string[]> {
    await this.#tier?.open();
    this.#shedder.start();
    const urls: string[] = [];
    for (const address of this.#config.listen) {
      const listener = new Listener(address, {
        handler: this.#handler,
        limits: wireLimits(this.#config.limits),
        clock: this.#clock,
        stage: this.#stage,
        date: () => this.#date.text(),
        reusePort: this.#parts.reusePort,
      });
      this.#listeners.push(listener);
      const port = await listener.listen();
      urls.push(urlOf({ ...address, port }));
    }
    this.#state = "ready";
    return urls;
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

  explain(request: RequestHead): Explanation {
    return explain(request, {
      routes: this.#generation.routes,
      health: this.#config.health,
      core: this.#core,
      cache: this.cache,
      nowMs: this.#clock.nowMs(),
      live: this.#state !== "starting",
    });
  }

  /** Here at once, and in other gateways as soon as Redis can be told: by one worker of each. */
  purge(purge: Purge, telling: PurgeTelling = "everybody"): PurgeCount {
    if (telling === "everybody") void this.#tier?.publish(purge);
    let purged = 0;
    for (const form of purgeForms(purge, this.#generation.routes)) {
      purged += this.cache.purge(form).purged;
    }
    return { purged };
  }

  /** The health path says that a balancer should look elsewhere. */
  drain(): void {
    this.#state = "draining";
  }

  /** Takes no new work, lets what is under way finish for `graceMs`, then breaks it off. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    await Promise.all(this.#listeners.map((listener) => listener.close(graceMs)));
    await retireGeneration(this.#generation);
    await this.#tier?.close();
    this.#lag.close();
    this.#shedder.stop();
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
