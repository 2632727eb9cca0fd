// Owns which connection a key belongs to: the only one there is, or that of its node in a Cluster.
// Knows no values.

import type { Clock } from "../clock.ts";
import {
  connectDeadlineMs,
  createClient,
  type RedisClient,
  type RedisConnection,
} from "./redis-client.ts";
import { RedisCluster } from "./redis-cluster.ts";
import type { RedisReason } from "./redis-failure.ts";
import { type LinkState, RedisLink } from "./redis-link.ts";
import type { PaceTimes } from "./redis-pace.ts";

export interface RedisNodes {
  readonly links: readonly RedisLink[];
  /** For connecting a client. */
  readonly connectMs: number;
  /** Times that a connection was given up for a while, those of nodes that are gone included. */
  readonly downs: number;
  /** Resolves when it is known what can be reached. Never rejects. */
  open(): Promise<void>;
  close(): void;
  /** Null while nobody is known to have the key. */
  linkOf(key: string): RedisLink | null;
  /**
   * A connection of its own to where the key is, not connected yet. Rejects where that is unknown.
   */
  clientFor(key: string): Promise<RedisClient>;
  /** A node says that another has what it was asked for. */
  moved(): void;
}

export interface NodeEvents {
  /** `node` is "host:port" in a Cluster, "" elsewhere. */
  up(node: string): void;
  down(node: string, reason: RedisReason, code: string): void;
}

export interface NodeParts {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly times: PaceTimes;
}

export function redisNodes(parts: NodeParts, events: NodeEvents): RedisNodes {
  const { topology } = parts.connection;
  return topology.kind === "cluster"
    ? new RedisCluster(parts, topology.nodes, events)
    : new SoleNode(parts, events);
}

/** Some of them may be asked. */
export function isReadable(links: readonly RedisLink[]): boolean {
  for (const link of links) if (link.isReadable) return true;
  return false;
}

/** Of all: up if any is, for what it has is used. */
export function stateOf(links: readonly RedisLink[]): LinkState {
  const order: readonly LinkState[] = ["up", "probing", "down"];
  return order.find((state) => links.some((link) => link.state === state)) ?? "closed";
}

/** One server, or whoever the Sentinels say is the master. */
class SoleNode implements RedisNodes {
  readonly links: readonly [RedisLink];
  readonly connectMs: number;
  readonly #connection: RedisConnection;

  constructor({ connection, clock, times }: NodeParts, events: NodeEvents) {
    this.#connection = connection;
    this.connectMs = connectDeadlineMs(connection);
    const connect = (): Promise<RedisClient> => createClient(connection);
    const link = new RedisLink(
      { connect, connectMs: this.connectMs, clock, times },
      {
        up: () => events.up(""),
        down: (reason, code) => events.down("", reason, code),
      },
    );
    this.links = [link];
  }

  get downs(): number {
    return this.links[0].downs;
  }

  open(): Promise<void> {
    return this.links[0].open();
  }

  close(): void {
    this.links[0].close();
  }

  linkOf(): RedisLink {
    return this.links[0];
  }

  clientFor(): Promise<RedisClient> {
    return createClient(this.#connection);
  }

  moved(): void {
    // Only a node of a Cluster says so: the config names the wrong kind, and every read is counted.
  }
}
