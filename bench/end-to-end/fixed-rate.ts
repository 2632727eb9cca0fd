// Owns the open-loop load generator: requests leave at times drawn beforehand, whether or not the
// earlier ones were answered, and each latency counts from the time the request was due (so a stall
// is charged to every request that it delayed: no coordinated omission). Speaks just enough
// HTTP/1.1 for responses with Content-Length or chunked content. Runs as a process of its own: node
// fixed-rate.ts '<options as JSON>' prints its result as JSON.

import net from "node:net";
import os from "node:os";
import { nowMs } from "./clock.ts";
import { ResponseReader } from "./response-reader.ts";

export interface FixedRateOptions {
  readonly port: number;
  /** "{n}" in it becomes the number of the request. */
  readonly path: string;
  /** Of the Host field; the address where it is left out. */
  readonly host?: string;
  /** Mean rate of a Poisson process. */
  readonly ratePerSecond: number;
  readonly connections: number;
  /** Load before the measured part; not counted. */
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** The same seed gives the same arrival times. */
  readonly seed: number;
}

export interface FixedRateResult {
  /** Requests of the measured part. */
  readonly due: number;
  readonly answered: number;
  /**
   * Requests with another status than 200, lost with their connection, or not answered within the
   * drain time.
   */
  readonly failed: number;
  readonly latencyMs: LatencyPercentiles;
  /** How late the generator itself was: the floor below which its latencies mean nothing. */
  readonly latenessMs: LatencyPercentiles;
}

export interface LatencyPercentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** How long requests may stay unanswered after the last one was due. */
const drainMsMax = 5_000;

export async function runFixedRate(options: FixedRateOptions): Promise<FixedRateResult> {
  const generator = new Generator(options);
  await generator.connectAll();
  return generator.run();
}

class Generator {
  readonly #options: FixedRateOptions;
  readonly #bytesOf: (request: number) => Buffer;
  readonly #dueMs: Float64Array;
  readonly #latenessMs: Float64Array;
  readonly #latencyMs: Float64Array;
  readonly #idle: Connection[] = [];
  readonly #connections = new Set<Connection>();
  #startMs = 0;
  #dueCount = 0;
  #sentCount = 0;
  #answered = 0;
  #failed = 0;

  constructor(options: FixedRateOptions) {
    this.#options = options;
    this.#bytesOf = requestBytes(options);
    this.#dueMs = arrivalTimes(options);
    this.#latenessMs = new Float64Array(this.#dueMs.length);
    this.#latencyMs = new Float64Array(this.#dueMs.length).fill(Number.NaN);
  }

  async connectAll(): Promise<void> {
    const opened = Array.from({ length: this.#options.connections }, () => this.#connect());
    await Promise.all(opened);
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(this.#options.port, {
        onOpen: () => {
          this.#connections.add(connection);
          this.#release(connection);
          resolve();
        },
        onAnswer: (request, status) => {
          this.#settle(request, status === 200);
          this.#release(connection);
        },
        onClose: (request, error) => {
          if (!this.#connections.delete(connection)) return reject(error);
          const at = this.#idle.indexOf(connection);
          if (at >= 0) this.#idle.splice(at, 1);
          if (request >= 0) this.#settle(request, false);
          // A server may close a kept-alive connection; one that refuses us again shows up as
          // failed requests.
          this.#connect().catch(() => undefined);
        },
      });
    });
  }

  /** The connection can carry a request: the oldest one that waits, if any. */
  #release(connection: Connection): void {
    if (this.#sentCount < this.#dueCount) this.#send(connection);
    else this.#idle.push(connection);
  }

  #send(connection: Connection): void {
    const request = this.#sentCount++;
    connection.send(request, this.#bytesOf(request));
  }

  #settle(request: number, succeeded: boolean): void {
    const due = this.#dueMs[request] ?? 0;
    if (succeeded) {
      this.#answered++;
      this.#latencyMs[request] = nowMs() - this.#startMs - due;
    } else {
      this.#failed++;
    }
  }

  run(): Promise<FixedRateResult> {
    this.#startMs = nowMs();
    return new Promise((resolve) => {
      const step = (): void => {
        const elapsedMs = nowMs() - this.#startMs;
        this.#sendDue(elapsedMs);
        if (this.#finished(elapsedMs)) {
          for (const connection of this.#connections) connection.destroy();
          this.#connections.clear();
          resolve(this.#result());
        } else {
          // Timers tick in milliseconds; turning the event loop without rest keeps sends punctual
          // to microseconds.
          setImmediate(step);
        }
      };
      step();
    });
  }

  #sendDue(elapsedMs: number): void {
    let due = this.#dueMs[this.#dueCount];
    while (due !== undefined && due <= elapsedMs) {
      this.#latenessMs[this.#dueCount] = elapsedMs - due;
      this.#dueCount++;
      const connection = this.#idle.pop();
      if (connection !== undefined) this.#send(connection);
      due = this.#dueMs[this.#dueCount];
    }
  }

  #finished(elapsedMs: number): boolean {
    const total = this.#dueMs.length;
    if (this.#dueCount < total) return false;
    if (this.#answered + this.#failed === total) return true;
    return elapsedMs > (this.#dueMs[total - 1] ?? 0) + drainMsMax;
  }

  #result(): FixedRateResult {
    const warmupMs = this.#options.warmupSeconds * 1_000;
    const first = this.#dueMs.findIndex((due) => due >= warmupMs);
    const from = first < 0 ? this.#dueMs.length : first;
    const latencies = this.#latencyMs.subarray(from).filter((value) => !Number.isNaN(value));
    const due = this.#dueMs.length - from;
    return {
      due,
      answered: latencies.length,
      failed: due - latencies.length,
      latencyMs: percentiles(latencies),
      latenessMs: percentiles(this.#latenessMs.slice(from)),
    };
  }
}

/** One buffer for all requests where they do not differ. */
function requestBytes(options: FixedRateOptions): (request: number) => Buffer {
  const host = options.host ?? `127.0.0.1:${options.port}`;
  const bytes = (path: string): Buffer =>
    Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  if (options.path.includes("{n}")) {
    return (request) => bytes(options.path.replace("{n}", String(request)));
  }
  const same = bytes(options.path);
  return () => same;
}

interface ConnectionEvents {
  onOpen(): void;
  onAnswer(request: number, status: number): void;
  /** `request` is the one that was under way, or -1. */
  onClose(request: number, error: Error): void;
}

class Connection {
  readonly #socket: net.Socket;
  readonly #reader = new ResponseReader();
  #request = -1;

  constructor(port: number, events: ConnectionEvents) {
    let failure = new Error("the server closed the connection");
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("connect", () => events.onOpen());
    this.#socket.on("data", (chunk: Buffer) => {
      if (!this.#reader.push(chunk)) return;
      const request = this.#request;
      this.#request = -1;
      events.onAnswer(request, this.#reader.status);
    });
    this.#socket.on("error", (error) => {
      failure = error;
    });
    this.#socket.on("close", () => events.onClose(this.#request, failure));
  }

  send(request: number, bytes: Buffer): void {
    this.#request = request;
    this.#reader.reset();
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }
}

/**
 * Due times in ms from the start: exponential gaps, so bursts and lulls come as they do from
 * independent clients.
 */
function arrivalTimes(options: FixedRateOptions): Float64Array {
  const random = mulberry32(options.seed);
  const times: number[] = [];
  const endMs = (options.warmupSeconds + options.seconds) * 1_000;
  const meanGapMs = 1_000 / options.ratePerSecond;
  for (let at = 0; at < endMs; at += -Math.log(1 - random()) * meanGapMs) times.push(at);
  return Float64Array.from(times);
}

/** A small seeded generator (mulberry32): uniform in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function percentiles(values: Float64Array): LatencyPercentiles {
  const sorted = values.toSorted();
  // The smallest value that at least this fraction of all values does not exceed (nearest rank).
  const at = (fraction: number): number =>
    sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? "{}") as FixedRateOptions;
  // The generator never rests, so it gives way to the origin that shares its core.
  os.setPriority(Math.min(19, os.getPriority() + os.constants.priority.PRIORITY_BELOW_NORMAL));
  process.stdout.write(`${JSON.stringify(await runFixedRate(options))}\n`);
  process.exit(0);
}
