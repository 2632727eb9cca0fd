// Owns a client that opens many connections, has one request answered on each, and then holds them open and silent. Runs
// as a process of its own: node idle-client.ts PORT PATH COUNT; prints "open COUNT", then, on a line of input, how many
// are still open, and ends.

import net from "node:net";
import { ResponseReader } from "./response-reader.ts";

const [port, path, count] = [
  Number(process.argv[2]),
  process.argv[3] ?? "/",
  Number(process.argv[4]),
];
const openingMax = 50;
let open = 0;

await Promise.all(
  Array.from({ length: openingMax }, async (_, lane) => {
    for (let index = lane; index < count; index += openingMax) await openOne();
  }),
);
process.stdout.write(`open ${open}\n`);
process.stdin.once("data", () => {
  process.stdout.write(`still ${open}\n`, () => process.exit(0));
});

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
