// Owns the origin servers: nginx for small responses (the canned server where nginx is missing) and
// a streaming one for bulk, both on the load's core. Knows how many requests reached the origin,
// which is what proves hits and misses.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowMs } from "./clock.ts";
import { freePort, get, waitUntilReady } from "./http-client.ts";
import { cacheControl, contentOf, contentSizes } from "./origin-content.ts";
import type { ChildProcesses, Command, RunningProcess } from "./processes.ts";

export interface OriginOptions {
  readonly children: ChildProcesses;
  readonly directory: string;
  readonly core: number;
  /** Path of the nginx program; null to use the canned server. */
  readonly nginx: string | null;
}

export class Origin {
  readonly port: number;
  readonly kind: "nginx" | "node:net";
  readonly #child: RunningProcess;
  #ownRequests = 0;

  private constructor(kind: "nginx" | "node:net", port: number, child: RunningProcess) {
    this.kind = kind;
    this.port = port;
    this.#child = child;
  }

  static async start(options: OriginOptions): Promise<Origin> {
    const port = await freePort();
    const kind = options.nginx === null ? "node:net" : "nginx";
    const command =
      options.nginx === null
        ? cannedOrigin(port, options.core)
        : nginxOrigin(options.nginx, port, options);
    const child = options.children.start(command);
    await waitUntilReady(child, port, "/pass/1k", nowMs(), 20);
    return new Origin(kind, port, child);
  }

  /** Requests seen so far, without those that asked for this number. */
  async requestCount(): Promise<number> {
    const answer = await get(this.port, "/requests");
    const text = answer.content.toString("latin1");
    // nginx's stub_status: "accepts handled requests" on one line, their numbers on the next.
    const count = Number(this.kind === "nginx" ? /\n ?\d+ \d+ (\d+)/.exec(text)?.[1] : text);
    if (!Number.isInteger(count)) throw new Error("the origin did not tell its request count");
    this.#ownRequests++;
    return count - this.#ownRequests;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

export async function startBulkOrigin(
  children: ChildProcesses,
  core: number,
  bytes: number,
): Promise<{ readonly port: number; readonly child: RunningProcess }> {
  const port = await freePort();
  const script = join(import.meta.dirname, "bulk-origin.ts");
  const child = children.start({
    file: process.execPath,
    arguments: [script, String(port), String(bytes)],
    core,
  });
  await waitUntilReady(child, port, "/bulk/ready", nowMs(), 20);
  return { port, child };
}

function cannedOrigin(port: number, core: number): Command {
  const script = join(import.meta.dirname, "canned-origin.ts");
  return { file: process.execPath, arguments: [script, String(port)], core };
}

function nginxOrigin(file: string, port: number, options: OriginOptions): Command {
  const root = join(options.directory, "origin");
  mkdirSync(join(root, "temp"), { recursive: true });
  const locations: string[] = [];
  for (const [area, value] of Object.entries(cacheControl)) {
    mkdirSync(join(root, "files", area), { recursive: true });
    for (const [name, bytes] of Object.entries(contentSizes)) {
      writeFileSync(join(root, "files", area, name), contentOf(bytes));
    }
    locations.push(`location /${area}/ { add_header Cache-Control "${value}"; }`);
    // Content from the configuration saves the origin the file system; nginx takes up to 4 KiB that
    // way.
    const small = `default_type text/plain; add_header Cache-Control "${value}"`;
    const text = contentOf(contentSizes["1k"]).toString("latin1");
    locations.push(`location = /${area}/1k { ${small}; return 200 "${text}"; }`);
  }
  const configFile = join(root, "nginx.conf");
  writeFileSync(configFile, originConfig(root, port, locations));
  return { file, arguments: ["-p", root, "-e", "error.log", "-c", configFile], core: options.core };
}

function originConfig(root: string, port: number, locations: readonly string[]): string {
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 8192; }
http {
  access_log off;
  etag off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  types { }
  default_type text/plain;
  client_body_temp_path temp/body; proxy_temp_path temp/proxy; fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi; scgi_temp_path temp/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${join(root, "files")};
    location = /requests { stub_status; }
    ${locations.join("\n    ")}
  }
}
`;
}
