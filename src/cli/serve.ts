// Owns `edgelane serve`: the gateway from a config file.

import { loadConfig } from "../gateway/config.ts";
import type { GatewayConfig } from "../gateway/gateway-config.ts";
import { requireConfigFile } from "./config-file.ts";
import { usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { describeModuleError } from "./module-error.ts";
import { serveUntilSignal, withAddresses } from "./serving.ts";
import type { Invocation } from "./verbs.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const file = options.get("config") ?? (await requireConfigFile());
  const { environment } = terminal;
  const load = async (): Promise<GatewayConfig> => {
    const loaded = await describeModuleError(file, loadConfig(file, { environment }));
    return withWorkers(withAddresses(loaded, options), options.get("workers"));
  };
  const config = await load();
  return serveUntilSignal(config, invocation, {
    links: () => [],
    hints: [],
    load,
    watch: options.has("watch") ? file : null,
    close: () => Promise.resolve(),
  });
}

function withWorkers(config: GatewayConfig, written: string | undefined): GatewayConfig {
  if (written === undefined) return config;
  if (written === "auto") return { ...config, workers: written };
  const workers = Number(written);
  if (!/^[1-9]\d{0,2}$/.test(written) || workers > 255) {
    throw usageError(`--workers: expected a number from 1 to 255, or auto, not "${written}"`);
  }
  return { ...config, workers };
}
