// Owns what every section of the benchmark shares: the processes, the temporary directory, the
// cores, the origin, and starting a gateway on the core under test.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { nowMs } from "./clock.ts";
import { Faults } from "./faults.ts";
import { freePort, waitUntilReady } from "./http-client.ts";
import { Origin, startBulkOrigin } from "./origin.ts";
import type { Peer } from "./peer.ts";
import { allowedCores } from "./proc.ts";
import { ChildProcesses, type RunningProcess } from "./processes.ts";
import { findProgram } from "./programs.ts";

export interface BenchContext {
  readonly children: ChildProcesses;
  readonly directory: string;
  readonly gatewayCore: number;
  /** The load generators' and the origin's. */
  readonly loadCore: number;
  readonly origin: Origin;
  readonly bulkPort: number;
  readonly bulkBytes: number;
  readonly faults: Faults;
  /** Says what is going on; not part of the result. */
  readonly progress: (line: string) => void;
}

/** A gateway that runs and has answered. */
export interface Subject {
  readonly name: string;
  readonly peer: Peer;
  readonly port: number;
  readonly child: RunningProcess;
  /** From before the process was created to the first 200. */
  readonly readyMs: number;
}

export async function openContext(
  bulkBytes: number,
  progress: (line: string) => void,
): Promise<BenchContext> {
  const children = new ChildProcesses();
  const directory = mkdtempSync(join(os.tmpdir(), "edgelane-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const [gatewayCore = 0, loadCore = gatewayCore] = allowedCores();
  try {
    const nginx = findProgram("nginx");
    const origin = await Origin.start({ children, directory, core: loadCore, nginx });
    const bulk = await startBulkOrigin(children, loadCore, bulkBytes);
    const cores = { gatewayCore, loadCore };
    const origins = { origin, bulkPort: bulk.port, bulkBytes };
    return { children, directory, ...cores, ...origins, faults: new Faults(), progress };
  } catch (error) {
    await children.stopAll();
    throw error;
  }
}

export async function closeContext(context: BenchContext): Promise<void> {
  await context.children.stopAll();
  rmSync(context.directory, { recursive: true, force: true });
}

let subjectCount = 0;

export async function startSubject(
  context: BenchContext,
  peer: Peer,
  nodeArguments: readonly string[] = [],
): Promise<Subject> {
  const directory = join(context.directory, `${peer.name}-${++subjectCount}`);
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const { origin, bulkPort } = context;
  const ports = { port, originPort: origin.port, bulkPort };
  const launch = peer.launch({ directory, nodeArguments, ...ports });
  const startMs = nowMs();
  const child = context.children.start({ ...launch, core: context.gatewayCore, directory });
  try {
    const readyMs = await waitUntilReady(child, port, peer.readyPath, startMs, 1);
    return { name: peer.name, peer, port, child, readyMs };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
