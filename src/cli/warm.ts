// Owns `edgelane warm`: asks a running gateway for what a list or a sitemap names, so that clients
// find it stored. Speaks with the gateway only, whatever hosts are named.

import { adminHost, askAdmin } from "./admin-client.ts";
import { CommandError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Invocation } from "./verbs.ts";
import { GatewayConnections } from "./warm/gateway-connections.ts";
import { readPlan, type WarmPlan } from "./warm/plan.ts";
import { Warming } from "./warm/warming.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const plan = readPlan(invocation);
  const before = await readGateway(invocation, plan);
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const { signal } = stopped;
  const connections = new GatewayConnections(before.listener, before.workers, signal);
  try {
    const warming = new Warming(plan, connections, { signal, terminal: invocation.terminal });
    const ended = await warming.run(new URL(before.listener).host, before.workers);
    const after = signal.aborted ? before : await readGateway(invocation, plan);
    return warming.report(ended, after.lost - before.lost);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await connections.close();
  }
}

interface RunningGateway {
  /** The public listener. */
  readonly listener: string;
  readonly workers: number;
  /** Stored responses that memory had no room for, since the start. */
  readonly lost: number;
}

interface StatusBody {
  readonly listen: readonly string[];
  readonly workers: readonly unknown[];
  readonly cache: {
    readonly tiers: readonly {
      readonly evictions: number;
      readonly ends?: { readonly rejections: number };
    }[];
  };
}

async function readGateway(invocation: Invocation, { to }: WarmPlan): Promise<RunningGateway> {
  const { status, body } = await askAdmin(invocation, "/status");
  if (status !== 200 || !isStatus(body)) throw new CommandError(`the admin API answered ${status}`);
  const { listen, workers, cache } = body;
  const lost = cache.tiers.reduce(
    (sum, { evictions, ends }) => sum + evictions + (ends?.rejections ?? 0),
    0,
  );
  return {
    listener: to ?? listenerOf(listen, adminHost(invocation)),
    workers: workers.length,
    lost,
  };
}

function isStatus(body: unknown): body is StatusBody {
  return typeof body === "object" && body !== null && "listen" in body && "workers" in body;
}

/** What listens on loopback, or everywhere, is reached where the admin API was. */
function listenerOf(listen: readonly string[], admin: string): string {
  const found = listen.find((url) => url.startsWith("http://"));
  if (found === undefined) {
    throw new CommandError("the gateway has no listener without TLS; --to says which to ask");
  }
  const url = new URL(found);
  if (url.hostname === "localhost" || url.hostname === "0.0.0.0" || url.hostname === "[::]") {
    url.hostname = admin.includes(":") ? `[${admin}]` : admin;
  }
  return url.origin;
}
