// Owns how this gateway speaks to Redis: single connections of ioredis, of which it uses
// connections and commands. Nothing is queued, reconnected or sent twice by itself. Knows no
// values.

import type { Redis } from "ioredis";

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

export type RedisClient = Redis;

/** Connect, authenticate and answer a first command. */
export const CONNECT_TIMEOUT_MS = 1000;

/** Sentinels are asked one after the other, and each may be one that does not answer. */
export function connectDeadlineMs({ topology }: RedisConnection): number {
  const others = topology.kind === "sentinel" ? topology.sentinels.length : 0;
  return CONNECT_TIMEOUT_MS * (others + 1);
}

/** Not connected yet. `endpoint`: a node of a Cluster. */
export async function createClient(
  connection: RedisConnection,
  endpoint: RedisEndpoint | null = null,
): Promise<RedisClient> {
  const client = await newClient(connection, endpoint);
  hearAllErrors(client);
  return client;
}

/**
 * ioredis hears the first error of a socket. A TLS socket can have two, a certificate that is
 * refused and the alert that follows, and one that nobody hears would end the process.
 */
function hearAllErrors(client: RedisClient): void {
  let stream = client.stream;
  Object.defineProperty(client, "stream", {
    get: () => stream,
    set: (made: typeof stream) => {
      stream = made;
      made.on("error", () => undefined);
    },
  });
}

async function newClient(
  connection: RedisConnection,
  endpoint: RedisEndpoint | null,
): Promise<RedisClient> {
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
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: "edgelane",
    disableClientInfo: true,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: (): null => null,
  };
  const { Redis } = await import("ioredis");
  if (endpoint !== null) return new Redis({ ...options, ...endpoint });
  if (topology.kind === "single") return new Redis({ ...options, ...topology.endpoint });
  if (topology.kind === "socket") return new Redis({ ...options, path: topology.path });
  if (topology.kind === "cluster") throw new Error("a node of the Cluster has to be named");
  return new Redis({
    ...options,
    sentinels: topology.sentinels.map((sentinel) => ({ ...sentinel })),
    name: topology.master,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    ...("tls" in secure ? { sentinelTLS: secure.tls, enableTLSForSentinelMode: true } : {}),
  });
}
