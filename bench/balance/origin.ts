// Owns the origin server of the balancing benchmark, a process of its own: it works on a few
// requests at a time, each for a fixed time, and fails a share of them: node origin.ts PORT MS
// SHARE

import { createServer, type ServerResponse } from "node:http";

const [port = 0, workMs = 1, failureShare = 0] = process.argv.slice(2).map(Number);

/** Requests that it works on at a time: what makes a slow server a queue. */
const WORKERS = 8;

const waiting: ServerResponse[] = [];
let working = 0;
let count = 0;

function work(response: ServerResponse): void {
  working += 1;
  setTimeout(() => {
    working -= 1;
    count += 1;
    // Evenly spread, so that every run fails the same share.
    const fails = Math.floor(count * failureShare) > Math.floor((count - 1) * failureShare);
    response.writeHead(fails ? 500 : 200, { "content-length": 2 });
    response.end("ok");
    const next = waiting.shift();
    if (next !== undefined) work(next);
  }, workMs);
}

const server = createServer((_request, response) => {
  if (working < WORKERS) work(response);
  else waiting.push(response);
});
server.listen(port, "127.0.0.1");
