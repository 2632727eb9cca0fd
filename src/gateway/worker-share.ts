// Owns a worker's share of what the config grants the whole gateway: memory, connections and pools
// are divided, so that limits stay what they say however many threads serve.

import type { GatewayConfig, UpstreamConfig } from "./gateway-config.ts";

export function workerShare(config: GatewayConfig, count: number): GatewayConfig {
  const part = (total: number): number => Math.ceil(total / count);
  const memoryBytesMax = Math.floor(config.cache.memoryBytesMax / count);
  return {
    ...config,
    admin: null,
    cache: {
      ...config.cache,
      memoryBytesMax,
      objectBytesMax: Math.min(config.cache.objectBytesMax, memoryBytesMax),
    },
    limits: { ...config.limits, connectionsMax: part(config.limits.connectionsMax) },
    upstreams: new Map(
      [...config.upstreams].map(([name, upstream]): [string, UpstreamConfig] => {
        const { pool } = upstream;
        const { connectionsMax, queueMax } = pool;
        const shared = { connectionsMax: part(connectionsMax), queueMax: part(queueMax) };
        return [name, { ...upstream, pool: { ...pool, ...shared } }];
      }),
    ),
  };
}
