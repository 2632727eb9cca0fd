// Owns the http-proxy-3 peer of the benchmark: node http-proxy-3.mjs PORT ORIGIN_PORT BULK_PORT.

import http from "node:http";
import { createProxyServer } from "http-proxy-3";

const [port, originPort, bulkPort] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: 100 });
const proxy = createProxyServer({ agent });
proxy.on("error", (_error, _request, response) => response.destroy());

const server = http.createServer((request, response) => {
  const upstreamPort = request.url.startsWith("/bulk/") ? bulkPort : originPort;
  proxy.web(request, response, { target: `http://127.0.0.1:${upstreamPort}` });
});
server.keepAliveTimeout = 300_000;
server.listen(port, "127.0.0.1");
