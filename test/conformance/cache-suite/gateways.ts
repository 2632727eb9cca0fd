// Owns the gateways that the suite runs against: ours, and two others whose published scores show
// that the harness tells the truth.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../../bench/end-to-end/programs.ts";

export interface GatewayContext {
  readonly directory: string;
  readonly port: number;
  readonly originPort: number;
}

interface GatewayCommand {
  readonly file: string;
  readonly arguments: readonly string[];
}

export const gateways: Readonly<Record<string, (context: GatewayContext) => GatewayCommand>> = {
  edgelane: launchEdgelane,
  nginx: launchNginx,
  varnish: launchVarnish,
};

function launchEdgelane(context: GatewayContext): GatewayCommand {
  const program = join(import.meta.dirname, "../../..", "build", "js", "src", "cli.js");
  const configFile = join(context.directory, "edgelane.yaml");
  writeFileSync(
    configFile,
    `listen: ["127.0.0.1:${context.port}"]
admin: off
workers: 1
health: off
upstreams: {origin: "http://127.0.0.1:${context.originPort}"}
cache: {memory: 64MB}
routes: [{match: /*, to: origin, cache: auto}]
log: {level: warn, access: off}
`,
  );
  return { file: process.execPath, arguments: [program, "serve", "-c", configFile] };
}

/** As the suite's own container runs it: caching, and revalidation on. */
function launchNginx(context: GatewayContext): GatewayCommand {
  mkdirSync(join(context.directory, "temp"), { recursive: true });
  const configFile = join(context.directory, "nginx.conf");
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const temporary = places.map((name) => `${name}_temp_path temp/${name};`).join(" ");
  writeFileSync(
    configFile,
    `daemon off; pid nginx.pid; ${process.getuid?.() === 0 ? "user root;" : ""}
events { }
http {
  access_log off; ${temporary}
  proxy_cache_path cache levels=1:2 keys_zone=suite:8m max_size=1000m inactive=600m;
  server {
    listen 127.0.0.1:${context.port};
    location / {
      proxy_pass http://127.0.0.1:${context.originPort};
      proxy_cache suite;
      proxy_cache_revalidate on;
    }
  }
}
`,
  );
  return {
    file: findProgram("nginx") ?? "nginx",
    arguments: ["-p", context.directory, "-e", "error.log", "-c", configFile],
  };
}

function launchVarnish(context: GatewayContext): GatewayCommand {
  const listen = ["-F", "-a", `127.0.0.1:${context.port}`, "-b", `127.0.0.1:${context.originPort}`];
  const storage = ["-n", join(context.directory, "work"), "-s", "malloc,64m", "-j", "none"];
  // As in the container of the suite: without heuristic freshness and grace, which most tests would
  // trip over.
  const parameters = ["-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=3600"];
  return {
    file: findProgram("varnishd") ?? "varnishd",
    arguments: [...listen, ...storage, ...parameters],
  };
}
