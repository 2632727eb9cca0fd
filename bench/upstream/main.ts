// `npm run bench:upstream [-- --mib N --json FILE]`: what pools save, and what streaming costs in
// memory, for every protocol to origins. Origin and clients are processes of their own; this one is
// the gateway, so RSS, processor time and collections are the gateway's.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneUpstream } from "../../src/gateway/edgelane-config.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { AUTHORITY_CERTIFICATE } from "../../test/support/certificates.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    only: { type: "string" },
    json: { type: "string" },
  },
});
const bytes = Number(values.mib) * 1024 * 1024;
const SLOW_BYTES_PER_SECOND = 200 * 1024 * 1024;
const REQUESTS = 3000;
/** A gateway is warm when the first collections of its heap are behind it. */
const WARM_UP_REQUESTS = 5000;
const CONCURRENCY = 16;

const directory = mkdtempSync(join(tmpdir(), "edgelane-bench-"));
const ca = join(directory, "ca.pem");
writeFileSync(ca, AUTHORITY_CERTIFICATE);

type Kind = "h1" | "tls" | "h2c" | "h2";
const results: Record<string, unknown>[] = [];

async function withGateway(
  kind: Kind,
  pool: NonNullable<EdgelaneUpstream["pool"]>,
  measure: (port: string, url: string) => Promise<void>,
): Promise<void> {
  const origin = fork(new URL("origin.ts", import.meta.url), [kind]);
  const [originPort] = (await once(origin, "message")) as [number];
  const scheme = kind === "tls" || kind === "h2" ? "https" : "http";
  const upstream: EdgelaneUpstream = {
    targets: [`${scheme}://127.0.0.1:${originPort}`],
    protocol: kind.startsWith("h2") ? "h2" : "h1",
    tls: { ca },
    pool,
  };
  const gateway = createGateway(
    resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      upstreams: { a: upstream },
      routes: [{ match: "/*", to: "a", cache: "off" }],
      limits: { body: "off" },
      log: { level: "silent", access: "off" },
    }),
  );
  const { urls, adminUrl } = await gateway.listen();
  await measure(new URL(urls[0] ?? "").port, adminUrl ?? "");
  await gateway.close();
  origin.disconnect();
}

/** Streams once, and says what that added to this process's RSS at most. */
async function stream(kind: Kind, port: string, direction: string, pace: number): Promise<void> {
  global.gc?.();
  const beforeBytes = process.memoryUsage().rss;
  let mostBytes = beforeBytes;
  const sampler = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
  }, 20);
  const client = fork(new URL("client.ts", import.meta.url), [
    port,
    direction,
    String(bytes),
    String(pace),
  ]);
  const [got] = (await once(client, "message")) as [
    { count: number; firstMs: number; totalMs: number },
  ];
  clearInterval(sampler);
  if (got.count !== bytes) throw new Error(`${kind} ${direction}: ${got.count} of ${bytes} bytes`);
  report({
    what: "stream",
    kind,
    direction,
    pace: pace === 0 ? "free" : "200 MiB/s",
    mib: bytes / 1024 / 1024,
    rssGrowthMib: round((mostBytes - beforeBytes) / 1024 / 1024),
    firstByteMs: round(got.firstMs),
    mibPerSecond: round(bytes / 1024 / 1024 / (got.totalMs / 1000)),
  });
}

async function requests(kind: Kind, pooled: boolean, port: string, admin: string): Promise<void> {
  const program = new URL("requester.ts", import.meta.url);
  const client = fork(program, [port, WARM_UP_REQUESTS, REQUESTS, CONCURRENCY].map(String));
  await once(client, "message");
  const cpu = process.cpuUsage();
  const [latenciesMs] = (await once(client, "message")) as [number[]];
  const { user, system } = process.cpuUsage(cpu);
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  const opened = /gateway_upstream_connections_opened_total\{[^}]*\} (\d+)/.exec(metrics)?.[1];
  latenciesMs.sort((a, b) => a - b);
  report({
    what: "requests",
    kind,
    pool: pooled ? "pool" : "no pool",
    requests: WARM_UP_REQUESTS + REQUESTS,
    connections: Number(opened),
    p50Ms: round(latenciesMs[Math.floor(REQUESTS * 0.5)] ?? 0),
    p99Ms: round(latenciesMs[Math.floor(REQUESTS * 0.99)] ?? 0),
    cpuMicros: round((user + system) / REQUESTS),
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function report(row: Record<string, unknown>): void {
  results.push(row);
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

for (const kind of ["h1", "tls", "h2c", "h2"] as const) {
  await withGateway(kind, { keepAlive: "30s" }, async (port, admin) => {
    await requests(kind, true, port, admin);
    if (values.only === "requests") return;
    await stream(kind, port, "down", 0);
    await stream(kind, port, "down", SLOW_BYTES_PER_SECOND);
    await stream(kind, port, "up", 0);
    await stream(kind, port, "up", SLOW_BYTES_PER_SECOND);
  });
  await withGateway(kind, { maxRequests: 1 }, async (port, admin) => {
    await requests(kind, false, port, admin);
  });
}
rmSync(directory, { recursive: true });
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ node: process.version, results }, null, 2)}\n`);
}
process.exit();
