// Owns a gateway of many threads: it starts the workers, replaces those that end by themselves,
// sums up what they count, passes purges on, and ends them together. Serves no request itself, so
// that nothing that a worker does holds up the admin listener, nor the other way round.

import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import type { Logger } from "pino";
import { releaseAll } from "../cache/peer-table.ts";
import type { Purge, PurgeCount } from "../cache/purge.ts";
import { systemClock } from "../clock.ts";
import type { Engine } from "../core/core.ts";
import { createSharedState, type SharedState } from "../shared-state.ts";
import { createLogger } from "../telemetry/log.ts";
import { mergeReadings } from "../telemetry/merged-readings.ts";
import { Metrics } from "../telemetry/metrics.ts";
import type { ReportedReadings, WorkerReading } from "../telemetry/readings.ts";
import { AdminService } from "./admin-service.ts";
import type { Bound, GatewayOptions, Serving } from "./gateway.ts";
import type { Explanation } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { GatewayConfig, ListenAddress } from "./gateway-config.ts";
import { newIdentity, newSeed } from "./gateway-identity.ts";
import { type LogSinks, openLogSinks } from "./log-sinks.ts";
import { urlOf } from "./listen-url.ts";
import { redisState } from "./redis-tier.ts";
import { type LoadConfig, Reloader, type ReloadOutcome } from "./reloader.ts";
import { type ControlledThreads, TargetControl } from "./target-control.ts";
import type { ThreadUpdate } from "./target-registry.ts";
import { claimPorts } from "./reuse-port.ts";
import type { ToWorker, WorkerStart } from "./worker-messages.ts";
import { programOf, withoutMiddleware } from "./worker-program.ts";
import { workerShare } from "./worker-share.ts";
import { WorkerThread } from "./worker-thread.ts";

/** A worker that ends again and again is replaced after twice the time, up to ten seconds. */
const BACKOFF_MS = 50;
const BACKOFF_MAX_MS = 10_000;
/** Having served this long, it starts over with the shortest. */
const SETTLED_MS = 30_000;
/** Beyond the grace, before a worker that does not close is ended. */
const CLOSE_MARGIN_MS = 2000;
const PURGE_TIMEOUT_MS = 5000;

/** The place of one worker, whichever thread fills it. */
interface Seat {
  thread: WorkerThread | null;
  restarts: number;
  backoffMs: number;
  startedMs: number;
}

export function createSupervisor(
  config: GatewayConfig,
  count: number,
  options: GatewayOptions = {},
): Serving {
  return new Supervisor(config, count, options);
}

class Supervisor implements Serving {
  readonly #sinks: LogSinks;
  readonly #logger: Logger;
  readonly #reloader: Reloader;
  readonly #shared: SharedState;
  readonly #seats: Seat[];
  readonly #identity = newIdentity();
  readonly #seed = newSeed();
  readonly #stopped = new AbortController();
  /** One for all workers; a worker that takes a seat hears of health with the next check. */
  readonly #targets: TargetControl;
  #served: GatewayConfig;
  /** What they serve if the change that is being prepared is one of the config. */
  #next: Pick<WorkerStart, "config" | "program"> | null = null;
  /** Purges that the workers were told of. */
  #purges = 0;
  #program: WorkerStart["program"] = null;
  #admin: AdminService | null = null;
  #engine: Engine = "reference";
  #redis: "up" | "down" | null = null;
  #state: "starting" | "ready" | "draining" = "starting";
  #urls: readonly string[] = [];
  #closing: Promise<void> | null = null;

  constructor(
    config: GatewayConfig,
    count: number,
    { load = null }: { readonly load?: LoadConfig | null },
  ) {
    this.#sinks = openLogSinks(config.log);
    const { level } = config.log;
    this.#logger = createLogger({ level, sink: this.#sinks.log, clock: systemClock });
    this.#targets = new TargetControl(config, this.#targetThreads(), this.#logger);
    this.#shared = createSharedState(count);
    this.#reloader = new Reloader({
      config,
      load,
      apply: (next) => this.#apply(next),
      metrics: new Metrics(this.#shared.ownBlock),
      logger: this.#logger,
    });
    this.#served = withoutMiddleware(workerShare(config, count));
    this.#seats = Array.from({ length: count }, () => {
      return { thread: null, restarts: 0, backoffMs: BACKOFF_MS, startedMs: 0 };
    });
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** As it was at the start. */
  get redis(): "up" | "down" | null {
    return this.#redis;
  }

  async listen(): Promise<Bound> {
    try {
      this.#served = { ...this.#served, listen: await claimPorts(this.#config.listen) };
      this.#program = await programOf(this.#config);
      // All at once: each takes most of its time to load.
      const [urls = []] = await Promise.all(this.#seats.map((_, index) => this.#start(index)));
      this.#urls = urls;
      this.#admin = this.#createAdmin();
      const adminUrl = await this.#admin.listen();
      this.#targets.start();
      this.#redis = redisState((await this.#readings()).secondTier);
      this.#state = "ready";
      return { urls, adminUrl };
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw error;
    }
  }

  reload(): Promise<ReloadOutcome> {
    return this.#reloader.reload();
  }

  /** The config that serves. */
  get #config(): GatewayConfig {
    return this.#reloader.config;
  }

  async #apply(config: GatewayConfig): Promise<void> {
    if (this.#state !== "ready") throw new Error(`the gateway is ${this.#state}`);
    await this.#targets.reconfigure(config);
    this.#logger.level = config.log.level;
    // Each answers behind what it was told before: the config serves everywhere.
    await Promise.all(
      this.#seats.map(async ({ thread }) => thread?.ready === true && thread.read()),
    );
  }

  /** Addresses that are listened on keep their ports; the others must be free. */
  async #claim(listen: readonly ListenAddress[]): Promise<ListenAddress[]> {
    const { listen: before } = this.#config;
    const known = listen.map((address, index) => {
      const at = address.port === 0 ? index : before.findIndex((one) => alike(one, address));
      return alike(before[at], address) ? this.#served.listen[at] : undefined;
    });
    const claimed = await claimPorts(listen.filter((_, index) => known[index] === undefined));
    return listen.map((address, index) => known[index] ?? claimed.shift() ?? address);
  }

  close({ graceMs = this.#config.shutdownGraceMs } = {}): Promise<void> {
    this.#closing ??= this.#shutDown(graceMs);
    return this.#closing;
  }

  /** Resolves with the URLs that the worker serves; rejects with what kept it from that. */
  #start(index: number): Promise<string[]> {
    const { memory, workerBlocks, peerTableOffset } = this.#shared;
    const start: WorkerStart = {
      index,
      config: this.#served,
      program: this.#program,
      memory,
      metricsOffset: workerBlocks[index]?.offset ?? 0,
      peers: { index, offset: peerTableOffset },
      purges: this.#purges,
      targets: this.#targets.sets,
      identity: this.#identity,
      seed: this.#seed,
      logsAccess: this.#config.log.access.kind !== "off",
    };
    return new Promise((resolve, reject) => {
      const thread = new WorkerThread(start, {
        ready: (urls, engine) => {
          this.#engine = engine as Engine;
          resolve(urls);
        },
        lines: (sink, batch) => this.#sinks[sink]?.append(batch),
        ended: (error, exitCode) => {
          reject(error ?? new Error(`worker ${index} exited with ${exitCode} before it served`));
          this.#ended(index, thread, error, exitCode);
        },
      });
      const seat = this.#seats[index];
      if (seat === undefined) return;
      this.#introduce(thread);
      seat.thread = thread;
      seat.startedMs = systemClock.monotonicMs();
    });
  }

  /** Every worker speaks with every other over a port of their own. */
  #introduce(thread: WorkerThread): void {
    for (const { thread: other } of this.#seats) {
      if (other === null || other === thread) continue;
      const { port1, port2 } = new MessageChannel();
      thread.send({ kind: "peer", index: other.index, port: port1 }, [port1]);
      other.send({ kind: "peer", index: thread.index, port: port2 }, [port2]);
    }
  }

  /** A thread has ended. While the gateway serves, another takes its seat. */
  #ended(index: number, thread: WorkerThread, error: unknown, exitCode: number): void {
    const seat = this.#seats[index];
    if (seat === undefined || seat.thread !== thread) return;
    seat.thread = null;
    releaseAll(this.#shared.memory, { index, offset: this.#shared.peerTableOffset });
    if (this.#state !== "ready") return;
    const servedMs = systemClock.monotonicMs() - seat.startedMs;
    if (servedMs >= SETTLED_MS) seat.backoffMs = BACKOFF_MS;
    const waitMs = seat.backoffMs;
    seat.backoffMs = Math.min(waitMs * 2, BACKOFF_MAX_MS);
    this.#logger.error(
      { worker: index, exitCode, replacedInMs: waitMs, ...(error === null ? {} : { error }) },
      "a worker ended; its connections are lost, the others serve on",
    );
    void this.#replace(index, seat, waitMs);
  }

  async #replace(index: number, seat: Seat, waitMs: number): Promise<void> {
    try {
      await delay(waitMs, undefined, { signal: this.#stopped.signal });
      seat.restarts++;
      await this.#start(index);
      this.#logger.info({ worker: index, restarts: seat.restarts }, "a worker was replaced");
    } catch {
      // Either the gateway ends, or `#ended` has logged why and tries again.
    }
  }

  #createAdmin(): AdminService {
    return new AdminService({
      reloader: this.#reloader,
      logger: this.#logger,
      engine: this.#engine,
      blocks: [...this.#shared.workerBlocks, this.#shared.ownBlock],
      state: () => this.#state,
      listen: () => this.#urls,
      readings: () => this.#readings(),
      targets: this.#targets,
      purge: (purge) => this.#purge(purge),
      explain: (question) => this.#explain(question),
    });
  }

  /** What a change of targets, and what is known of their health, is told to. */
  #targetThreads(): ControlledThreads {
    const tell = (message: ToWorker): void => {
      for (const { thread } of this.#seats) thread?.send(message);
    };
    return {
      prepare: (update) => this.#prepare(update),
      commit: (update) => {
        const next = this.#next;
        if (update.config === null || next === null) {
          tell({ kind: "commit", update });
          return;
        }
        this.#served = next.config;
        this.#program = next.program;
        this.#urls = next.config.listen.map(urlOf);
        tell({ kind: "commit", update: { ...update, config: next.config } });
      },
      abandon: () => tell({ kind: "abandon" }),
      probed: (target, isGood) => tell({ kind: "probed", target, isGood }),
    };
  }

  /**
   * Who does not serve yet builds other targets when it does; with another config it is replaced by
   * one that begins with it.
   */
  async #prepare(update: ThreadUpdate): Promise<string | null> {
    this.#next = null;
    if (update.config !== null) {
      const listen = await this.#claim(update.config.listen);
      const share = withoutMiddleware(workerShare(update.config, this.#seats.length));
      const program = await programOf(update.config);
      this.#next = { config: { ...share, listen }, program };
    }
    const { config = null, program = null } = this.#next ?? {};
    const serving = this.#seats.flatMap(({ thread }) => (thread?.ready === true ? [thread] : []));
    const answers = await Promise.all(
      serving.map((thread) => thread.prepare({ ...update, config }, program)),
    );
    return answers.find((problem) => problem !== null) ?? null;
  }

  async #readings(): Promise<ReportedReadings> {
    const answered = await Promise.all(
      this.#seats.map(async ({ thread }) => thread?.ready === true && (await thread.read())),
    );
    const threads = this.#seats.map(({ thread }) => thread?.readings ?? null);
    const merged = mergeReadings(threads.filter((readings) => readings !== null));
    const workers = this.#seats.map(({ thread, restarts }, worker): WorkerReading => {
      const connections = threads[worker]?.connections ?? { active: 0, idle: 0 };
      return {
        worker,
        up: answered[worker] === true,
        restarts,
        connections: connections.active + connections.idle,
        heapBytes: thread?.heapBytes ?? 0,
      };
    });
    const { names } = this.#targets;
    const dropped = this.#sinks.access?.dropped ?? 0;
    return { ...merged, accessLogDropped: merged.accessLogDropped + dropped, names, workers };
  }

  /** All workers have the same routes; the first that has something stored says most. */
  async #explain(question: ExplainQuestion): Promise<Explanation | null> {
    const all = await Promise.all(this.#seats.map(async ({ thread }) => thread?.explain(question)));
    const answered = all.filter((one) => one !== undefined && one !== null);
    const inMemory = answered.find((one) => one.cache?.tier === "l1");
    return inMemory ?? answered.find((one) => one.cache?.tier !== null) ?? answered[0] ?? null;
  }

  /** On every worker; one of them tells other gateways, and if it does not answer, the next. */
  async #purge(purge: Purge): Promise<PurgeCount> {
    this.#purges++;
    const threads = this.#seats.flatMap(({ thread }) => (thread === null ? [] : [thread]));
    const tellers = threads.filter((thread) => thread.ready);
    const counts = await Promise.all(
      threads.map(async (thread) => {
        const telling = thread === tellers[0] ? "everybody" : "nobody";
        const count = await thread.purge(purge, telling, PURGE_TIMEOUT_MS);
        const next = telling === "everybody" && count === null ? tellers[1] : undefined;
        return (await next?.purge(purge, "everybody", PURGE_TIMEOUT_MS)) ?? count ?? 0;
      }),
    );
    return { purged: counts.reduce((sum, count) => sum + count, 0) };
  }

  async #shutDown(graceMs: number): Promise<void> {
    this.#state = "draining";
    this.#stopped.abort();
    await this.#targets.close();
    await Promise.all(
      this.#seats.map(async ({ thread }) => {
        if (thread === null) return;
        thread.send({ kind: "close", graceMs });
        const patience = new AbortController();
        const { signal } = patience;
        const late = delay(graceMs + CLOSE_MARGIN_MS, undefined, { signal }).catch(() => undefined);
        await Promise.race([thread.ended, late]);
        patience.abort();
        await thread.terminate();
      }),
    );
    await this.#admin?.close();
    await this.#sinks.close();
  }
}

function alike(one: ListenAddress | undefined, other: ListenAddress): boolean {
  return one?.host === other.host && one.port === other.port;
}
