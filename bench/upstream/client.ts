// A client in a process of its own that streams through a gateway: down or up, as fast as it can or
// at a pace. Sends its parent what arrived, and when the first byte did.

import { type IncomingMessage, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const [port = "", direction = "down", bytesText = "0", paceText = "0"] = process.argv.slice(2);
const bytes = Number(bytesText);
/** Bytes a second; 0 is as fast as it goes. */
const pace = Number(paceText);
const startedMs = performance.now();

async function keepPace(done: number): Promise<void> {
  const aheadMs = pace === 0 ? 0 : (done / pace) * 1000 - (performance.now() - startedMs);
  if (aheadMs > 1) await delay(aheadMs);
}

const method = direction === "up" ? "POST" : "GET";
const path = direction === "up" ? "/" : `/${bytes}`;
async function read(response: IncomingMessage): Promise<void> {
  let received = 0;
  let firstMs = 0;
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (received === 0) firstMs = performance.now() - startedMs;
    received += chunk.length;
    if (direction === "up") text += chunk.toString();
    await keepPace(received);
  }
  const count = direction === "up" ? Number(text) : received;
  process.send?.({ count, firstMs, totalMs: performance.now() - startedMs }, () => process.exit());
}

const asked = request({ port, host: "127.0.0.1", method, path }, (response) => void read(response));

if (direction === "up") {
  const chunk = Buffer.alloc(65_536, "x");
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (!asked.write(chunk)) await new Promise((resolve) => asked.once("drain", resolve));
    await keepPace(sent);
  }
}
asked.end();
