// Owns everything of one thread that serves: core, cache, clusters, routes, handler and listeners,
// from the first bind to the last connection. Composes; decides nothing about single requests.
// Knows nothing of other threads but what it is given.

import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { Cache } from "../cache/cache.ts";
import { CACHE_DEFAULTS, type CacheOptions } from "../cache/cache-state.ts";
import type { CachePeers } from "../cache/peers.ts";
import type { Purge, PurgeCount } from "../cache/purge.ts";
import { systemClock } from "../clock.ts";
import { type Core, type Engine, loadCore } from "../core/core.ts";
import { CorePools } from "../core/pool-queue.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import { EventLoopLag } from "../telemetry/event-loop-lag.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ThreadReadings } from "../telemetry/readings.ts";
import type { ClusterEvents } from "../upstream/balancer.ts";
import { OriginIo } from "../upstream/origin-io.ts";
import type { ProbedTarget } from "../upstream/prober.ts";
import { InputStage } from "../wire/input-stage.ts";
import { countInCells } from "./cache-cells.ts";
import { DateClock } from "./date-clock.ts";
import { type Explanation, explain } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { GatewayIdentity } from "./forwarding.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { GatewayHandler, type Service } from "./gateway-handler.ts";
import {
  buildGeneration,
  type Generation,
  type GenerationParts,
  haveSameRules,
  retireGeneration,
} from "./generation.ts";
import { ListenerSet } from "./listener-set.ts";
import { LoadShedder, threadGauge } from "./load-shedder.ts";
import { purgeForms } from "./purge-form.ts";
import { createRedisTier, type RedisTier } from "./redis-tier.ts";
import { RequestIds } from "./request-ids.ts";
import { serveFetch } from "./serve-fetch.ts";
import { buildService, type ServiceParts } from "./service.ts";
import type { TargetSets, ThreadUpdate } from "./target-registry.ts";
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

/** Built beside what serves, for an update that is not decided yet. */
interface Prepared {
  readonly id: number;
  /** It serves from now on. */
  commit(): void;
  /** It never served. */
  discard(): void;
}

export class ServingThread {
  readonly cache: Cache;
  readonly #parts: ServingParts;
  readonly #clock = systemClock;
  readonly #core: Core;
  readonly #stage: InputStage;
  readonly #ids = new RequestIds();
  readonly #date = new DateClock(this.#clock);
  readonly #logger: Logger;
  readonly #lag = new EventLoopLag();
  readonly #shedder: LoadShedder;
  /** null: memory is the only tier. */
  #tier: RedisTier | null;
  readonly #generationParts: GenerationParts;
  readonly #serviceParts: ServiceParts;
  #generation: Generation;
  #service: Service;
  readonly #handler: GatewayHandler;
  readonly #listeners: ListenerSet;
  /** Ends of generations that have exchanges under way. */
  readonly #retiring = new Set<Promise<void>>();
  #prepared: Prepared | null = null;
  #state: "starting" | "ready" | "draining" = "starting";

  constructor(parts: ServingParts) {
    const { config, metrics, logger, accessLog, identity } = parts;
    this.#parts = parts;
    this.#logger = logger;
    const nowMs = (): number => this.#clock.monotonicMs();
    this.#shedder = new LoadShedder(config.shed, threadGauge(nowMs, config.shed.memoryBytes));
    this.#core = loadCore({ seed: parts.seed });
    const pools = new CorePools(this.#core);
    this.#stage = new InputStage(this.#core, pools);
    const options = cacheOptions(config, this.#ids.prefix);
    this.cache = new Cache(this.#core, this.#clock, options, parts.peers);
    countInCells(this.cache.stats, metrics);
    this.#tier = this.#createTier(config);
    this.#generationParts = {
      clock: this.#clock,
      metrics,
      io: new OriginIo(this.#core, pools),
      events: (upstream) => this.#clusterEvents(upstream),
    };
    this.#generation = buildGeneration(config, parts.targets, this.#generationParts);
    const date = (): string => this.#date.text();
    this.#serviceParts = {
      core: this.#core,
      cache: this.cache,
      clock: this.#clock,
      metrics,
      logger,
      accessLog,
      ids: this.#ids,
      identity,
      shedder: this.#shedder,
      date,
      state: () => this.#state,
    };
    this.#service = buildService(this.#generation, this.#serviceParts);
    this.#handler = new GatewayHandler(this.#service, { metrics, ids: this.#ids });
    this.#listeners = new ListenerSet({
      handler: this.#handler,
      clock: this.#clock,
      stage: this.#stage,
      date,
      reusePort: parts.reusePort,
    });
  }

  get #config(): GatewayConfig {
    return this.#generation.config;
  }

  /** Of the public listeners, in the order of the config. */
  get urls(): string[] {
    return this.#listeners.urls;
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

  /**
   * Builds what an update needs beside what serves. Rejects with what is wrong; then nothing has
   * changed.
   */
  async prepare({ id, sets, config }: ThreadUpdate): Promise<void> {
    if (config !== null) {
      this.#prepared = { id, ...(await this.#prepareConfig(config, sets)) };
      return;
    }
    const steps = this.#prepareTargets(sets);
    const commit = (): void => {
      for (const step of steps) step();
    };
    this.#prepared = { id, commit, discard: () => {} };
  }

  /**
   * Puts it in place, all in this turn. False for a config that was not prepared: this thread can
   * serve no more.
   */
  commit({ id, sets, config }: ThreadUpdate): boolean {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared?.id === id) prepared.commit();
    else if (config === null) for (const step of this.#prepareTargets(sets)) step();
    else return false;
    return true;
  }

  /** Forgets what was prepared. */
  abandon(): void {
    this.#prepared?.discard();
    this.#prepared = null;
  }

  #prepareTargets(sets: TargetSets): readonly (() => void)[] {
    return [...sets].flatMap(([upstream, targets]) => {
      const cluster = this.#generation.clusters.get(upstream);
      return cluster === undefined ? [] : [cluster.prepare(targets)];
    });
  }

  async #prepareConfig(config: GatewayConfig, sets: TargetSets): Promise<Omit<Prepared, "id">> {
    const before = this.#generation;
    const generation = buildGeneration(config, sets, this.#generationParts, before);
    const tier = tiersAlike(config, before.config) ? this.#tier : this.#createTier(config);
    const discard = (): void => {
      void retireGeneration(generation, before);
      if (tier !== this.#tier) void tier?.close();
    };
    try {
      if (tier !== this.#tier) await tier?.open();
      const listeners = await this.#listeners.prepare(config.listen, wireLimits(config.limits));
      return {
        commit: () => {
          listeners.commit(config.shutdownGraceMs);
          this.#serve(generation, tier);
        },
        discard: () => {
          void listeners.discard();
          discard();
        },
      };
    } catch (error) {
      discard();
      throw error;
    }
  }

  /** From the next request on. Nothing here can fail. */
  #serve(generation: Generation, tier: RedisTier | null): void {
    const before = this.#generation;
    const { config } = generation;
    generation.settle();
    this.#generation = generation;
    this.#service = buildService(generation, this.#serviceParts);
    this.#handler.adopt(this.#service);
    this.#logger.level = config.log.level;
    this.#shedder.configure(config.shed);
    const options = cacheOptions(config, this.#ids.prefix);
    if (!isDeepStrictEqual(options, cacheOptions(before.config, this.#ids.prefix))) {
      this.cache.configure(options);
    }
    if (tier !== this.#tier) {
      void this.#tier?.close();
      this.#tier = tier;
      if (tier === null) this.cache.attach(null);
      else tier.attach();
    }
    if (!haveSameRules(before, generation)) this.cache.forgetOnTheWay();
    const retired = retireGeneration(before, generation).then(() => {
      this.#retiring.delete(retired);
    });
    this.#retiring.add(retired);
  }

  #createTier(config: GatewayConfig): RedisTier | null {
    return createRedisTier(config, {
      cache: this.cache,
      clock: this.#clock,
      logger: this.#logger,
      formsOf: (purge) => purgeForms(purge, this.#generation.routes),
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
    const { listen, limits, shutdownGraceMs } = this.#config;
    this.#tier?.attach();
    await this.#tier?.open();
    this.#shedder.start();
    const listeners = await this.#listeners.prepare(listen, wireLimits(limits));
    listeners.commit(shutdownGraceMs);
    this.#state = "ready";
    return this.urls;
  }

  /** Bound, so that it can be handed to Bun.serve and Deno.serve as it is. */
  readonly fetch = (request: Request): Promise<Response> =>
    serveFetch(request, {
      app: this.#service.app,
      accounts: this.#service.accounts,
      clock: this.#clock,
      id: this.#handler.newId(),
      date: () => this.#date.text(),
    });

  explain({ request, response }: ExplainQuestion): Promise<Explanation> {
    return explain(request, response, {
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
    this.abandon();
    await this.#listeners.close(graceMs);
    await Promise.all([retireGeneration(this.#generation), ...this.#retiring]);
    await this.#tier?.close();
    this.#lag.close();
    this.#shedder.stop();
  }
}

/** What the second tier is made from is the same. */
function tiersAlike(one: GatewayConfig, other: GatewayConfig): boolean {
  const parts = ({ cache }: GatewayConfig): unknown => {
    const { redis, memoryBytesMax, objectBytesMax, variantsMax } = cache;
    return redis !== null && memoryBytesMax > 0 ? { redis, objectBytesMax, variantsMax } : null;
  };
  return isDeepStrictEqual(parts(one), parts(other));
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
