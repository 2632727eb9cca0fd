// Owns what the hedging and overload benchmarks put up: origin servers and one gateway, each a
// process of its own, and takes down.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OriginProcess, type OriginBehaviour } from "../../test/support/origin-process.ts";
import { nowMs } from "../end-to-end/clock.ts";
import { freePort, waitUntilReady } from "../end-to-end/http-client.ts";
import { ChildProcesses, type RunningProcess } from "../end-to-end/processes.ts";
import { processorMs } from "../end-to-end/proc.ts";

export interface Rig {
  readonly port: number;
  readonly origins: readonly OriginProcess[];
  /** Processor time that the gateway has used. */
  gatewayMs(): number;
  close(): Promise<void>;
}

/** A gateway before origins of these kinds; `config` gets their URLs. */
export async function startRig(
  behaviours: readonly Partial<OriginBehaviour>[],
  config: (targets: readonly string[]) => Record<string, unknown>,
): Promise<Rig> {
  const origins = await Promise.all(behaviours.map((kind) => OriginProcess.start(kind)));
  const directory = mkdtempSync(join(tmpdir(), "edgelane-balance-"));
  const children = new ChildProcesses();
  const port = await freePort();
  const file = join(directory, "edgelane.json");
  const whole = {
    listen: [`127.0.0.1:${port}`],
    admin: "off",
    workers: 1,
    log: { level: "silent", access: "off" },
    ...config(origins.map(({ url }) => url)),
  };
  writeFileSync(file, JSON.stringify(whole));
  const program = fileURLToPath(new URL("../../build/js/src/cli.js", import.meta.url));
  const gateway: RunningProcess = children.start({
    file: process.execPath,
    arguments: [program, "serve", "-c", file],
  });
  await waitUntilReady(gateway, port, "/", nowMs(), 20);
  return {
    port,
    origins,
    gatewayMs: () => processorMs([gateway.pid]),
    close: async () => {
      await children.stopAll();
      await Promise.all(origins.map((origin) => origin.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Requests that all origins have seen. */
export async function requestsSeen(rig: Rig): Promise<number> {
  const counts = await Promise.all(rig.origins.map((origin) => origin.seen()));
  return counts.reduce((sum, count) => sum + count, 0);
}
