// Starts a whole gateway in the test's process, on free ports, and at its end makes sure that
// nothing of it is left: exchanges, connections and slabs by its own metrics, sockets and timers by
// what Node keeps alive.
//
//   const gateway = await startGateway({ upstreams: { app: origin.url } });
//   gateway.port                 of the public listener
//   await gateway.metric("gateway_failures_total", { reason: "headers_timeout" })
//   await gateway.log(3)         the first three lines of the access log, once they are written
//   await gateway.close()        with every client and origin connection of the test gone
//
// `shiftedClock` moves the wall clock of all gateways of this process.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { resolveConfig } from "../../src/gateway/config.ts";
import type { EdgelaneConfig } from "../../src/gateway/edgelane-config.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { within } from "./within.ts";

export interface LogLine {
  readonly request_id: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly endpoint: string;
  readonly status: number;
  readonly bytes: number;
  readonly duration_ms: number;
  readonly client: string;
  readonly cache?: string;
  readonly target?: string;
  readonly reason?: string;
  readonly detail?: string;
}

const DEADLINE_MS = 5000;
const PAUSE_MAX_MS = 16;

/** Listens on loopback, with the admin listener on and the access log in a file of its own. */
export async function startGateway(config: EdgelaneConfig): Promise<TestGateway> {
  const before = resourceCounts();
  const directory = mkdtempSync(join(tmpdir(), "edgelane-test-"));
  const access = join(directory, "access.log");
  const gateway = createGateway(
    resolveConfig({
      listen: ["127.0.0.1:0"],
      admin: { listen: "127.0.0.1:0" },
      ...config,
      log: { level: "silent", access, ...config.log },
    }),
  );
  try {
    const { urls, adminUrl } = await gateway.listen();
    const ports = urls.map((url) => Number(new URL(url).port));
    const adminPort = adminUrl === null ? 0 : Number(new URL(adminUrl).port);
    const started = new TestGateway(gateway, { ports, adminPort, directory, access, before });
    await started.keepBaseline();
    return started;
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
}

interface Started {
  readonly ports: readonly number[];
  readonly adminPort: number;
  readonly directory: string;
  readonly access: string;
  readonly before: ReadonlyMap<string, number>;
}

export class TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly ports: readonly number[];
  readonly adminPort: number;
  readonly #started: Started;
  #buffersAtStart = 0;
  #closed = false;
  /** The access log of a gateway that has ended. */
  #logText: string | null = null;

  constructor(gateway: Gateway, started: Started) {
    this.gateway = gateway;
    this.ports = started.ports;
    this.port = started.ports[0] ?? 0;
    this.adminPort = started.adminPort;
    this.#started = started;
  }

  /** The exposition, as a scraper reads it. */
  async metrics(): Promise<string> {
    const response = await this.admin("GET", "/metrics");
    return response.text();
  }

  /** The sum of a metric's samples that have these labels; 0 without one. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels);
  }

  /** Resolves once a metric's sum is `value`. */
  async metricIs(name: string, labels: Record<string, string>, value: number): Promise<void> {
    const what = `${name}${JSON.stringify(labels)} to be ${value}`;
    await until(async () => (await this.metric(name, labels)) === value, what);
  }

  admin(method: string, path: string, body?: unknown): Promise<Response> {
    const answer = fetch(`http://127.0.0.1:${this.adminPort}${path}`, {
      method,
      headers: { connection: "close", "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return within(answer, DEADLINE_MS, `${method} ${path} on the admin listener`);
  }

  /** Lines of the access log, once there are `count`. */
  async log(count: number): Promise<LogLine[]> {
    await until(async () => this.logText().split("\n").length > count, `${count} log lines`);
    const lines = this.logText().trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  logText(): string {
    return this.#logText ?? readFileSync(this.#started.access, "utf8");
  }

  /** No exchange, no connection and no slab is in use that was not from the start. */
  async idle(): Promise<void> {
    let left = "";
    await until(
      async () => {
        const text = await this.metrics();
        const connections = sumOf(text, "gateway_connections", {});
        const buffers = sumOf(text, "gateway_buffers_in_use", {}) - this.#buffersAtStart;
        left = `${connections} connections and ${buffers} buffers to be released`;
        return connections === 0 && buffers === 0;
      },
      () => left,
    );
  }

  /** The gateway keeps some buffers for as long as it lives. */
  async keepBaseline(): Promise<void> {
    if (this.adminPort !== 0) this.#buffersAtStart = await this.metric("gateway_buffers_in_use");
  }

  /**
   * Closes, and fails the test for what is left over. Connections of the test have to be closed
   * before.
   */
  async close(): Promise<void> {
    const { before, adminPort } = this.#started;
    try {
      if (adminPort !== 0 && !this.#closed) await this.idle();
      await this.shutDown();
      await until(
        async () => leftOver(before).length === 0,
        () => `${leftOver(before)} to close`,
      );
    } finally {
      await this.shutDown();
    }
  }

  /** Closes the gateway itself; `close` then only looks for what is left. */
  async shutDown(options?: { graceMs: number }): Promise<void> {
    this.#closed = true;
    await this.gateway.close(options);
    // Another call may have been first.
    if (this.#logText !== null) return;
    const { access } = this.#started;
    this.#logText = existsSync(access) ? readFileSync(access, "utf8") : "";
    rmSync(this.#started.directory, { recursive: true, force: true });
  }
}

/** Lets the wall clock of the gateways be moved; `restore` at the end of the test. */
export function shiftedClock(): { advance(ms: number): void; restore(): void } {
  let offsetMs = 0;
  const spy = vi.spyOn(systemClock, "nowMs").mockImplementation(() => Date.now() + offsetMs);
  return {
    advance: (ms) => {
      offsetMs += ms;
    },
    restore: () => spy.mockRestore(),
  };
}

/**
 * Asks until the condition holds; fails with what was awaited. Pauses in between, longer each time:
 * the gateway shares this event loop, which accepts one connection a turn, so that asking in every
 * turn (a scrape takes milliseconds) would hold up what is awaited.
 */
export async function until(
  condition: () => Promise<boolean>,
  what: string | (() => string),
  timeoutMs = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let pauseMs = 1;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited in vain for ${typeof what === "string" ? what : what()}`);
    }
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  }
}

/** Sums the samples of an exposition. */
function sumOf(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name} `) && !line.startsWith(`${name}{`)) continue;
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    if (wanted.every((pair) => line.includes(pair))) sum += Number(line.split(" ").at(-1));
  }
  return sum;
}

/** What keeps the process alive, by kind. */
function resourceCounts(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

const WATCHED: ReadonlySet<string> = new Set(["TCPSocketWrap", "TCPServerWrap", "Timeout"]);

function leftOver(before: ReadonlyMap<string, number>): string {
  const more = [...resourceCounts()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
  return more.map(([kind, count]) => `${count} × ${kind}`).join(", ");
}
