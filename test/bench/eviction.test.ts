// Tests the benchmark of eviction: which lines of a log are requests, what a trace keeps of them,
// and that each policy scores what can be counted by hand.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Drawn, Gdsf, WTinyLfu } from "../../bench/eviction/counters.ts";
import { generateLog } from "../../bench/eviction/generated-log.ts";
import type { EvictionPolicy } from "../../bench/eviction/policy.ts";
import { Lru, S3Fifo, Sieve } from "../../bench/eviction/queues.ts";
import { RealStore } from "../../bench/eviction/real-store.ts";
import { replay } from "../../bench/eviction/replay.ts";
import { collectTrace, readLine, readTrace } from "../../bench/eviction/trace.ts";
import { loadCore } from "../../src/core/core.ts";

/** 10 October 2000, 20:55:36 UTC. */
const SECONDS = Date.UTC(2000, 9, 10, 20, 55, 36) / 1000;
const TIME = "[10/Oct/2000:13:55:36 -0700]";

describe("a line", () => {
  test.each<[string, string, unknown]>([
    [
      "common",
      `127.0.0.1 - frank ${TIME} "GET /a.gif HTTP/1.0" 200 2326`,
      { seconds: SECONDS, path: "/a.gif", bytes: 2326 },
    ],
    [
      "combined, with a query and quotes in its fields",
      `::1 - - ${TIME} "GET /a?b=%22 HTTP/1.1" 200 12 "http://h/\\"x" "Agent (\\"1\\")"`,
      { seconds: SECONDS, path: "/a?b=%22", bytes: 12 },
    ],
    [
      "combined, with a duration behind it",
      `h - - ${TIME} "GET / HTTP/2.0" 200 12 "-" "-" 0.004`,
      { seconds: SECONDS, path: "/", bytes: 12 },
    ],
    [
      "a user with a space, an offset to the east",
      'h - a b [10/Oct/2000:22:25:36 +0130] "GET / HTTP/1.1" 200 1',
      { seconds: SECONDS, path: "/", bytes: 1 },
    ],
    [
      "a 304 has no content, whatever was counted",
      `h - - ${TIME} "GET / HTTP/1.1" 304 180`,
      { seconds: SECONDS, path: "/", bytes: 0 },
    ],
    ["no bytes", `h - - ${TIME} "GET / HTTP/1.1" 200 -`, { seconds: SECONDS, path: "/", bytes: 0 }],
    ["HEAD", `h - - ${TIME} "HEAD / HTTP/1.1" 200 -`, "method"],
    ["404", `h - - ${TIME} "GET / HTTP/1.1" 404 9`, "status"],
    ["206", `h - - ${TIME} "GET / HTTP/1.1" 206 9`, "status"],
    ["TLS on a port of cleartext", `h - - ${TIME} "\\x16\\x03\\x01" 400 9`, "malformed"],
    ["HTTP/0.9", `h - - ${TIME} "GET /" 200 9`, "malformed"],
    ["a space in the target", `h - - ${TIME} "GET /a b HTTP/1.1" 200 9`, "malformed"],
    ["no such month", 'h - - [10/Okt/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 9', "malformed"],
    ["cut off", `h - - ${TIME} "GET / HTT`, "malformed"],
    ["tabs", "93.5\t2\t/docs/a b\t1845", { seconds: 93.5, path: "/docs/a b", bytes: 1845 }],
    ["tabs, no size", "93\t2\t/docs\t", "malformed"],
    ["tabs, a fifth column", "93\t2\t/docs\t1\t2", "malformed"],
    ["tabs, no number", "now\t2\t/docs\t1", "malformed"],
  ])("%s", (_name, line, expected) => {
    expect(readLine(line)).toEqual(expected);
  });

  test("of quotes and spaces without end takes linear time", () => {
    const line = `h - - ${TIME} "${'\\" '.repeat(300_000)}`;
    expect(readLine(line)).toBe("malformed");
  });
});

describe("a trace", () => {
  const LINES = ["5\t1\t/b\t10", "3\t1\t/a\t7", "", "rubbish", "9\t1\t/b\t4", "9\t2\t/c\t0"];

  test("is in order of time, and an object is as large as it was at most", async () => {
    const trace = await collectTrace(LINES);
    expect([...trace.seconds]).toEqual([3, 5, 9, 9]);
    expect([...trace.objects]).toEqual([1, 0, 0, 2]);
    expect(trace.sizes).toEqual([10, 7, 1]);
    expect(trace.footprintBytes).toBe(18);
    expect(trace.skipped).toEqual({ method: 0, status: 0, malformed: 1 });
  });

  test("is refused where no line is a request", async () => {
    await expect(collectTrace(["{}", "[]"])).rejects.toThrow(/^no request in it: expected/);
  });

  test("comes from a file, compressed or not; a missing or damaged one is an error", async () => {
    const directory = mkdtempSync(join(tmpdir(), "edgelane-trace-"));
    try {
      const at = (name: string): string => join(directory, name);
      writeFileSync(at("plain.tsv"), LINES.join("\r\n"));
      writeFileSync(at("small.tsv.gz"), gzipSync(LINES.join("\n")));
      writeFileSync(at("damaged.gz"), gzipSync(LINES.join("\n")).subarray(0, 30));
      expect(await readTrace(at("plain.tsv"))).toEqual(await readTrace(at("small.tsv.gz")));
      await expect(readTrace(at("damaged.gz"))).rejects.toThrow(/unexpected end/);
      await expect(readTrace(at("missing.gz"))).rejects.toThrow(/ENOENT/);
      await expect(readTrace(at("missing.log"))).rejects.toThrow(/ENOENT/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("is generated the same each time, and is a log that can be read", async () => {
    const [first, second] = [await collectTrace(generateLog()), await collectTrace(generateLog())];
    expect(first).toEqual(second);
    expect(first.objects).toHaveLength(20_000);
    expect(first.skipped).toEqual({ method: 0, status: 0, malformed: 0 });
  });
});

const core = loadCore({ seed: 1n, slabs: 1, chunkedStates: 1 });
const POLICIES: [string, (bytesMax: number) => EvictionPolicy][] = [
  ["LRU", (bytesMax) => new Lru(bytesMax)],
  ["SIEVE", (bytesMax) => new Sieve(bytesMax)],
  ["S3-FIFO", (bytesMax) => new S3Fifo(bytesMax)],
  ["W-TinyLFU", (bytesMax) => new WTinyLfu(bytesMax)],
  ["GDSF", (bytesMax) => new Gdsf(bytesMax)],
  ["drawn", (bytesMax) => new Drawn(bytesMax, { exponent: 0.5, sampleSize: 16 })],
  ["the store", (bytesMax) => new RealStore(bytesMax, core)],
];

describe.each(POLICIES)("%s", (_name, make) => {
  /** Ten rounds of ten objects of 10 kB, a request each second. */
  const LINES = Array.from({ length: 100 }, (_, at) => `${at}\t1\t/${at % 10}\t10000`);

  test("with room for all misses each object once, in the tenth that is not scored", async () => {
    const score = replay(await collectTrace(LINES), make(1_000_000), Number.POSITIVE_INFINITY);
    expect(score).toEqual({ hitRate: 100, byteHitRate: 100 });
  });

  test("a lifetime shorter than a round is a miss each time", async () => {
    expect(replay(await collectTrace(LINES), make(1_000_000), 9).hitRate).toBe(0);
    // Rounds 1, 3, 5, 7 and 9 of those after the first are answered: 11 s reach one round only.
    expect(replay(await collectTrace(LINES), make(1_000_000), 11).hitRate).toBeCloseTo(500 / 9);
  });

  test("never keeps more than its limit", async () => {
    const policy = make(35_000);
    const trace = await collectTrace(LINES);
    replay(trace, policy, Number.POSITIVE_INFINITY);
    const kept = trace.sizes.filter((_size, object) => policy.request(object, 100) > 0);
    expect(kept.length).toBeLessThanOrEqual(3);
    expect(kept.length).toBeGreaterThan(0);
  });
});
