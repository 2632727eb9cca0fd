// Owns running wrk, the closed-loop load generator for throughput, and reading its counters. It has
// wrk print exact numbers rather than parsing its rounded report.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchContext } from "./bench-context.ts";
import { findProgram } from "./programs.ts";

export interface WrkLoad {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Field lines beside Host. */
  readonly fields: readonly string[];
}

export interface WrkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Refused connections, broken reads and writes, timeouts, and statuses from 400 up. */
  readonly failed: number;
}

const script = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("result %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;

export async function runWrk(context: BenchContext, load: WrkLoad): Promise<WrkResult> {
  const file = findProgram("wrk");
  if (file === null) throw new Error("wrk is not installed");
  const scriptFile = join(context.directory, "wrk.lua");
  if (!existsSync(scriptFile)) writeFileSync(scriptFile, script);
  const fields = load.fields.flatMap((line) => ["-H", line]);
  const shape = ["-t1", `-c${load.connections}`, `-d${load.seconds}s`, "--timeout", "5s"];
  const url = `http://127.0.0.1:${load.port}${load.path}`;
  const output = await context.children.run({
    file,
    arguments: [...shape, ...fields, "-s", scriptFile, url],
    core: context.loadCore,
  });
  const counters = /^result (\d+) (\d+) (\d+)$/m.exec(output);
  if (counters === null) throw new Error(`wrk printed no result: ${output.slice(-300)}`);
  const [requests = 0, microseconds = 1, failed = 0] = counters.slice(1).map(Number);
  return { requests, requestsPerSecond: requests / (microseconds / 1_000_000), failed };
}

/** What a current browser sends beside Host when it fetches a sub-resource: about 600 bytes. */
export const browserFields: readonly string[] = [
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
    "Chrome/142.0.0.0 Safari/537.36",
  "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
  "Sec-Fetch-Site: same-origin",
  "Sec-Fetch-Mode: no-cors",
  "Sec-Fetch-Dest: image",
  "Referer: http://shop.example/products/keyboards",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
];
