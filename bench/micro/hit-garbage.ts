// Shows what a cache hit leaves to the garbage collector in the running gateway, real sockets and
// all: bytes of garbage a hit, collections and pauses a million hits, as the gateway is and as it
// would be without pools (without-pools.mjs). Needs wrk. Run with `npm run bench:garbage`; stores
// bench/results/hit-garbage.json.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";

const SECONDS = process.argv[2] ?? "20";
const ROOT = new URL("../../", import.meta.url);
const CLI = fileURLToPath(new URL("build/js/src/cli.js", ROOT));
const WITHOUT = fileURLToPath(new URL("./without-pools.mjs", import.meta.url));
const MILLION = 1_000_000;
const run = promisify(execFile);

/** `Scavenge 3.5 (5.0) -> 2.9 (6.0) MB, pooled: 0.0 MB, 0.40 / 0.00 ms` */
const COLLECTION = /: (\w[\w -]*?) ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB.*?, ([\d.]+) \/ /g;

const directory = mkdtempSync(join(tmpdir(), "edgelane-garbage-"));
const origin = createServer((_request, response) => {
  response.setHeader("Cache-Control", "max-age=3600");
  response.end("x".repeat(1024));
});
origin.listen(0, "127.0.0.1");
await once(origin, "listening");
const results = [await measured("pools", []), await measured("no pools", ["--import", WITHOUT])];
origin.close();
rmSync(directory, { recursive: true });
for (const result of results) process.stdout.write(`${JSON.stringify(result)}\n`);
const stored = { date: todayUtc(), machine: describeMachine(), results };
const file = new URL("bench/results/hit-garbage.json", ROOT);
writeFileSync(file, `${JSON.stringify(stored, null, 1)}\n`);

async function measured(way: string, nodeArguments: readonly string[]): Promise<object> {
  const port = await freePort();
  const config = join(directory, "edgelane.yaml");
  const { port: originPort } = origin.address() as AddressInfo;
  writeFileSync(
    config,
    `listen: ["127.0.0.1:${port}"]\nadmin: off\nworkers: 1\n` +
      `upstreams: {a: "http://127.0.0.1:${originPort}"}\n` +
      `routes: [{match: "/*", to: a}]\nlimits: {requests: 1000000000}\n` +
      "log: {level: warn, access: off}\n",
  );
  const node = [...nodeArguments, "--trace-gc", CLI, "serve", "-c", config];
  const gateway = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
  let trace = "";
  gateway.stdout.on("data", (text: Buffer) => {
    trace += text.toString();
  });
  await answering(port);
  await hits(port, "3");
  trace = "";
  const count = await hits(port, SECONDS);
  const collections = Array.from(trace.matchAll(COLLECTION));
  gateway.kill();
  await once(gateway, "exit");
  const pauses = collections.map((match) => Number(match[4]));
  const megabytes = collections.map((match) => Math.max(0, Number(match[2]) - Number(match[3])));
  const minor = collections.filter((match) => match[1]?.startsWith("Scavenge")).length;
  const perMillion = (value: number): number => Math.round((value * MILLION * 100) / count) / 100;
  return {
    way,
    hits: count,
    garbageBytesPerHit: Math.round((sum(megabytes) * 2 ** 20 * 100) / count) / 100,
    minorCollectionsPerMillion: perMillion(minor),
    majorCollectionsPerMillion: perMillion(collections.length - minor),
    pauseMsPerMillion: perMillion(sum(pauses)),
    longestPauseMs: Math.max(0, ...pauses),
  };
}

/** Requests over 64 connections for so long; how many were answered. */
async function hits(port: number, seconds: string): Promise<number> {
  const shape = ["-t1", "-c64", `-d${seconds}s`];
  const { stdout } = await run("wrk", [...shape, `http://127.0.0.1:${port}/x`]);
  const requests = /(\d+) requests in/.exec(stdout)?.[1];
  if (requests === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return Number(requests);
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/x`).catch(() => null);
    if (response?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the gateway does not answer");
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
