// Owns the origin of large transfers: GET /bulk/download streams as fast as it is read; POST
// /bulk/upload swallows, checks every byte, and stops reading now and then, so that a gateway that
// buffers instead of waiting shows it. Runs as a process of its own: node bulk-origin.ts PORT
// BYTES.

import http from "node:http";
import { bulkBlock, isBulkContent } from "./origin-content.ts";

const bytesTotal = Number(process.argv[3]);
const pauses = 4;
const pauseMs = 500;

const server = http.createServer((request, response) => {
  if (request.method === "POST") receive(request, response);
  else if (request.url === "/bulk/download") send(response);
  else response.end("ready\n");
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1");

function send(response: http.ServerResponse): void {
  let left = bytesTotal;
  response.writeHead(200, { "content-length": bytesTotal, "cache-control": "no-store" });
  const fill = (): void => {
    while (left > 0) {
      const bytes = Math.min(left, bulkBlock.length);
      left -= bytes;
      if (!response.write(bytes === bulkBlock.length ? bulkBlock : bulkBlock.subarray(0, bytes))) {
        response.once("drain", fill);
        return;
      }
    }
    response.end();
  };
  response.on("error", () => response.destroy());
  fill();
}

function receive(request: http.IncomingMessage, response: http.ServerResponse): void {
  let received = 0;
  let intact = true;
  let nextPause = bytesTotal / (pauses + 1);
  request.on("data", (chunk: Buffer) => {
    intact &&= isBulkContent(chunk, received);
    received += chunk.length;
    if (received < nextPause) return;
    nextPause += bytesTotal / (pauses + 1);
    request.pause();
    setTimeout(() => request.resume(), pauseMs);
  });
  request.on("error", () => response.destroy());
  request.on("end", () => {
    response.writeHead(intact ? 200 : 422, { "cache-control": "no-store" });
    response.end(String(received));
  });
}
