// Owns our own gateway as it takes part: the built command line with a generated configuration, one
// worker, and nothing switched off that is on by default but the access log and the admin listener.
// Limits that would end the measurement (the size of an upload, the requests of a connection) are
// lifted for every peer alike.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Availability, LaunchContext, Peer } from "./peer.ts";

const root = join(import.meta.dirname, "..", "..");
const program = join(root, "build", "js", "src", "cli.js");

export const edgelane: Peer = {
  name: "edgelane",
  modes: ["hits", "proxied", "bulk"],
  accessLog: false,
  runtime: "node",
  readyPath: "/health",
  find: async () => findEdgelane(),
  launch: (context) => launchEdgelane(context, "off"),
};

export const edgelaneWithLog: Peer = {
  ...edgelane,
  name: "edgelane+log",
  modes: ["hits", "proxied"],
  accessLog: true,
  launch: (context) => ({
    ...launchEdgelane(context, "stdout"),
    stdoutFile: join(context.directory, "access.log"),
  }),
};

function findEdgelane(): Availability {
  if (!existsSync(program)) return { found: false, reason: "it is not built: npm run build" };
  const manifest = readFileSync(join(root, "package.json"), "utf8");
  return { found: true, version: (JSON.parse(manifest) as { version: string }).version };
}

function launchEdgelane(context: LaunchContext, access: "off" | "stdout") {
  const configFile = join(context.directory, "edgelane.yaml");
  writeFileSync(configFile, edgelaneConfig(context, access));
  return {
    file: process.execPath,
    arguments: [...context.nodeArguments, program, "serve", "-c", configFile],
    environment: { NODE_ENV: "production" },
  };
}

function edgelaneConfig(context: LaunchContext, access: "off" | "stdout"): string {
  return `listen: ["127.0.0.1:${context.port}"]
admin: off
workers: 1
health: /health
upstreams:
  origin: http://127.0.0.1:${context.originPort}
  bulk: http://127.0.0.1:${context.bulkPort}
cache: {memory: 256MB}
limits: {body: off, requests: 1000000000}
routes:
  - {match: /fresh/*, to: origin, cache: auto}
  - {match: /pass/*, to: origin, cache: off}
  - {match: /bulk/*, to: bulk, cache: off}
log: {level: warn, access: ${access}}
`;
}
