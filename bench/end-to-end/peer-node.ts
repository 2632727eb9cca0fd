// Owns the Node proxies that we compare with: @fastify/http-proxy (on undici) and http-proxy-3,
// each on the Node that runs the benchmark, with pooled origin connections and no log.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Availability, Peer } from "./peer.ts";
import { installNodePeers, nodePeersDirectory } from "./programs.ts";

export const fastify: Peer = nodePeer("fastify", "@fastify/http-proxy", "fastify.mjs");
export const httpProxy3: Peer = nodePeer("http-proxy-3", "http-proxy-3", "http-proxy-3.mjs");

function nodePeer(name: string, packageName: string, script: string): Peer {
  return {
    name,
    modes: ["proxied", "bulk"],
    accessLog: false,
    runtime: "node",
    readyPath: "/pass/1k",
    find: async () => findPackage(packageName),
    launch: (context) => {
      const ports = [context.port, context.originPort, context.bulkPort].map(String);
      const file = join(nodePeersDirectory, script);
      return {
        file: process.execPath,
        arguments: [...context.nodeArguments, file, ...ports],
        environment: { NODE_ENV: "production" },
      };
    },
  };
}

function findPackage(name: string): Availability {
  const problem = installNodePeers();
  if (problem !== null) return { found: false, reason: problem };
  const file = join(nodePeersDirectory, "node_modules", name, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return { found: true, version: manifest.version };
}
