// Owns a real redis-server for tests: started on a free port with its data in a directory of its
// own, frozen, thawed, killed and started again on the same port, and gone when the test ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

export async function startRedis(...options: readonly string[]): Promise<TestRedis> {
  const redis = new TestRedis(await freePort(), options);
  await redis.start();
  return redis;
}

export class TestRedis implements AsyncDisposable {
  readonly port: number;
  readonly #options: readonly string[];
  readonly #directory = mkdtempSync(join(tmpdir(), "edgelane-redis-"));
  #process: ChildProcess | null = null;
  #client: Redis | null = null;

  constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** For what the test itself asks. */
  get client(): Redis {
    this.#client ??= new Redis(this.port, "127.0.0.1");
    return this.#client;
  }

  async start(): Promise<void> {
    const own = ["--port", String(this.port), "--dir", this.#directory, "--save", ""];
    const child = spawn("redis-server", [...own, "--bind", "127.0.0.1", ...this.#options], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = child;
    let text = "";
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (/Ready to accept connections|Running mode=sentinel/.test(text)) resolve();
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

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
