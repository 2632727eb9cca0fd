// Owns the proof that the open-loop load generator measures what it claims: its rate, its failures,
// and the delay that a stall causes to requests that could not even be sent.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type FixedRateOptions, runFixedRate } from "../../bench/end-to-end/fixed-rate.ts";

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const servers: net.Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server[Symbol.asyncDispose]()));
});

/**
 * Calls `onRequest` for each request head; the generator never pipelines, so a head ends a chunk.
 */
async function listen(onRequest: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      if (chunk.toString("latin1").endsWith("\r\n\r\n")) onRequest(socket);
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function load(port: number): FixedRateOptions {
  return {
    port,
    path: "/",
    ratePerSecond: 500,
    connections: 4,
    warmupSeconds: 0,
    seconds: 1,
    seed: 1,
  };
}

describe("fixed-rate load", () => {
  test("sends what is due, and the same again with the same seed", async () => {
    const port = await listen((socket) => socket.write(answer));
    const first = await runFixedRate(load(port));
    expect(first.answered).toBe(first.due);
    expect(first.failed).toBe(0);
    // A Poisson count of mean 500 is within four standard deviations of it.
    expect(Math.abs(first.due - 500)).toBeLessThan(4 * Math.sqrt(500));
    const second = await runFixedRate(load(port));
    expect(second.due).toBe(first.due);
  });

  test("charges a stall to every request that was due in it, sent or not", async () => {
    const stallMs = 400;
    let stalled: net.Socket[] | null = null;
    let seen = 0;
    const port = await listen((socket) => {
      seen++;
      if (seen === 100) {
        stalled = [];
        setTimeout(() => {
          for (const waiting of stalled ?? []) waiting.write(answer);
          stalled = null;
        }, stallMs);
      }
      if (stalled === null) socket.write(answer);
      else stalled.push(socket);
    });
    const result = await runFixedRate(load(port));
    expect(result.answered).toBe(result.due);
    // 40 % of the second is lost. A closed loop would have seen four slow answers, one a
    // connection: under 1 %.
    expect(result.latencyMs.max).toBeGreaterThan(stallMs * 0.9);
    expect(result.latencyMs.p90).toBeGreaterThan(stallMs * 0.5);
    expect(result.latencyMs.p50).toBeLessThan(stallMs * 0.5);
  });

  test("counts other statuses and lost connections as failed, and goes on", async () => {
    let seen = 0;
    const port = await listen((socket) => {
      seen++;
      if (seen % 50 === 0) socket.destroy();
      else if (seen % 50 === 25) socket.write("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
      else socket.write(answer);
    });
    const result = await runFixedRate(load(port));
    expect(seen).toBe(result.due);
    expect(result.failed).toBe(Math.floor(seen / 50) + Math.floor((seen + 25) / 50));
  });
});
