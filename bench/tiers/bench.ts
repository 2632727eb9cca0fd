// Owns what the tiers' benchmark runs on: an origin, a Redis, gateways with and without it, and
// load at a fixed rate, each a process of its own. The gateway that is measured has a core to
// itself.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { nowMs } from "../end-to-end/clock.ts";
import type { FixedRateOptions, FixedRateResult } from "../end-to-end/fixed-rate.ts";
import { freePort, get, waitUntilReady } from "../end-to-end/http-client.ts";
import { allowedCores } from "../end-to-end/proc.ts";
import { ChildProcesses, type RunningProcess } from "../end-to-end/processes.ts";

export interface Load {
  readonly path: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly seed: number;
}

/** A gateway's part of the key must not differ between gateways. */
const HOST = "tiers.test";
const root = join(import.meta.dirname, "..", "..");
const WARMUP_SECONDS = 0.5;
const CONNECTIONS = 32;
const PATIENCE_MS = 20_000;

export class TiersBench {
  readonly #children = new ChildProcesses();
  readonly #directory = mkdtempSync(join(tmpdir(), "edgelane-tiers-"));
  readonly #gatewayCore: number;
  readonly #loadCore: number;
  #originPort = 0;

  constructor() {
    const [first = 0, second = first] = allowedCores();
    this.#gatewayCore = first;
    this.#loadCore = second;
  }

  async startOrigin(): Promise<void> {
    this.#originPort = await freePort();
    const words = [join(import.meta.dirname, "origin.ts"), String(this.#originPort)];
    const command = { file: process.execPath, arguments: words, core: this.#loadCore };
    const origin = this.#children.start(command);
    await waitUntilReady(origin, this.#originPort, "/requests", nowMs(), 10);
  }

  async originRequests(): Promise<number> {
    return Number((await get(this.#originPort, "/requests")).content.toString());
  }

  async startRedis(): Promise<RedisProcess> {
    const port = await freePort();
    const redis = new RedisProcess(port, this.#directory, this.#loadCore, this.#children);
    await redis.start();
    return redis;
  }

  /** `redis`: its port; null: memory is the only tier, or with `memory` off there is none. */
  async startGateway(redis: number | null, memory: "512MB" | "off" = "512MB"): Promise<Gateway> {
    const [port, adminPort] = [await freePort(), await freePort()];
    const file = join(this.#directory, `edgelane-${port}.json`);
    const config = {
      listen: [`127.0.0.1:${port}`],
      admin: { listen: `127.0.0.1:${adminPort}` },
      upstreams: { app: `http://127.0.0.1:${this.#originPort}` },
      cache: { memory, ...(redis === null ? {} : { redis: `redis://127.0.0.1:${redis}` }) },
      log: { access: "off", level: "error" },
    };
    writeFileSync(file, JSON.stringify(config));
    const words = [join(root, "src", "cli.ts"), "serve", "-c", file, "--json"];
    const command = { file: process.execPath, arguments: words, core: this.#gatewayCore };
    const child = this.#children.start(command);
    await waitUntilReady(child, port, "/health", nowMs(), 20);
    const gateway = new Gateway(port, adminPort, child);
    if (redis !== null) await gateway.isFollowing();
    return gateway;
  }

  /** Fails where a request fails: none may, whatever becomes of Redis. */
  async load(gateway: Gateway, load: Load): Promise<FixedRateResult> {
    const { port } = gateway;
    const options: FixedRateOptions = {
      ...load,
      port,
      host: HOST,
      connections: CONNECTIONS,
      warmupSeconds: WARMUP_SECONDS,
    };
    const output = await this.#children.run({
      file: process.execPath,
      arguments: [join(root, "bench", "end-to-end", "fixed-rate.ts"), JSON.stringify(options)],
      core: this.#loadCore,
    });
    return JSON.parse(output) as FixedRateResult;
  }

  async close(): Promise<void> {
    await this.#children.stopAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export class Gateway {
  readonly port: number;
  readonly #adminPort: number;
  readonly #child: RunningProcess;

  constructor(port: number, adminPort: number, child: RunningProcess) {
    this.port = port;
    this.#adminPort = adminPort;
    this.#child = child;
  }

  /** The sum of a metric's samples; `label` is a part of the labels' text. */
  async metric(name: string, label = ""): Promise<number> {
    const text = (await get(this.#adminPort, "/metrics")).content.toString();
    const lines = text.split("\n").filter((line) => line.startsWith(name) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** It reads from Redis and writes to it. */
  async isFollowing(): Promise<void> {
    await until(async () => {
      const isLive = (await this.metric("gateway_cache_journal_followed")) === 1;
      return isLive && (await this.metric("gateway_cache_redis_connections", '"up"')) === 1;
    }, "the gateway to follow its journal");
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

export class RedisProcess {
  readonly port: number;
  readonly #directory: string;
  readonly #core: number;
  readonly #children: ChildProcesses;
  #child: RunningProcess | null = null;
  #client: Redis | null = null;
  #isBusy = false;

  constructor(port: number, directory: string, core: number, children: ChildProcesses) {
    this.port = port;
    this.#directory = directory;
    this.#core = core;
    this.#children = children;
  }

  async start(): Promise<void> {
    const own = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""];
    own.push("--enable-debug-command", "local", "--dir", this.#directory);
    const command = { file: "redis-server", arguments: own, core: this.#core };
    const child = this.#children.start(command);
    this.#child = child;
    await until(async () => /Ready to accept/.test(child.output()), "Redis to start");
    const client = new Redis({ port: this.port, lazyConnect: true, retryStrategy: () => null });
    client.on("error", () => undefined);
    await client.connect();
    this.#client = client;
  }

  async kill(): Promise<void> {
    this.#client?.disconnect();
    this.#child?.signal("SIGKILL");
    await this.#child?.exited;
  }

  freeze(): void {
    this.#child?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#child?.signal("SIGCONT");
  }

  /** It does nothing else for 10 ms, again and again. */
  async slowDown(): Promise<void> {
    this.#isBusy = true;
    while (this.#isBusy) await this.#client?.call("DEBUG", "SLEEP", "0.01");
  }

  speedUp(): void {
    this.#isBusy = false;
  }

  async fill(): Promise<void> {
    await this.#client?.config("SET", "maxmemory", "1");
  }

  async empty(): Promise<void> {
    await this.#client?.config("SET", "maxmemory", "0");
  }
}

export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = nowMs() + PATIENCE_MS;
  while (!(await condition())) {
    if (nowMs() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await delay(10);
  }
}
