// Owns what `import "edgelane"` gives: a gateway from the config that users write. Everything else
// has an export of its own: edgelane/parser, edgelane/core, edgelane/policy.

import { resolveConfig } from "./gateway/config.ts";
import type { EdgelaneConfig } from "./gateway/edgelane-config.ts";
import * as gateway from "./gateway/gateway.ts";

export { defineConfig, type EdgelaneConfig } from "./gateway/edgelane-config.ts";
export type { Bound, Gateway } from "./gateway/gateway.ts";

/**
 * Builds a gateway; nothing listens before `listen`. `environment` is what `$NAME` in the config
 * refers to. Throws a ConfigError that names every problem of the config, and the system's error
 * for a log file that cannot be opened.
 */
export function createGateway(
  config: EdgelaneConfig,
  { environment = process.env }: { readonly environment?: NodeJS.ProcessEnv } = {},
): gateway.Gateway {
  return gateway.createGateway(resolveConfig(config, { environment }));
}
