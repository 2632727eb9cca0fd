// Owns a gateway in one thread: what serves and the admin listener beside it, from the first bind
// to the last connection. supervisor.ts has the one with many.

import { systemClock } from "../clock.ts";
import type { Engine } from "../core/core.ts";
import { AccessLog } from "../telemetry/access-log.ts";
import { createLogger } from "../telemetry/log.ts";
import { Metrics, newMetricBlock } from "../telemetry/metrics.ts";
import type { ReportedReadings } from "../telemetry/readings.ts";
import { AdminService } from "./admin-service.ts";
import type { Explanation } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { newIdentity, newSeed } from "./gateway-identity.ts";
import { type LogSinks, openLogSinks } from "./log-sinks.ts";
import { redisState } from "./redis-tier.ts";
import { type LoadConfig, Reloader, type ReloadOutcome } from "./reloader.ts";
import { TargetControl } from "./target-control.ts";
import { ServingThread } from "./serving-thread.ts";

/** What `listen` has bound. */
export interface Bound {
  readonly urls: string[];
  readonly adminUrl: string | null;
}

export interface GatewayOptions {
  /** Where `reload` reads the config again. */
  readonly load?: LoadConfig;
}

/** A gateway in this thread, or in threads of its own. */
export interface Serving {
  /** Which implementation of the core parses. */
  readonly engine: Engine;
  /** Whether Redis answers; null where the config has none. */
  readonly redis: "up" | "down" | null;
  /** Binds all listeners, or none: then it rejects with the system's error, and is closed. */
  listen(): Promise<Bound>;
  /** Reads the config again, and serves it from the next request on if it is good. Never rejects. */
  reload(): Promise<ReloadOutcome>;
  /**
   * Takes no new work, finishes what is under way for `graceMs`, then resets it. Resolves when all
   * is closed.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

export interface Gateway extends Serving {
  /** Answers a Request without a socket, by the same routes, cache and clusters. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** As `reload`, from elsewhere. */
  reloadFrom(load: LoadConfig): Promise<ReloadOutcome>;
  /** What would become of a request, and why. Changes nothing, and asks no origin. */
  explain(question: ExplainQuestion): Promise<Explanation>;
}

/** A gateway in the calling thread, however many workers the config asks for. */
export function createGateway(config: GatewayConfig, options: GatewayOptions = {}): Gateway {
  return new GatewayProcess(config, options);
}

class GatewayProcess implements Gateway {
  readonly #sinks: LogSinks;
  readonly #thread: ServingThread;
  readonly #reloader: Reloader;
  readonly #admin: AdminService;
  readonly #targets: TargetControl;
  #state: "starting" | "ready" | "draining" = "starting";
  #urls: readonly string[] = [];
  #closing: Promise<void> | null = null;

  constructor(config: GatewayConfig, { load = null }: { readonly load?: LoadConfig | null }) {
    this.#sinks = openLogSinks(config.log);
    const { log: sink, access } = this.#sinks;
    const logger = createLogger({ level: config.log.level, sink, clock: systemClock });
    this.#targets = new TargetControl(
      config,
      {
        prepare: async (update) => {
          await this.#thread.prepare(update);
          return null;
        },
        commit: (update) => {
          this.#thread.commit(update);
        },
        abandon: () => this.#thread.abandon(),
        probed: (target, isGood) => this.#thread.probed(target, isGood),
      },
      logger,
    );
    const block = newMetricBlock();
    const metrics = new Metrics(block);
    this.#thread = new ServingThread({
      config,
      metrics,
      logger,
      accessLog: access === null ? null : new AccessLog(access, systemClock),
      targets: this.#targets.sets,
      identity: newIdentity(),
      seed: newSeed(),
      peers: null,
      reusePort: false,
    });
    this.#reloader = new Reloader({
      config,
      load,
      apply: (next) => this.#apply(next),
      metrics,
      logger,
    });
    this.#admin = new AdminService({
      reloader: this.#reloader,
      logger,
      engine: this.#thread.engine,
      blocks: [block],
      state: () => this.#state,
      listen: () => this.#urls,
      readings: () => this.#readings(),
      targets: this.#targets,
      purge: (purge) => this.#thread.purge(purge),
      explain: (question) => this.explain(question),
    });
  }

  get engine(): Engine {
    return this.#thread.engine;
  }

  get redis(): "up" | "down" | null {
    return redisState(this.#thread.readings().secondTier);
  }

  async listen(): Promise<Bound> {
    try {
      const urls = await this.#thread.listen();
      this.#urls = urls;
      const adminUrl = await this.#admin.listen();
      this.#targets.start();
      this.#state = "ready";
      return { urls, adminUrl };
    } catch (error) {
      // What was bound before is given back.
      await this.close({ graceMs: 0 });
      throw error;
    }
  }

  get fetch(): (request: Request) => Promise<Response> {
    return this.#thread.fetch;
  }

  explain(question: ExplainQuestion): Promise<Explanation> {
    return this.#thread.explain(question);
  }

  reload(): Promise<ReloadOutcome> {
    return this.#reloader.reload();
  }

  reloadFrom(load: LoadConfig): Promise<ReloadOutcome> {
    return this.#reloader.reloadFrom(load);
  }

  async #apply(config: GatewayConfig): Promise<void> {
    if (this.#state !== "ready") throw new Error(`the gateway is ${this.#state}`);
    await this.#targets.reconfigure(config);
    this.#urls = this.#thread.urls;
  }

  close({ graceMs = this.#reloader.config.shutdownGraceMs } = {}): Promise<void> {
    this.#closing ??= this.#shutDown(graceMs);
    return this.#closing;
  }

  #readings(): ReportedReadings {
    const readings = this.#thread.readings();
    const { active, idle } = readings.connections;
    const own = {
      worker: 0,
      up: this.#state === "ready",
      restarts: 0,
      connections: active + idle,
      heapBytes: process.memoryUsage().heapUsed,
    };
    return { ...readings, names: this.#targets.names, workers: [own] };
  }

  /**
   * Probes turn first, so that a balancer looks away; then the listeners, the origin connections,
   * admin and log.
   */
  async #shutDown(graceMs: number): Promise<void> {
    this.#state = "draining";
    await this.#targets.close();
    await this.#thread.close(graceMs);
    await this.#admin.close();
    await this.#sinks.close();
  }
}
