// Owns listening on one port from several threads: whether this system can, and which ports they
// get.

import { availableParallelism } from "node:os";
import { createServer, type Server } from "node:net";
import type { GatewayConfig, ListenAddress } from "./gateway-config.ts";

export interface WorkerCount {
  readonly count: number;
  /** Why there are fewer than were asked for; null where there are not. */
  readonly warning: string | null;
}

/** How many workers serve: one where they could not share a port. */
export async function countWorkers(workers: GatewayConfig["workers"]): Promise<WorkerCount> {
  const wanted = Math.min(workers === "auto" ? availableParallelism() : workers, WORKERS_MAX);
  if (wanted === 1 || (await canReusePort())) return { count: wanted, warning: null };
  const warning = "workers: this system does not let threads share a port; one worker serves";
  return { count: 1, warning };
}

const WORKERS_MAX = 255;

/** Two listeners on one port, for a moment. */
async function canReusePort(): Promise<boolean> {
  const servers = [createServer(), createServer()] as const;
  try {
    const port = await bind(servers[0], { host: "127.0.0.1", port: 0 }, "share");
    await bind(servers[1], { host: "127.0.0.1", port }, "share");
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all(servers.map(unbind));
  }
}

/**
 * The addresses with their ports. Each is bound by nobody else for the moment: without this, a
 * second gateway would take half of the first one's connections without a word. Rejects with the
 * system's error.
 */
export async function claimPorts(listen: readonly ListenAddress[]): Promise<ListenAddress[]> {
  const servers: Server[] = [];
  try {
    const claimed: ListenAddress[] = [];
    for (const address of listen) {
      const server = createServer();
      servers.push(server);
      claimed.push({ ...address, port: await bind(server, address, "alone") });
    }
    return claimed;
  } finally {
    await Promise.all(servers.map(unbind));
  }
}

function bind(server: Server, address: ListenAddress, how: "share" | "alone"): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const { host, port } = address;
    const options = { port, reusePort: how === "share", ...(host === null ? {} : { host }) };
    server.listen(options, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}

function unbind(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}
