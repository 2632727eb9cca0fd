// Owns the measurement of the access log and the counters on the hit path: nanoseconds and bytes of
// garbage for each hit. Run with `node --expose-gc bench/micro/access-log.ts`; the log goes to
// /dev/null.

import { AccessLog, hitFragment, peerFragment } from "../../src/telemetry/access-log.ts";
import { METHOD_GET } from "../../assembly/layout.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { Sink } from "../../src/telemetry/sink.ts";
import { systemClock } from "../../src/clock.ts";

const HITS_PER_ROUND = 200_000;
const ROUNDS = 9;
/**
 * About what one event-loop turn of a busy gateway answers, so that the sink gets its turns too.
 */
const HITS_PER_TURN = 500;

const sink = new Sink({ destination: "/dev/null" });
const log = new AccessLog(sink, systemClock);
const metrics = new Metrics();
const row = metrics.route("bench", METHOD_GET);
const subject = hitFragment({
  method: "GET",
  authority: "www.example.com:8080",
  path: "/assets/styles/main.6f8c1b.css",
  endpoint: "assets",
  cache: "hit",
});
const peer = peerFragment({ address: "203.0.113.195", version: "1.1" });
const summary = {
  method: "GET",
  authority: "www.example.com:8080",
  path: "/api/orders/4711?expand=lines",
  endpoint: "api",
  cache: "miss",
  address: "203.0.113.195",
  version: "1.1",
  requestId: "0198f5c2-7d1a-7c3e-9b1f-2f6c8a4d5e60",
  status: 200,
  bytes: 1234,
  durationMs: 12.3456,
  target: "10.0.0.11:3000",
  retried: "",
  fallback: "",
  reason: "",
  detail: "",
};

const CASES: Record<string, (index: number) => void> = {
  "access log, hit": (index) =>
    log.writeHit(subject, peer, summary.requestId, 200, 1000 + (index & 1023), 0.05),
  "access log, any exchange": () => log.write(summary),
  "metrics.record": (index) => metrics.record(row, 200, 0.05 + (index & 7) / 100, 1234),
};

for (const [name, run] of Object.entries(CASES)) {
  await round(run);
  const rounds: { nanoseconds: number; garbageBytes: number }[] = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(run));
  rounds.sort((a, b) => a.nanoseconds - b.nanoseconds);
  const [fastest, median, slowest] = [rounds[0], rounds[ROUNDS >> 1], rounds[ROUNDS - 1]];
  console.log(
    `${name}: ${median?.nanoseconds.toFixed(0)} ns (${fastest?.nanoseconds.toFixed(0)} to ` +
      `${slowest?.nanoseconds.toFixed(0)}), ${median?.garbageBytes.toFixed(0)} bytes of garbage`,
  );
}
console.log(`lines dropped: ${log.dropped}`);
await sink.close(1000);

async function round(
  run: (index: number) => void,
): Promise<{ nanoseconds: number; garbageBytes: number }> {
  globalThis.gc?.();
  let busyMs = 0;
  let garbageBytes = 0;
  for (let done = 0; done < HITS_PER_ROUND; done += HITS_PER_TURN) {
    const before = process.memoryUsage().heapUsed;
    const start = performance.now();
    for (let i = 0; i < HITS_PER_TURN; i += 1) run(i);
    busyMs += performance.now() - start;
    garbageBytes += Math.max(0, process.memoryUsage().heapUsed - before);
    await new Promise(setImmediate);
  }
  return {
    nanoseconds: (busyMs * 1e6) / HITS_PER_ROUND,
    garbageBytes: garbageBytes / HITS_PER_ROUND,
  };
}
