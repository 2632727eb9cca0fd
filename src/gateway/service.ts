// Owns what the routes of one generation become for requests: the app that routes, the proxy
// behind it, the way of a plain hit, and the accounts. Composes; decides nothing about single
// requests.

import type { Logger } from "pino";
import type { Cache } from "../cache/cache.ts";
import type { Clock } from "../clock.ts";
import type { Core } from "../core/core.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import { CACHE_HITS } from "../telemetry/metric-table.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { App } from "./app.ts";
import { ExchangeAccounts } from "./exchange-accounts.ts";
import { clientBehind, type GatewayIdentity, responseVia } from "./forwarding.ts";
import type { Service } from "./gateway-handler.ts";
import type { Generation } from "./generation.ts";
import { answerHealth } from "./health.ts";
import { HitPath } from "./hit-path.ts";
import type { LoadShedder } from "./load-shedder.ts";
import { Proxy } from "./proxy.ts";
import type { RequestIds } from "./request-ids.ts";
import type { TrustNetwork } from "./trust-network.ts";

/** What outlives generations. */
export interface ServiceParts {
  readonly core: Core;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly accessLog: AccessLog | null;
  readonly ids: RequestIds;
  readonly identity: GatewayIdentity;
  readonly shedder: LoadShedder;
  /** Now, as an HTTP-date. */
  readonly date: () => string;
  readonly state: () => "starting" | "ready" | "draining";
}

export function buildService(generation: Generation, parts: ServiceParts): Service {
  const { config, trust } = generation;
  const { metrics, accessLog } = parts;
  const believed = config.trust.length > 0 ? trust : null;
  return {
    app: buildApp(generation, parts),
    hitPath: buildHitPath(believed, parts),
    accounts: new ExchangeAccounts({
      metrics,
      accessLog,
      clientOf: ({ request, client }) =>
        clientBehind(request.fields, client.address, (address) => trust.has(address)),
    }),
    trust: believed,
  };
}

function buildApp({ config, routes, trust }: Generation, parts: ServiceParts): App {
  const { core, cache, clock, metrics, identity, shedder, date, logger, state } = parts;
  const proxy = new Proxy({
    core,
    cache,
    clock,
    metrics,
    trust,
    shedder,
    identity,
    via: responseVia(identity),
    coalesce: config.cache.coalesce,
    date,
  });
  return new App({
    routes,
    serve: (exchange, route) => proxy.serve(exchange, route),
    health: config.health,
    answerHealth: (exchange) => answerHealth(exchange, state(), date()),
    date,
    onError: (error) => logger.error({ error }, "a middleware failed"),
  });
}

function buildHitPath(trust: TrustNetwork | null, parts: ServiceParts): HitPath {
  const { core, cache, clock, metrics, accessLog, ids } = parts;
  return new HitPath({
    core,
    store: cache.store,
    clock,
    metrics,
    accessLog,
    ids,
    trust,
    countHit: () => {
      metrics.add(CACHE_HITS, 1);
    },
  });
}
