// Owns one worker as the supervisor sees it: its thread, what was asked of it and what it answered,
// until the thread has ended, however it did.

import { Worker } from "node:worker_threads";
import type { Explanation } from "./explain.ts";
import type { ExplainQuestion } from "./explain-request.ts";
import type { Purge } from "../cache/purge.ts";
import type { ThreadReadings } from "../telemetry/readings.ts";
import type { ThreadUpdate } from "./target-registry.ts";
import type {
  FromWorker,
  LogSinkName,
  PurgeTelling,
  ToWorker,
  WorkerStart,
} from "./worker-messages.ts";

export interface WorkerEvents {
  ready(urls: string[], engine: string): void;
  lines(sink: LogSinkName, batch: Uint8Array): void;
  /** The last: the thread has ended. `error` is what ended it, null where it ended by itself. */
  ended(error: unknown, exitCode: number): void;
}

/** A worker that does not answer in this time is reported as it was. */
const ANSWER_TIMEOUT_MS = 250;
/** It may have to ask Redis, which has a second. */
const EXPLAIN_TIMEOUT_MS = 2000;
/** Nothing changes meanwhile; a worker that is silent for longer is stuck. */
const PREPARE_TIMEOUT_MS = 2000;

export class WorkerThread {
  readonly index: number;
  /** It serves. */
  ready = false;
  /** What it last reported. */
  readings: ThreadReadings | null = null;
  heapBytes = 0;
  readonly #thread: Worker;
  readonly #waiting = new Map<number, (answer: FromWorker | null) => void>();
  #nextId = 0;
  #error: unknown = null;
  readonly ended: Promise<void>;

  constructor(start: WorkerStart, events: WorkerEvents) {
    this.index = start.index;
    this.#thread = new Worker(WORKER, {
      workerData: start,
      name: `edgelane-${start.index}`,
      // The command line is the supervisor's.
      argv: [],
    });
    this.ended = new Promise((resolve) => {
      this.#thread.once("exit", (code) => {
        this.ready = false;
        for (const answered of this.#waiting.values()) answered(null);
        this.#waiting.clear();
        events.ended(this.#error, code);
        resolve();
      });
    });
    this.#thread.on("error", (error) => {
      this.#error ??= error;
    });
    this.#thread.on("message", (message: FromWorker) => this.#hear(message, events));
  }

  send(message: ToWorker, transfer: Parameters<Worker["postMessage"]>[1] = []): void {
    this.#thread.postMessage(message, transfer);
  }

  /** Asks for its readings; false when it does not answer in time. */
  async read(): Promise<boolean> {
    const answer = await this.#ask((id) => ({ kind: "read", id }), ANSWER_TIMEOUT_MS);
    if (answer?.kind !== "readings") return false;
    this.readings = answer.readings;
    this.heapBytes = answer.heapBytes;
    return true;
  }

  /** How many responses it purged; null: it did not answer. What it had stored goes with it. */
  async purge(purge: Purge, telling: PurgeTelling, timeoutMs: number): Promise<number | null> {
    const answer = await this.#ask((id) => ({ kind: "purge", id, purge, telling }), timeoutMs);
    return answer?.kind === "purged" ? answer.count : null;
  }

  async explain(question: ExplainQuestion): Promise<Explanation | null> {
    const ask = (id: number): ToWorker => ({ kind: "explain", id, question });
    const answer = await this.#ask(ask, EXPLAIN_TIMEOUT_MS);
    return answer?.kind === "explained" ? answer.explanation : null;
  }

  /** Has it build what other targets or another config need; why it did not, or null. */
  async prepare(
    update: ThreadUpdate,
    program: WorkerStart["program"] = null,
  ): Promise<string | null> {
    const question = (id: number): ToWorker => ({ kind: "prepare", id, update, program });
    const answer = await this.#ask(question, PREPARE_TIMEOUT_MS);
    if (answer?.kind === "prepared") return answer.problem;
    // One that has ended meanwhile is replaced, and its successor begins with the outcome.
    return this.ready ? `worker ${this.index} did not answer in time` : null;
  }

  /** Ends the thread, now. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }

  #ask(question: (id: number) => ToWorker, timeoutMs: number): Promise<FromWorker | null> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const deadline = setTimeout(() => answered(null), timeoutMs);
      const answered = (answer: FromWorker | null): void => {
        clearTimeout(deadline);
        this.#waiting.delete(id);
        resolve(answer);
      };
      this.#waiting.set(id, answered);
      this.send(question(id));
    });
  }

  #hear(message: FromWorker, events: WorkerEvents): void {
    switch (message.kind) {
      case "ready":
        this.ready = true;
        events.ready(message.urls, message.engine);
        break;
      case "failed":
        this.#error ??= message.error;
        break;
      case "readings":
      case "purged":
      case "explained":
      case "prepared":
        this.#waiting.get(message.id)?.(message);
        break;
      case "lines":
        this.send({ kind: "logged", sink: message.sink, bytes: message.batch.length });
        events.lines(message.sink, message.batch);
        break;
      case "closed":
        this.ready = false;
        void this.terminate();
        break;
    }
  }
}

/** From source or as it was built. */
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "worker.ts" : "worker.js",
  import.meta.url,
);
