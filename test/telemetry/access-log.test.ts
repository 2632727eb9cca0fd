// Tests the lines of the access log: their fields, and that nothing a client sends can break a line
// or steer a terminal.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccessLog, hitFragment, peerFragment } from "../../src/telemetry/access-log.ts";
import type { AccessSummary } from "../../src/telemetry/access-log.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { Sink } from "../../src/telemetry/sink.ts";
import { FakeClock } from "../support/clock.ts";

const SUMMARY: AccessSummary = {
  requestId: "0198f5c2-7d1a-7c3e-9b1f-2f6c8a4d5e60",
  method: "GET",
  authority: "example.com",
  path: "/orders/4711?token=secret",
  endpoint: "api",
  cache: "miss",
  address: "203.0.113.195",
  version: "1.1",
  status: 502,
  bytes: 1234,
  durationMs: 12.3456,
  target: "10.0.0.11:3000",
  retried: "",
  fallback: "",
  reason: "upstream_reset",
  detail: "the connection was reset",
};

let directory: string;
let sink: Sink;
let log: AccessLog;
const clock = new FakeClock(Date.UTC(2026, 10, 23, 17, 19, 5, 67));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-access-log-"));
  sink = new Sink({ destination: join(directory, "log") });
  log = new AccessLog(sink, clock);
});
afterEach(async () => {
  await sink.close(1000);
  rmSync(directory, { recursive: true });
});

describe("a line", () => {
  test("says what happened, without the query", async () => {
    log.write(SUMMARY);
    expect(await lines()).toEqual([
      {
        level: "info",
        time: "2026-11-23T17:19:05.067Z",
        msg: "access",
        request_id: "0198f5c2-7d1a-7c3e-9b1f-2f6c8a4d5e60",
        method: "GET",
        host: "example.com",
        path: "/orders/4711",
        endpoint: "api",
        cache: "miss",
        status: 502,
        bytes: 1234,
        duration_ms: 12.346,
        client: "203.0.113.195",
        version: "1.1",
        target: "10.0.0.11:3000",
        reason: "upstream_reset",
        detail: "the connection was reset",
      },
    ]);
  });

  test("leaves out what did not happen", async () => {
    log.write({ ...SUMMARY, cache: "", target: "", reason: "", detail: "" });
    const [line] = await lines();
    for (const name of ["cache", "target", "reason", "detail"])
      expect(line).not.toHaveProperty(name);
  });

  test("of a hit from prepared bytes is the same as the general one", async () => {
    const hit = { ...SUMMARY, cache: "hit", status: 200, target: "", reason: "", detail: "" };
    const peer = peerFragment(hit);
    log.writeHit(hitFragment(hit), peer, hit.requestId, 200, hit.bytes, hit.durationMs);
    log.write(hit);
    const [fast, general] = await lines();
    expect(fast).toEqual(general);
    expect(fast).toMatchObject({ cache: "hit", status: 200, path: "/orders/4711" });
  });

  test("has the time at which it was written", async () => {
    const own = new FakeClock(Date.UTC(2026, 0, 1));
    const ownLog = new AccessLog(sink, own);
    ownLog.write(SUMMARY);
    own.advance(1);
    ownLog.write(SUMMARY);
    own.jump(-86_400_000);
    ownLog.write(SUMMARY);
    expect((await lines()).map((line) => line["time"])).toEqual([
      "2026-01-01T00:00:00.000Z",
      "2026-01-01T00:00:00.001Z",
      "2025-12-31T00:00:00.001Z",
    ]);
  });

  test("keeps its place between the lines of the gateway's own log", async () => {
    const logger = createLogger({ level: "info", sink, clock });
    logger.info("before");
    log.write(SUMMARY);
    logger.info("after");
    expect((await lines()).map((line) => line["msg"])).toEqual(["before", "access", "after"]);
  });
});

describe("numbers", () => {
  test("are exact up to 2^53-1", async () => {
    const values = fc
      .sample(fc.maxSafeNat(), 500)
      .concat([0, 9, 10, 99, 100, Number.MAX_SAFE_INTEGER]);
    for (const bytes of values) log.write({ ...SUMMARY, bytes });
    expect((await lines()).map((line) => line["bytes"])).toEqual(values);
  });

  test("durations have three decimals", async () => {
    const values = [0, 0.0004, 0.0005, 0.05, 0.999, 0.9996, 1, 9.0999, 59_999.9994];
    for (const durationMs of values) log.write({ ...SUMMARY, durationMs });
    expect((await lines()).map((line) => line["duration_ms"])).toEqual([
      0, 0, 0.001, 0.05, 0.999, 1, 1, 9.1, 59_999.999,
    ]);
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
    "%d does not break the line",
    async (value) => {
      log.write({ ...SUMMARY, bytes: value, durationMs: value, status: value });
      const [line] = await lines();
      for (const name of ["bytes", "duration_ms", "status"])
        expect(line?.[name]).toBeTypeOf("number");
    },
  );
});

describe("what a client sends", () => {
  /**
   * Anything that a string can hold: quotes, controls, line ends, C1 controls, latin1, surrogates
   * without a partner.
   */
  const text = fc
    .array(fc.oneof(fc.integer({ min: 0, max: 0x2ff }), fc.integer({ min: 0, max: 0xffff })), {
      maxLength: 60,
    })
    .map((units) => String.fromCharCode(...units));

  test("comes back from JSON as it was, in printable ASCII", async () => {
    const exchanges = fc.sample(
      fc.record({ method: text, authority: text, path: text, requestId: text, address: text }),
      {
        seed: 20_261_123,
        numRuns: 2000,
      },
    );
    for (const exchange of exchanges) log.write({ ...SUMMARY, ...exchange });
    const found = await lines();
    expect(found).toHaveLength(exchanges.length);
    exchanges.forEach((exchange, index) => {
      expect(found[index]).toMatchObject({
        method: exchange.method,
        host: exchange.authority,
        path: exchange.path.split("?")[0],
        request_id: exchange.requestId,
        client: exchange.address,
      });
    });
    expect(rawLog()).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test.each([
    ["a line end", '/a\r\n{"level":"fatal"}'],
    ["a quote", '/a","status":200,"x":"'],
    ["a backslash", "/a\\"],
    ["a terminal sequence", "/a\u001b[2J\u009b2J"],
    ["line separators of Unicode", "/a\u2028\u2029"],
  ])("%s is text and nothing else", async (_, path) => {
    log.write({ ...SUMMARY, path });
    expect((await lines()).map((line) => [line["path"], line["status"]])).toEqual([[path, 502]]);
  });

  test("is cut to what a batch can hold, whatever it is made of", async () => {
    const long = {
      method: "é".repeat(9000),
      authority: "\u0000".repeat(9000),
      path: `/${"a".repeat(9000)}`,
    };
    log.write({ ...SUMMARY, ...long, requestId: "\u0001".repeat(9000), address: '"'.repeat(9000) });
    log.write(SUMMARY);
    const [line, next] = await lines();
    expect(line).toMatchObject({
      path: `/${"a".repeat(4095)}`,
      method: "é".repeat(682),
      status: 502,
    });
    expect(line?.["request_id"]).toHaveLength(256);
    expect(next).toMatchObject({ status: 502, path: "/orders/4711" });
    expect(log.dropped).toBe(0);
  });
});

async function lines(): Promise<Record<string, unknown>[]> {
  await sink.close(1000);
  return rawLog()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function rawLog(): string {
  return readFileSync(join(directory, "log"), "latin1");
}
