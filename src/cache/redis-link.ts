// Owns one connection to Redis (single, Sentinel or Cluster) and whether it may be used: the
// circuit breaker of the second tier. It is up, down for a while, or probed; only the link itself
// probes, so no request ever waits for a Redis that does not answer. Knows no values.

import type { Cluster, Redis } from "ioredis";
import type { Clock } from "../clock.ts";

export interface RedisEndpoint {
  readonly host: string;
  readonly port: number;
}

export type RedisTopology =
  | { readonly kind: "single"; readonly endpoint: RedisEndpoint }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "cluster"; readonly nodes: readonly RedisEndpoint[] }
  | {
      readonly kind: "sentinel";
      readonly sentinels: readonly RedisEndpoint[];
      readonly master: string;
    };

export interface RedisConnection {
  readonly topology: RedisTopology;
  /** PEM of the authorities to trust; "" for the system's. null: no TLS. */
  readonly tls: { readonly authority: string } | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
}

/** Why Redis did not do what it was asked: the label of the metric. */
export type RedisReason = "timeout" | "connection" | "full" | "denied" | "unavailable" | "reply";

class RedisFailure extends Error {
  readonly reason: RedisReason;

  constructor(reason: RedisReason) {
    super(`redis: ${reason}`);
    this.reason = reason;
  }
}

/** Connect, authenticate and answer a first command. */
const PROBE_TIMEOUT_MS = 1000;
/** Between two checks that the connection still answers. */
const CHECK_MS = 1000;
const CHECK_TIMEOUT_MS = 500;
/** From the first wait to the longest, doubled each time. */
const DOWN_MS = 250;
const DOWN_MS_MAX = 5000;
/** Failures in a row that take the link down. */
const FAILURES_MAX = 5;

export type LinkState = "closed" | "up" | "down" | "probing";

/** What the link calls on a client of either kind. */
export type RedisClient = Redis | Cluster;

export interface LinkEvents {
  up(): void;
  down(reason: RedisReason): void;
}

export class RedisLink {
  state: LinkState = "closed";
  /** What Redis's clock shows less what ours does. */
  clockOffsetMs = 0;
  /** Times that it went down. */
  downs = 0;
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #events: LinkEvents;
  #client: RedisClient | null = null;
  #failures = 0;
  #waitMs = DOWN_MS;
  #timer: NodeJS.Timeout | null = null;

  constructor(connection: RedisConnection, clock: Clock, events: LinkEvents) {
    this.#connection = connection;
    this.#clock = clock;
    this.#events = events;
  }

  /** Null while it must not be used. */
  get client(): RedisClient | null {
    return this.state === "up" ? this.#client : null;
  }

  /** Resolves when the first probe has ended, one way or the other. Never rejects. */
  async open(): Promise<void> {
    if (this.state === "closed") await this.#probe();
  }

  close(): void {
    this.state = "closed";
    this.#drop();
  }

  succeed(): void {
    this.#failures = 0;
  }

  /** A command failed. Some say at once that no other will do better. */
  fail(reason: RedisReason, client: RedisClient): void {
    // A reply that came late, of a connection that is gone already, says nothing of this one.
    if (client !== this.client || reason === "full" || reason === "reply") return;
    this.#failures++;
    if (this.#failures >= FAILURES_MAX || reason === "unavailable") this.#goDown(reason);
  }

  async #probe(): Promise<void> {
    this.state = "probing";
    let client: RedisClient | null = null;
    try {
      client = await createClient(this.#connection);
      this.#client = client;
      client.on("error", () => undefined);
      await deadline(client.connect(), PROBE_TIMEOUT_MS);
      await this.#readClock(client, PROBE_TIMEOUT_MS);
      if (this.#isClosed(client)) return;
      this.#goUp(client);
    } catch (error) {
      if (this.#isClosed(client)) client?.disconnect();
      else this.#goDown(reasonOf(error));
    }
  }

  #isClosed(client: RedisClient | null): boolean {
    return this.state === "closed" || client !== this.#client;
  }

  #goUp(client: RedisClient): void {
    this.state = "up";
    this.#failures = 0;
    this.#waitMs = DOWN_MS;
    const lost = (): void => {
      if (client === this.#client && this.state === "up") this.#goDown("connection");
    };
    client.once("close", lost);
    client.once("end", lost);
    this.#schedule(CHECK_MS, () => void this.#check(client));
    this.#events.up();
  }

  async #check(client: RedisClient): Promise<void> {
    try {
      await this.#readClock(client, CHECK_TIMEOUT_MS);
      if (client === this.client) this.#schedule(CHECK_MS, () => void this.#check(client));
    } catch (error) {
      if (client === this.client) this.#goDown(reasonOf(error));
    }
  }

  async #readClock(client: RedisClient, timeoutMs: number): Promise<void> {
    const beforeMs = this.#clock.nowMs();
    const [seconds, microseconds] = await deadline(client.time(), timeoutMs);
    const betweenMs = (beforeMs + this.#clock.nowMs()) / 2;
    this.clockOffsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - betweenMs;
  }

  /** The connection is given up, with everything that still waits on it. */
  #goDown(reason: RedisReason): void {
    this.state = "down";
    this.downs++;
    this.#drop();
    // Instances that lost one Redis at one time do not come back at one time.
    const waitMs = this.#waitMs * (0.5 + Math.random() / 2);
    this.#waitMs = Math.min(DOWN_MS_MAX, this.#waitMs * 2);
    this.#schedule(waitMs, () => void this.#probe());
    this.#events.down(reason);
  }

  #drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const client = this.#client;
    this.#client = null;
    client?.disconnect();
  }

  #schedule(delayMs: number, action: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
    this.#timer.unref();
  }
}

/** Not connected yet; it never reconnects, never queues and never sends a command twice. */
export async function createClient(connection: RedisConnection): Promise<RedisClient> {
  const { topology, tls, username, password, database } = connection;
  const secure = tls === null ? {} : { tls: tls.authority === "" ? {} : { ca: tls.authority } };
  const options = {
    ...secure,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    db: database,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: 1,
    connectTimeout: PROBE_TIMEOUT_MS,
    connectionName: "edgelane",
    disableClientInfo: true,
  };
  const alone = {
    ...options,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: (): null => null,
  };
  const { Cluster, Redis } = await import("ioredis");
  if (topology.kind === "single") return new Redis({ ...alone, ...topology.endpoint });
  if (topology.kind === "socket") return new Redis({ ...alone, path: topology.path });
  if (topology.kind === "sentinel") {
    return new Redis({
      ...alone,
      sentinels: topology.sentinels.map((sentinel) => ({ ...sentinel })),
      name: topology.master,
      sentinelRetryStrategy: () => null,
      sentinelCommandTimeout: PROBE_TIMEOUT_MS,
      ...("tls" in secure ? { sentinelTLS: secure.tls, enableTLSForSentinelMode: true } : {}),
    });
  }
  return new Cluster(
    topology.nodes.map((node) => ({ ...node })),
    {
      lazyConnect: true,
      // Queues only until it knows its slots; a command to a node that is lost fails.
      enableOfflineQueue: false,
      clusterRetryStrategy: () => null,
      clusterNodeRetryStrategy: () => 100,
      redisOptions: options,
    },
  );
}

/** As the promise; rejects when it takes too long, and then takes no notice of it any more. */
export function deadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RedisFailure("timeout")), timeoutMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new RedisFailure("connection"));
      },
    );
  });
}

export function reasonOf(error: unknown): RedisReason {
  if (error instanceof RedisFailure) return error.reason;
  const text = error instanceof Error ? error.message : "";
  if (/^(?:OOM|MISCONF)/.test(text)) return "full";
  if (/^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/.test(text)) return "denied";
  if (/^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|BUSY)/.test(text)) return "unavailable";
  return error instanceof Error && error.name === "ReplyError" ? "reply" : "connection";
}
