// Owns what `import "edgelane"` gives: a gateway from the config that users write. Everything else
// has an export of its own: edgelane/parser, edgelane/core, edgelane/policy.

import { resolveConfig } from "./gateway/config.ts";
import type { EdgelaneConfig } from "./gateway/edgelane-config.ts";
import * as gateway from "./gateway/gateway.ts";
import type { ReloadOutcome } from "./gateway/reloader.ts";

export { defineConfig, type EdgelaneConfig } from "./gateway/edgelane-config.ts";
export type { Bound } from "./gateway/gateway.ts";
export type { ReloadOutcome } from "./gateway/reloader.ts";

export interface Gateway extends Omit<gateway.Gateway, "reload" | "reloadFrom"> {
  /**
   * Serves another config from the next request on, or, if there is anything wrong with it, the one
   * before. Never rejects.
   */
  reload(config: EdgelaneConfig): Promise<ReloadOutcome>;
}

/**
 * Builds a gateway; nothing listens before `listen`. `environment` is what `$NAME` in the config
 * refers to. Throws a ConfigError that names every problem of the config, and the system's error
 * for a log file that cannot be opened.
 */
export function createGateway(
  config: EdgelaneConfig,
  { environment = process.env }: { readonly environment?: NodeJS.ProcessEnv } = {},
): Gateway {
  const running = gateway.createGateway(resolveConfig(config, { environment }));
  const { engine, fetch } = running;
  return {
    engine,
    get redis() {
      return running.redis;
    },
    fetch,
    listen: () => running.listen(),
    explain: (request) => running.explain(request),
    close: (options) => running.close(options),
    reload: (next) => running.reloadFrom(async () => resolveConfig(next, { environment })),
  };
}
