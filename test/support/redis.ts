// Owns a real redis-server for tests: started on a free port with its data in a directory of its
// own, frozen, thawed, killed and started again on the same port, and gone when the test ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { until } from "./gateway.ts";

export async function startRedis(...options: readonly string[]): Promise<TestRedis> {
  const redis = new TestRedis(await freePort(), options);
  await redis.start();
  return redis;
}

/** Three masters that share the slots; each serves its own whatever becomes of the others. */
export async function startRedisCluster(): Promise<readonly TestRedis[]> {
  const options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  options.push("--cluster-require-full-coverage", "no");
  const nodes = [await startRedis(...options), await startRedis(...options)];
  nodes.push(await startRedis(...options));
  const [first] = nodes;
  for (const [index, node] of nodes.entries()) {
    const from = Math.ceil((index * SLOTS) / nodes.length);
    const to = Math.ceil(((index + 1) * SLOTS) / nodes.length) - 1;
    await node.client.cluster("ADDSLOTSRANGE", from, to);
    if (first !== undefined && node !== first) {
      await node.client.cluster("MEET", "127.0.0.1", first.port);
    }
  }
  for (const node of nodes) {
    const isWhole = async (): Promise<boolean> => {
      const info = await node.client.cluster("INFO");
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info);
    };
    await until(isWhole, "the cluster to form", 20_000);
  }
  return nodes;
}

const SLOTS = 16_384;

/** A Sentinel that watches a master under the name "main" and replaces it after half a second. */
export async function startSentinel(master: TestRedis): Promise<TestRedis> {
  const lines = [
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds main 500",
    "sentinel failover-timeout main 2000",
  ];
  const directory = mkdtempSync(join(tmpdir(), "edgelane-sentinel-"));
  const file = join(directory, "sentinel.conf");
  writeFileSync(file, `${lines.join("\n")}\n`);
  const sentinel = new TestRedis(await freePort(), ["--sentinel"], file);
  await sentinel.start();
  return sentinel;
}

export class TestRedis implements AsyncDisposable {
  readonly port: number;
  readonly #options: readonly string[];
  readonly #file: string | null;
  readonly #directory = mkdtempSync(join(tmpdir(), "edgelane-redis-"));
  #process: ChildProcess | null = null;
  #client: Redis | null = null;

  /** `file`: a config file, which a Sentinel needs. */
  constructor(port: number, options: readonly string[], file: string | null = null) {
    this.port = port;
    this.#options = options;
    this.#file = file;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** For what the test itself asks. */
  get client(): Redis {
    // A server that the test kills takes this connection with it.
    this.#client ??= new Redis(this.port, "127.0.0.1").on("error", () => undefined);
    return this.#client;
  }

  async start(): Promise<void> {
    const own = ["--port", String(this.port), "--dir", this.#directory];
    if (this.#file === null) own.push("--save", "");
    else own.unshift(this.#file);
    const child = spawn("redis-server", [...own, "--bind", "127.0.0.1", ...this.#options], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    let text = "";
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (/Ready to accept connections|Sentinel ID is/.test(text)) resolve();
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`redis-server ended: ${text}`)));
    });
  }

  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    this.#client?.disconnect();
    this.#client = null;
    const child = this.#process;
    this.#process = null;
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
