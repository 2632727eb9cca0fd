// Shows what pools save: bytes of garbage a request and pauses of the garbage collector a million
// requests, on the way from received bytes to the hash of a cache key. Once through the pools of
// the core as the gateway does it, once as a program without pools does: a buffer for the request,
// a record of its own and a key for each. Run with `npm run bench:pools`; stores
// bench/results/pools.json.

import { writeFileSync } from "node:fs";
import { constants, PerformanceObserver } from "node:perf_hooks";
import * as layout from "../../assembly/layout.ts";
import { loadCore } from "../../src/core/core.ts";
import { HEADS } from "../corpus/heads.ts";
import { todayUtc } from "../end-to-end/clock.ts";
import { describeMachine } from "../end-to-end/machine.ts";

const REQUESTS = 1_000_000;
/** A turn of the event loop: the observer hears of collections between turns only. */
const REQUESTS_PER_TURN = 1_000;
/** Requests whose garbage is outstanding at a time, as on so many connections. */
const LIVE = 512;

interface Result {
  readonly way: string;
  readonly nanosecondsPerRequest: number;
  readonly garbageBytesPerRequest: number;
  readonly minorCollections: number;
  readonly majorCollections: number;
  readonly pauseMs: number;
  readonly longestPauseMs: number;
}

const core = loadCore({ seed: 1n, slabs: 4, chunkedStates: 1 });
const heads = HEADS.filter(({ kind }) => kind === "request");
const browser = heads.find(({ name }) => name === "Chrome GET");
if (browser === undefined) throw new Error("no such head");
const chunk = Buffer.from(browser.bytes);
const half = chunk.length >> 1;
const memory = Buffer.from(core.bytes.buffer);
const live = new Array<Request | undefined>(LIVE);
let sink = 0;

interface Request {
  readonly bytes: Buffer;
  readonly record: Uint32Array;
  readonly key: string;
}

/** The head comes in two pieces, so that it needs a place of its own. */
function pooled(): void {
  const record = core.acquireSlab();
  const input = core.slabInput(record);
  chunk.copy(memory, input, 0, half);
  core.parseRequestHead(record, input, half);
  chunk.copy(memory, input + half, half);
  expectComplete(core.parseRequestHead(record, input, chunk.length));
  sink += core.requestKey(record, input, 0);
  core.releaseSlab(record);
}

function allocated(index: number): void {
  const bytes = Buffer.concat([chunk.subarray(0, half), chunk.subarray(half)]);
  bytes.copy(memory, core.scratchInput);
  core.resetRecord(core.scratchRecord);
  expectComplete(core.parseRequestHead(core.scratchRecord, core.scratchInput, bytes.length));
  const at = core.scratchRecord / 4;
  const count = core.words[at + layout.RECORD_FIELD_COUNT] ?? 0;
  const end = at + layout.RECORD_FIELDS + count * layout.FIELD_WORDS;
  const length = core.requestKey(core.scratchRecord, core.scratchInput, 0);
  sink += length;
  live[index % LIVE] = {
    bytes,
    record: core.words.slice(at, end),
    key: memory.toString("latin1", core.keyAddress, core.keyAddress + length),
  };
}

function expectComplete(status: number): void {
  if (status !== layout.STATUS_COMPLETE) throw new Error("the head is not complete");
}

async function measured(way: string, run: (index: number) => void): Promise<Result> {
  await turns(run, REQUESTS / 10);
  const pauses: { kind: number; ms: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as unknown as { detail: { kind: number } };
      pauses.push({ kind: detail.kind, ms: entry.duration });
    }
  });
  globalThis.gc?.();
  await new Promise(setImmediate);
  observer.observe({ entryTypes: ["gc"] });
  const { garbageBytes, ms } = await turns(run, REQUESTS);
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  const minor = pauses.filter(({ kind }) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length;
  return {
    way,
    nanosecondsPerRequest: round((ms * 1e6) / REQUESTS),
    garbageBytesPerRequest: round(garbageBytes / REQUESTS),
    minorCollections: minor,
    majorCollections: pauses.length - minor,
    pauseMs: round(pauses.reduce((sum, pause) => sum + pause.ms, 0)),
    longestPauseMs: round(pauses.reduce((longest, { ms: pause }) => Math.max(longest, pause), 0)),
  };
}

/** Garbage on the heap and in buffers beside it; what a collection frees within a turn is missed. */
async function turns(
  run: (index: number) => void,
  requests: number,
): Promise<{ garbageBytes: number; ms: number }> {
  let garbageBytes = 0;
  let ms = 0;
  for (let done = 0; done < requests; done += REQUESTS_PER_TURN) {
    const before = memoryBytes();
    const start = performance.now();
    for (let index = 0; index < REQUESTS_PER_TURN; index++) run(done + index);
    ms += performance.now() - start;
    garbageBytes += Math.max(0, memoryBytes() - before);
    await new Promise(setImmediate);
  }
  return { garbageBytes, ms };
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const results = [await measured("pools", pooled), await measured("no pools", allocated)];
for (const result of results) {
  process.stdout.write(
    `${result.way.padEnd(9)} ${result.nanosecondsPerRequest} ns and ` +
      `${result.garbageBytesPerRequest} bytes of garbage a request; a million: ` +
      `${result.minorCollections} minor and ${result.majorCollections} major collections, ` +
      `${result.pauseMs} ms of pauses, longest ${result.longestPauseMs} ms\n`,
  );
}
if (sink === 0) throw new Error("nothing was measured");
writeFileSync(
  new URL("../results/pools.json", import.meta.url),
  `${JSON.stringify({ date: todayUtc(), machine: describeMachine(), requests: REQUESTS, results }, null, 1)}\n`,
);
