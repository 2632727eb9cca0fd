// Owns the harness's own requests: one at a time, for readiness, checks and counters; never part of
// a measurement.

import { createHash } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { nowMs } from "./clock.ts";
import type { RunningProcess } from "./processes.ts";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly content: Buffer;
  readonly digest: string;
}

/** One GET on a connection of its own. */
export function get(
  port: number,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: "127.0.0.1", port, path, headers, agent: false, timeout: 10_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const content = Buffer.concat(chunks);
          const digest = createHash("sha256").update(content).digest("hex");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, content, digest });
        });
      },
    );
    request.on("timeout", () =>
      request.destroy(new Error(`no answer from ${port}${path} in 10 s`)),
    );
    request.on("error", reject);
  });
}

/**
 * A port that was free a moment ago. The caller's server binds it at once; a lost race fails loudly
 * at its start.
 */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no TCP port was given");
  return address.port;
}

/**
 * Polls until `path` answers 200, and gives the milliseconds from `startMs`. Throws when the
 * process ends first.
 */
export async function waitUntilReady(
  child: RunningProcess,
  port: number,
  path: string,
  startMs: number,
  pollMs: number,
): Promise<number> {
  const deadlineMs = nowMs() + 20_000;
  while (nowMs() < deadlineMs) {
    try {
      if ((await get(port, path)).status === 200) return nowMs() - startMs;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ECONNREFUSED" && code !== "ECONNRESET") throw error;
    }
    if (!child.running) break;
    await delay(pollMs);
  }
  const said = `${child.output()}${child.errorOutput()}`.trim().slice(-1_000);
  throw new Error(`it did not become ready on port ${port}: ${said}`);
}
