// Owns L2 as the gateway has it: made from the config, attached to the cache, opened, watched in
// log, status and metrics, closed. Decides nothing about single requests.

import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Cache } from "../cache/cache.ts";
import type { Purge } from "../cache/purge.ts";
import type { RedisLink } from "../cache/redis-link.ts";
import type { RedisReason } from "../cache/redis-failure.ts";
import { stateOf } from "../cache/redis-nodes.ts";
import { RedisStore } from "../cache/redis-store.ts";
import type { Clock } from "../clock.ts";
import type { SecondTierReading } from "../telemetry/readings.ts";
import type { GatewayConfig, RedisConfig } from "./gateway-config.ts";

export interface RedisTier {
  /** The cache uses it from now on. */
  attach(): void;
  /** Resolves when it is known whether Redis can be reached, or after a moment. Never rejects. */
  open(): Promise<void>;
  /** Tells all instances of a purge; resolves false where that has to wait for Redis. */
  publish(purge: Purge): Promise<boolean>;
  reading(): SecondTierReading;
  /** Gives what waits to be written a moment. */
  close(): Promise<void>;
}

export interface TierParts {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a purge means in the keys of this gateway's routes. */
  readonly formsOf: (purge: Purge) => readonly Purge[];
}

/** Of closing: what is not written by then is fetched again by somebody. */
const CLOSE_GRACE_MS = 500;

/** Null without `cache.redis`. Throws the system's error for an authority file it cannot read. */
export function createRedisTier(config: GatewayConfig, parts: TierParts): RedisTier | null {
  const { redis, memoryBytesMax, objectBytesMax } = config.cache;
  if (redis === null || memoryBytesMax === 0) return null;
  const { cache, clock, logger, formsOf } = parts;
  let failure: string | null = null;
  const store = new RedisStore(
    {
      connection: { ...redis, tls: redis.secure ? { authority: authorityOf(redis) } : null },
      prefix: redis.prefix,
      times: { lateMs: Math.min(redis.hedgeMs, redis.timeoutMs), timeoutMs: redis.timeoutMs },
      queueBytesMax: redis.queueBytesMax,
      objectBytesMax,
      variantsMax: config.cache.variantsMax,
    },
    clock,
    {
      formsOf,
      purged: (forms) => {
        for (const form of forms) cache.purge(form);
      },
      lost: () => {
        logger.warn("purges were missed while Redis was away: the cache in memory is emptied");
        cache.purge({ scope: { kind: "all" }, mode: "hard" });
      },
      up: (node) => {
        failure = null;
        logger.info(named(node), "Redis is up: the second tier of the cache is used");
      },
      down: (node, reason, code) => {
        failure = code === "" ? reason : `${reason} (${code})`;
        const detail = { ...named(node), reason, ...(code === "" ? {} : { code }) };
        logger.warn(detail, DOWN_TEXTS[reason] ?? "Redis is down: it is left alone");
      },
    },
  );
  return {
    attach: () => cache.attach(store),
    open: () => store.open(),
    publish: (purge) => store.publish(purge),
    reading: () => readingOf(store, failure),
    close: () => store.close(CLOSE_GRACE_MS),
  };
}

function named(node: string): { readonly node?: string } {
  return node === "" ? {} : { node };
}

/** What an operator can do something about. */
const DOWN_TEXTS: Partial<Record<RedisReason, string>> = {
  denied: "Redis refuses user or password: see cache.redis",
  tls: "Redis is not who it should be, or speaks no TLS: see cache.redis.url and cache.redis.ca",
};

export function redisState(reading: SecondTierReading | null): "up" | "down" | null {
  if (reading === null) return null;
  return reading.state === "up" ? "up" : "down";
}

function authorityOf({ authorityFile }: RedisConfig): string {
  return authorityFile === null ? "" : readFileSync(authorityFile, "utf8");
}

function readingOf(store: RedisStore, failure: string | null): SecondTierReading {
  const { hedges, journal, nodes, results, stored, writes } = store;
  return {
    state: stateOf(nodes.links),
    nodes: countStates(nodes.links),
    failure,
    isFollowing: journal.isLive,
    hits: results.get("hit") ?? 0,
    stale: results.get("stale") ?? 0,
    reads: [...results],
    hedges,
    stores: stored,
    dropped: [...writes.dropped],
    queuedBytes: writes.queuedBytes,
    downs: nodes.downs,
    purgesReceived: journal.received,
    purgesPending: journal.pendingCount,
    losses: journal.losses,
  };
}

function countStates(links: readonly RedisLink[]): [state: string, count: number][] {
  const counts = new Map<string, number>(NODE_STATES.map((state) => [state, 0]));
  for (const link of links) {
    const state = link.state === "up" && !link.isReadable ? "late" : link.state;
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts];
}

/** Late: it owes an answer for longer than `cache.redis.hedge`, and is asked nothing until then. */
const NODE_STATES = ["up", "late", "probing", "down"] as const;
