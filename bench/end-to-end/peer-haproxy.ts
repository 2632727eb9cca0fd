// Owns HAProxy as a peer: one thread, origin connections shared by all clients.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext, Peer } from "./peer.ts";
import { findProgram, findVersion } from "./programs.ts";

export const haproxy: Peer = {
  name: "haproxy",
  modes: ["proxied", "bulk"],
  accessLog: false,
  runtime: "native",
  readyPath: "/pass/1k",
  find: async () => findVersion("haproxy", "-v"),
  launch: (context) => {
    const configFile = join(context.directory, "haproxy.cfg");
    writeFileSync(configFile, haproxyConfig(context));
    return { file: findProgram("haproxy") ?? "haproxy", arguments: ["-db", "-f", configFile] };
  },
};

function haproxyConfig(context: LaunchContext): string {
  return `global
  nbthread 1
  maxconn 6000
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
frontend front
  bind 127.0.0.1:${context.port} backlog 4096
  use_backend bulk if { path_beg /bulk/ }
  default_backend origin
backend origin
  server origin 127.0.0.1:${context.originPort} pool-max-conn -1
backend bulk
  server bulk 127.0.0.1:${context.bulkPort}
`;
}
