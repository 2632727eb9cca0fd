// Owns the @fastify/http-proxy peer of the benchmark: node fastify.mjs PORT ORIGIN_PORT BULK_PORT.

import proxy from "@fastify/http-proxy";
import Fastify from "fastify";

const [port, originPort, bulkPort] = process.argv.slice(2).map(Number);
const server = Fastify({ logger: false, keepAliveTimeout: 300_000, bodyLimit: 2 ** 40 });
for (const [prefix, upstreamPort] of [
  ["/bulk", bulkPort],
  ["/fresh", originPort],
  ["/pass", originPort],
]) {
  server.register(proxy, {
    upstream: `http://127.0.0.1:${upstreamPort}`,
    prefix,
    rewritePrefix: prefix,
    undici: { connections: 100, pipelining: 1, keepAliveTimeout: 60_000 },
  });
}
await server.listen({ port, host: "127.0.0.1" });
