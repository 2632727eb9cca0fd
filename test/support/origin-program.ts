// An origin server in a process of its own: it works on a few requests at a time, each for a while,
// the others wait. Answers with one status, and tells its parent its port, then after each message
// how many requests it has seen. node origin-program.ts '{"status":503}'

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { OriginBehaviour } from "./origin-process.ts";

const { status, workMs, workers, stallEvery, stallMs } = JSON.parse(
  process.argv[2] ?? "{}",
) as OriginBehaviour;
const waiting: ServerResponse[] = [];
let working = 0;
let count = 0;

function work(response: ServerResponse): void {
  working += 1;
  const turn = count;
  const stalls = stallEvery > 0 && turn % stallEvery === 0;
  const finish = (): void => {
    working -= 1;
    response.writeHead(status, { "content-length": 2 });
    response.end("ok");
    const next = waiting.shift();
    if (next !== undefined) work(next);
  };
  const forMs = stalls ? stallMs : workMs;
  if (forMs === 0) finish();
  else setTimeout(finish, forMs);
}

const server = createServer((_request, response) => {
  count += 1;
  if (working < workers) work(response);
  else waiting.push(response);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("message", () => process.send?.(count));
process.on("disconnect", () => process.exit());
