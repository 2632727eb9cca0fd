// Owns a worker thread: a serving thread from what the supervisor sends, and the messages between
// the two. Whatever it throws ends it, and the supervisor replaces it.

import { parentPort, workerData } from "node:worker_threads";
import { CachePeers } from "../cache/peers.ts";
import { PeerTable } from "../cache/peer-table.ts";
import { systemClock } from "../clock.ts";
import { AccessLog } from "../telemetry/access-log.ts";
import { createLogger } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Sink } from "../telemetry/sink.ts";
import { ServingThread } from "./serving-thread.ts";
import type { TargetSets, ThreadUpdate } from "./target-registry.ts";
import { WorkerLogOutput } from "./worker-log.ts";
import type { FromWorker, LogSinkName, ToWorker, WorkerStart } from "./worker-messages.ts";
import { withMiddleware } from "./worker-program.ts";

class Worker {
  readonly #start: WorkerStart;
  readonly #outputs: Record<LogSinkName, WorkerLogOutput> = {
    log: new WorkerLogOutput((batch) => sendLines("log", batch)),
    access: new WorkerLogOutput((batch) => sendLines("access", batch)),
  };
  readonly #sinks: Record<LogSinkName, Sink>;
  readonly #peers: CachePeers;
  #serving: ServingThread | null = null;
  #targets: TargetSets;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#targets = start.targets;
    this.#peers = new CachePeers(new PeerTable(start.memory, start.peers), start.purges);
    const { log, access } = this.#outputs;
    this.#sinks = {
      log: new Sink({ destination: log }),
      access: new Sink({ destination: access }),
    };
  }

  async run(): Promise<void> {
    const { index, memory, metricsOffset, identity, seed, logsAccess } = this.#start;
    const config = await withMiddleware(this.#start);
    const logger = createLogger({
      level: config.log.level,
      sink: this.#sinks.log,
      clock: systemClock,
    });
    const serving = new ServingThread({
      config,
      metrics: new Metrics({ buffer: memory, offset: metricsOffset }),
      logger: logger.child({ worker: index }),
      accessLog: logsAccess ? new AccessLog(this.#sinks.access, systemClock) : null,
      targets: this.#targets,
      identity,
      seed,
      peers: this.#peers,
      reusePort: true,
    });
    this.#serving = serving;
    const urls = await serving.listen();
    send({ kind: "ready", urls, engine: serving.engine });
  }

  hear(message: ToWorker): void {
    switch (message.kind) {
      case "close":
        void this.#close(message.graceMs);
        break;
      case "read":
        if (this.#serving === null) break;
        send({
          kind: "readings",
          id: message.id,
          readings: this.#serving.readings(),
          heapBytes: process.memoryUsage().heapUsed,
        });
        break;
      case "purge":
        send({ kind: "purged", id: message.id, count: this.#purge(message) });
        break;
      case "explain":
        if (this.#serving === null) break;
        void this.#serving.explain(message.question).then((explanation) => {
          send({ kind: "explained", id: message.id, explanation });
        });
        break;
      case "prepare":
        void this.#prepare(message);
        break;
      case "commit":
        this.#commit(message.update);
        break;
      case "abandon":
        this.#serving?.abandon();
        break;
      case "probed":
        this.#serving?.probed(message.target, message.isGood);
        break;
      case "peer":
        this.#peers.connect(message.index, message.port);
        break;
      case "logged":
        this.#outputs[message.sink].taken(message.bytes);
        break;
    }
  }

  async #prepare({ id, update, program }: ToWorker & { kind: "prepare" }): Promise<void> {
    let problem: string | null = null;
    try {
      const config = update.config && (await withMiddleware({ config: update.config, program }));
      await this.#serving?.prepare({ ...update, config });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    send({ kind: "prepared", id, problem });
  }

  /** Whoever does not serve yet begins with other targets, and cannot with another config. */
  #commit(update: ThreadUpdate): void {
    if (this.#serving === null) this.#targets = new Map([...this.#targets, ...update.sets]);
    const serves = this.#serving === null ? update.config === null : this.#serving.commit(update);
    if (!serves) throw new Error("another config serves since this worker started");
  }

  #purge({ purge, telling }: ToWorker & { kind: "purge" }): number {
    this.#peers.purges++;
    return this.#serving?.purge(purge, telling).purged ?? 0;
  }

  async #close(graceMs: number): Promise<void> {
    await this.#serving?.close(graceMs);
    for (const sink of Object.values(this.#sinks)) sink.flush();
    send({ kind: "closed" });
    parentPort?.close();
  }
}

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

function sendLines(sink: LogSinkName, batch: Uint8Array<ArrayBuffer>): void {
  send({ kind: "lines", sink, batch }, [batch.buffer]);
}

const worker = new Worker(workerData as WorkerStart);
parentPort?.on("message", (message: ToWorker) => worker.hear(message));
try {
  await worker.run();
} catch (error) {
  send({ kind: "failed", error });
  parentPort?.close();
}
