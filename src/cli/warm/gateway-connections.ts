// Owns the connections to the gateway's public listener: which worker each one belongs to, and one
// request on one of them. Each worker has a memory of its own, so each has to be asked; the kernel
// chooses who gets a connection, and X-Request-Id begins with what only one worker begins it with.

import { Client } from "undici";
import type { WarmResponse } from "./outcome.ts";
import type { WarmTarget } from "./work-list.ts";

/** The gateway has a total timeout of its own; this is for one that is frozen. */
const SILENCE_MS = 90_000;
/** Random digits of the worker in X-Request-Id. */
const WORKER_DIGITS = 16;
/** Connections that are opened in search of one worker; of eight, 99.9 % have turned up. */
const SEARCHES_PER_WORKER = 64;

export interface GatewayAnswer extends WarmResponse {
  readonly retryAfter: string;
}

interface Answered {
  readonly answer: GatewayAnswer;
  readonly worker: string;
}

export class GatewayConnections {
  readonly #origin: string;
  readonly #workerCount: number;
  readonly #signal: AbortSignal;
  readonly #idle = new Map<string, Client[]>();
  readonly #open = new Set<Client>();

  /** `origin`: the public listener, such as http://127.0.0.1:8080. */
  constructor(origin: string, workerCount: number, signal: AbortSignal) {
    this.#origin = origin;
    this.#workerCount = workerCount;
    this.#signal = signal;
  }

  /** The workers that could be found, by a name each. Rejects where nobody listens. */
  async workers(): Promise<string[]> {
    if (this.#workerCount === 1) return [ONLY];
    const searches = this.#workerCount * SEARCHES_PER_WORKER;
    for (let count = 0; count < searches && this.#idle.size < this.#workerCount; count++) {
      await this.#search();
    }
    return [...this.#idle.keys()];
  }

  /** Asks one worker. Rejects with what undici says where no whole response comes. */
  async ask(worker: string, target: WarmTarget, fields: readonly string[]): Promise<GatewayAnswer> {
    const { authority, path } = target;
    for (let count = 0; count < SEARCHES_PER_WORKER; count++) {
      const client = this.#idle.get(worker)?.pop() ?? (await this.#opened(worker));
      if (client === null) continue;
      const head = ["host", authority, ...fields];
      const answered = await this.#send(client, "GET", path, head);
      const isRight = worker === ONLY || answered.worker === worker;
      // A connection that the gateway closed meanwhile may come to another worker.
      this.#give(isRight ? worker : answered.worker, client);
      if (isRight) return answered.answer;
    }
    throw new Error("worker_gone");
  }

  /** A response that is read by somebody else, whichever worker answers. */
  async open(
    { authority, path }: WarmTarget,
    fields: readonly string[],
  ): Promise<{ readonly status: number; readonly content: AsyncIterable<Uint8Array> }> {
    const headers = ["host", authority, ...fields];
    const request = { method: "GET" as const, path, headers, signal: this.#signal };
    const { statusCode, body } = await this.#connect().request(request);
    return { status: statusCode, content: body };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map(async (client) => client.destroy()));
  }

  /** A new connection, if it comes to this worker; otherwise it waits for who asks that one. */
  async #opened(worker: string): Promise<Client | null> {
    if (worker === ONLY) return this.#connect();
    const found = await this.#search();
    return found === worker ? (this.#idle.get(worker)?.pop() ?? null) : null;
  }

  /**
   * Opens a connection and says whose it is. The question goes no further (RFC 9110 section 7.6.2).
   */
  async #search(): Promise<string> {
    const client = this.#connect();
    const host = new URL(this.#origin).host;
    const { worker } = await this.#send(client, "OPTIONS", "/", ["host", host, ...LAST_HOP]);
    this.#give(worker, client);
    return worker;
  }

  #connect(): Client {
    const client = new Client(this.#origin, {
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
      pipelining: 1,
    });
    this.#open.add(client);
    return client;
  }

  #give(worker: string, client: Client): void {
    const waiting = this.#idle.get(worker);
    if (waiting === undefined) this.#idle.set(worker, [client]);
    else if (waiting.length < IDLE_MAX) waiting.push(client);
    else this.#drop(client);
  }

  #drop(client: Client): void {
    this.#open.delete(client);
    client.destroy().catch(() => undefined);
  }

  async #send(
    client: Client,
    method: "GET" | "OPTIONS",
    path: string,
    head: string[],
  ): Promise<Answered> {
    try {
      const request = { method, path, headers: head, signal: this.#signal };
      const { statusCode, headers, body } = await client.request(request);
      let bytes = 0;
      // To its end: who leaves early may keep it from being stored.
      for await (const chunk of body as AsyncIterable<Uint8Array>) bytes += chunk.length;
      const field = (name: string): string => [headers[name] ?? ""].flat().join(", ");
      return {
        worker: field("x-request-id").slice(0, WORKER_DIGITS),
        answer: {
          status: statusCode,
          cacheStatus: field("cache-status"),
          proxyStatus: field("proxy-status"),
          location: field("location"),
          retryAfter: field("retry-after"),
          bytes,
        },
      };
    } catch (error) {
      this.#drop(client);
      throw error;
    }
  }
}

const ONLY = "";
const IDLE_MAX = 256;
const LAST_HOP = ["max-forwards", "0"] as const;
