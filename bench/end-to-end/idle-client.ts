// Owns a client that opens many connections, has one request answered on each, and then holds them
// open and silent. Runs as a process of its own: node idle-client.ts PORT PATH FIRST MORE; prints
// "first FIRST"; on input opens more and prints "all ALL"; on input prints "still OPEN" and ends.

import { once } from "node:events";
import net from "node:net";
import { ResponseReader } from "./response-reader.ts";

const port = Number(process.argv[2]);
const path = process.argv[3] ?? "/";
const [first, more] = [Number(process.argv[4]), Number(process.argv[5])];
const openingMax = 50;
let open = 0;

await openMany(first);
process.stdout.write(`first ${open}\n`);
await once(process.stdin, "data");
await openMany(more);
process.stdout.write(`all ${open}\n`);
await once(process.stdin, "data");
process.stdout.write(`still ${open}\n`, () => process.exit(0));

async function openMany(count: number): Promise<void> {
  const lanes = Array.from({ length: openingMax }, async (_, lane) => {
    for (let index = lane; index < count; index += openingMax) await openOne();
  });
  await Promise.all(lanes);
}

function openOne(): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader();
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) return;
      open++;
      if (reader.status === 200) resolve();
      else reject(new Error(`status ${reader.status}`));
    });
    socket.on("error", reject);
    socket.on("close", () => open--);
  });
}
