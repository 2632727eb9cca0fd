// A client in a process of its own that asks a gateway for 1 KiB, so many requests at a time: its
// collector and its processor time are not the gateway's. Asks its parent to note the time when it
// is warm, and sends the latencies in milliseconds at the end. node requester.ts PORT WARMUP COUNT
// CONCURRENCY

import { Pool } from "undici";

const [port = "", warmUp = "0", requests = "0", concurrency = "1"] = process.argv.slice(2);
const client = new Pool(`http://127.0.0.1:${port}`, { connections: Number(concurrency) });
let latenciesMs: number[] = [];
let left = 0;

async function ask(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const startedMs = performance.now();
    const { body } = await client.request({ path: "/1024", method: "GET" });
    const size = (await body.arrayBuffer()).byteLength;
    if (size !== 1024) throw new Error(`${size} bytes instead of 1024`);
    latenciesMs.push(performance.now() - startedMs);
  }
}

async function run(count: number): Promise<void> {
  latenciesMs = [];
  left = count;
  await Promise.all(Array.from({ length: Number(concurrency) }, ask));
}

await run(Number(warmUp));
process.send?.("warm");
await run(Number(requests));
await client.close();
process.send?.(latenciesMs, () => process.exit());
