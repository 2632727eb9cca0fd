// Owns what tests of the second tier share: a real Redis, an origin, and gateways in front of both,
// closed together.

import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { type OriginScript, startOrigin, type TestOrigin } from "./origin.ts";
import { answer } from "./origin-scripts.ts";
import { startRedis, type TestRedis } from "./redis.ts";

export type CacheConfig = NonNullable<EdgelaneConfig["cache"]>;
export type RouteConfig = NonNullable<EdgelaneConfig["routes"]>;

export const FRESH = "Cache-Control: max-age=60";

export class Tiers implements AsyncDisposable {
  readonly redis: TestRedis;
  readonly origin: TestOrigin;
  readonly gateways: TestGateway[] = [];

  constructor(redis: TestRedis, origin: TestOrigin) {
    this.redis = redis;
    this.origin = origin;
  }

  /** Time enough for a loaded machine, where how fast it is is not tested. */
  get patient(): NonNullable<CacheConfig["redis"]> {
    return { url: this.redis.url, timeout: "2s", hedge: "2s" };
  }

  async gateway(cache: CacheConfig = {}, routes?: RouteConfig): Promise<TestGateway> {
    const started = await startGateway({
      cache: { redis: this.patient, ...cache },
      upstreams: { app: this.origin.url },
      ...(routes === undefined ? {} : { routes }),
    });
    this.gateways.push(started);
    return started;
  }

  /** Follows the journal, so that it reads and writes. */
  async following(cache: CacheConfig = {}, routes?: RouteConfig): Promise<TestGateway> {
    const started = await this.gateway(cache, routes);
    await isFollowing(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.thaw();
    await this.origin.close();
    for (const gateway of this.gateways) await gateway.shutDown();
    await this.redis[Symbol.asyncDispose]();
  }
}

export async function startTiers(
  script: OriginScript,
  ...redisOptions: readonly string[]
): Promise<Tiers> {
  const origin = await startOrigin(script);
  return new Tiers(await startRedis("--enable-debug-command", "local", ...redisOptions), origin);
}

export async function isFollowing(gateway: TestGateway): Promise<void> {
  await gateway.metricIs("gateway_cache_journal_followed", {}, 1);
  await gateway.metricIs("gateway_cache_breaker_state", {}, 0);
}

/** So many responses have been written to Redis. */
export async function stored(at: TestGateway, count: number): Promise<void> {
  await at.metricIs("gateway_cache_stores_total", { tier: "l2" }, count);
}

export function responder(content: string | Buffer, ...lines: string[]): OriginScript {
  return async (connection) => {
    for (;;) {
      await connection.readHead();
      await connection.send(answer(content, ...lines));
    }
  };
}
