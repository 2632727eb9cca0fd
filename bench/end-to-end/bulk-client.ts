// Owns a client that moves one large body down or up and checks every byte; it stops reading now
// and then, so that a gateway that buffers instead of waiting shows it. Runs as a process of its
// own: node bulk-client.ts down|up PORT BYTES.

import http from "node:http";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { bulkBlock, isBulkContent } from "./origin-content.ts";

const [direction, port, bytesTotal] = [
  process.argv[2],
  Number(process.argv[3]),
  Number(process.argv[4]),
];
const pauses = 4;
const pauseMs = 500;

const moved = direction === "up" ? await upload() : await download();
process.stdout.write(`moved ${moved}\n`, () => process.exit(0));

async function download(): Promise<number> {
  const request = http.get({ host: "127.0.0.1", port, path: "/bulk/download", agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  let received = 0;
  let nextPause = bytesTotal / (pauses + 1);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (!isBulkContent(chunk, received)) throw new Error(`wrong content after ${received} bytes`);
    received += chunk.length;
    if (received < nextPause) continue;
    nextPause += bytesTotal / (pauses + 1);
    await delay(pauseMs);
  }
  if (received !== bytesTotal) throw new Error(`received ${received} of ${bytesTotal} bytes`);
  return received;
}

async function upload(): Promise<number> {
  const request = http.request({
    host: "127.0.0.1",
    port,
    path: "/bulk/upload",
    method: "POST",
    headers: { "content-length": bytesTotal },
    agent: false,
  });
  const answered = once(request, "response") as Promise<[http.IncomingMessage]>;
  let refused = false;
  request.once("response", () => {
    refused = true;
  });
  // A gateway that answers before it has everything has refused; its answer says why.
  for (let left = bytesTotal; left > 0 && !refused; left -= bulkBlock.length) {
    const block = left < bulkBlock.length ? bulkBlock.subarray(0, left) : bulkBlock;
    if (!request.write(block)) await Promise.race([once(request, "drain"), answered]);
  }
  request.end();
  const [response] = await answered;
  const text = (await response.setEncoding("utf8").toArray()).join("");
  if (response.statusCode !== 200 || text !== String(bytesTotal)) {
    throw new Error(`status ${response.statusCode}, the origin received ${text} bytes`);
  }
  return bytesTotal;
}
