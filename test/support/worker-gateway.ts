// Starts a gateway of several workers in threads of the test's process, on free ports, and gives
// what its admin listener says. With `clients` spread over every worker, which the kernel chooses.

import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import type { GatewayConfig } from "../../src/gateway/gateway-config.ts";
import type { GatewayOptions, Serving } from "../../src/gateway/gateway.ts";
import { createSupervisor } from "../../src/gateway/supervisor.ts";
import { until } from "./gateway.ts";
import { RawClient } from "./raw-client.ts";
import { within } from "./within.ts";

const DEADLINE_MS = 10_000;

export async function startWorkers(count: number, config: EdgelaneConfig): Promise<WorkerGateway> {
  return startWorkersFrom(
    count,
    resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      ...config,
      log: { level: "silent", access: "off", ...config.log },
    }),
  );
}

export async function startWorkersFrom(
  count: number,
  config: GatewayConfig,
  options: GatewayOptions = {},
): Promise<WorkerGateway> {
  const gateway = createSupervisor(config, count, options);
  const { urls, adminUrl } = await gateway.listen();
  return new WorkerGateway(gateway, urls[0] ?? "", adminUrl ?? "");
}

export class WorkerGateway implements AsyncDisposable {
  readonly gateway: Serving;
  readonly port: number;
  readonly adminUrl: string;

  constructor(gateway: Serving, url: string, adminUrl: string) {
    this.gateway = gateway;
    this.port = Number(new URL(url).port);
    this.adminUrl = adminUrl.replace("localhost", "127.0.0.1");
  }

  /** The sum of a metric's samples that have these labels; 0 without one. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await this.admin("GET", "/metrics")).text();
    let sum = 0;
    for (const line of text.split("\n")) {
      if (!line.startsWith(`${name} `) && !line.startsWith(`${name}{`)) continue;
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      if (wanted.every((pair) => line.includes(pair))) sum += Number(line.split(" ").at(-1));
    }
    return sum;
  }

  metricIs(name: string, labels: Record<string, string>, value: number): Promise<void> {
    const what = `${name}${JSON.stringify(labels)} to be ${value}`;
    return until(async () => (await this.metric(name, labels)) === value, what, DEADLINE_MS);
  }

  admin(method: string, path: string, body?: unknown): Promise<Response> {
    const answer = fetch(`${this.adminUrl}${path}`, {
      method,
      headers: { connection: "close", "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return within(answer, DEADLINE_MS, `${method} ${path} on the admin listener`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.gateway.close({ graceMs: 500 }), DEADLINE_MS, "the workers to end");
  }
}

/** Connections by the worker that the kernel gave them to, until each has `count`. */
export async function clientsOfWorkers(
  gateway: WorkerGateway,
  count: number,
): Promise<[RawClient[], RawClient[]]> {
  const clients: [RawClient[], RawClient[]] = [[], []];
  while (clients[0].length < count || clients[1].length < count) {
    const before = await gateway.metric("gateway_worker_connections", { worker: "0" });
    const client = await RawClient.connect(gateway.port);
    await gateway.metricIs("gateway_connections", {}, clients.flat().length + 1);
    const after = await gateway.metric("gateway_worker_connections", { worker: "0" });
    clients[after > before ? 0 : 1].push(client);
  }
  return clients;
}
