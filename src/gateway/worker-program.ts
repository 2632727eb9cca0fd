// Owns how middleware reaches the workers: functions cannot be sent to another thread, so each
// worker imports the program that the config came from and takes its functions, and nothing else,
// from there. A program that was changed since is refused: all workers serve the same.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { loadConfig } from "./config.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import type { WorkerStart } from "./worker-messages.ts";

/** The program of a config with middleware; null where there is none. */
export async function programOf(config: GatewayConfig): Promise<WorkerStart["program"]> {
  if (config.file === null || !config.routes.some((route) => route.use.length > 0)) return null;
  const file = resolve(config.file);
  return { file, sha256: await digest(file) };
}

/** The config as it can be sent: without functions. */
export function withoutMiddleware(config: GatewayConfig): GatewayConfig {
  return { ...config, routes: config.routes.map((route) => ({ ...route, use: [] })) };
}

/** What was sent, with the functions of its program. */
export async function withMiddleware({
  config,
  program,
}: Pick<WorkerStart, "config" | "program">): Promise<GatewayConfig> {
  if (program === null) return config;
  if ((await digest(program.file)) !== program.sha256) {
    throw new Error(`${program.file} was changed since the start; restart to serve it`);
  }
  const own = await loadConfig(program.file, { environment: process.env });
  const uses = new Map(own.routes.map((route) => [route.name, route.use]));
  return {
    ...config,
    routes: config.routes.map((route) => ({ ...route, use: uses.get(route.name) ?? [] })),
  };
}

async function digest(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}
