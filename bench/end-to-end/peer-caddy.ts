// Owns Caddy as a peer: its reverse proxy on one core, with enough idle origin connections. It has
// no cache of its own.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext, Peer } from "./peer.ts";
import { findProgram, findVersion } from "./programs.ts";

export const caddy: Peer = {
  name: "caddy",
  modes: ["proxied", "bulk"],
  accessLog: false,
  runtime: "native",
  readyPath: "/pass/1k",
  find: async () => findVersion("caddy", "version"),
  launch: (context) => {
    const configFile = join(context.directory, "caddy.json");
    writeFileSync(configFile, JSON.stringify(caddyConfig(context)));
    return {
      file: findProgram("caddy") ?? "caddy",
      arguments: ["run", "--config", configFile],
      environment: { GOMAXPROCS: "1", HOME: context.directory },
    };
  },
};

function caddyConfig(context: LaunchContext): object {
  const proxy = (port: number) => ({
    handler: "reverse_proxy",
    upstreams: [{ dial: `127.0.0.1:${port}` }],
    transport: {
      protocol: "http",
      compression: false,
      keep_alive: { enabled: true, max_idle_conns: 1_000, max_idle_conns_per_host: 1_000 },
    },
  });
  const routes = [
    { match: [{ path: ["/bulk/*"] }], handle: [proxy(context.bulkPort)] },
    { handle: [proxy(context.originPort)] },
  ];
  const server = {
    listen: [`127.0.0.1:${context.port}`],
    automatic_https: { disable: true },
    protocols: ["h1"],
    routes,
  };
  return {
    admin: { disabled: true },
    logging: { logs: { default: { level: "ERROR" } } },
    apps: { http: { servers: { front: server } } },
  };
}
