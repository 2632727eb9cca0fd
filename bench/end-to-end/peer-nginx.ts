// Owns nginx as a peer: one worker, kept-alive origin connections, and buffers that hold a 64 KiB
// response, so that it never spills to disk. Forwards no X-Forwarded-* fields, which spares it work
// that our gateway does.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext, Peer } from "./peer.ts";
import { findProgram, findVersion } from "./programs.ts";

export const nginx: Peer = {
  name: "nginx",
  modes: ["hits", "proxied", "bulk"],
  accessLog: false,
  runtime: "native",
  readyPath: "/pass/1k",
  find: async () => findVersion("nginx", "-v"),
  launch: (context) => launchNginx(context, "access_log off;"),
};

const logFormat =
  `log_format json escape=json '{"time":"$time_iso8601","method":"$request_method",` +
  `"target":"$request_uri","status":$status,"bytes":$bytes_sent,"duration":$request_time,` +
  `"client":"$remote_addr","agent":"$http_user_agent","cache":"$upstream_cache_status"}';`;

export const nginxWithLog: Peer = {
  ...nginx,
  name: "nginx+log",
  modes: ["hits", "proxied"],
  accessLog: true,
  launch: (context) =>
    launchNginx(context, `${logFormat}\n  access_log access.log json buffer=64k flush=1s;`),
};

function launchNginx(context: LaunchContext, log: string) {
  mkdirSync(join(context.directory, "temp"), { recursive: true });
  const configFile = join(context.directory, "nginx.conf");
  writeFileSync(configFile, nginxConfig(context, log));
  return {
    file: findProgram("nginx") ?? "nginx",
    arguments: ["-p", context.directory, "-e", "error.log", "-c", configFile],
  };
}

function nginxConfig(context: LaunchContext, log: string): string {
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 8192; multi_accept on; }
http {
  ${log}
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  client_max_body_size 0;
  client_body_temp_path temp/body; fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi; scgi_temp_path temp/scgi; proxy_temp_path temp/proxy;
  proxy_cache_path cache keys_zone=hits:10m max_size=1g inactive=24h use_temp_path=off;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffer_size 16k;
  proxy_buffers 8 16k;
  upstream origin { server 127.0.0.1:${context.originPort}; ${keepAlive} }
  upstream bulk { server 127.0.0.1:${context.bulkPort}; ${keepAlive} }
  server {
    listen 127.0.0.1:${context.port} backlog=4096;
    location /fresh/ { proxy_pass http://origin; proxy_cache hits; }
    location /pass/ { proxy_pass http://origin; }
    location /bulk/ { proxy_pass http://bulk; proxy_request_buffering off; }
  }
}
`;
}

// As many idle connections as there are client connections at most: with fewer, nginx closes and
// reopens them.
const keepAlive = "keepalive 512; keepalive_requests 1000000000;";
