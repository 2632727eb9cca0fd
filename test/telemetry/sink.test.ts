// Tests what becomes of log lines when their reader is slow, frozen, gone or out of space, at
// rotation and at the end of the process: nothing waits, memory is bounded, and every line is
// either written or counted as dropped.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogger, reopenOnHangUp } from "../../src/telemetry/log.ts";
import { Sink } from "../../src/telemetry/sink.ts";
import { FakeClock } from "../support/clock.ts";
import { cpuMsOf } from "../support/cpu-time.ts";
import { within } from "../support/within.ts";

const LINE = `${"x".repeat(199)}\n`;
const PROGRAM = fileURLToPath(new URL("sink-program.ts", import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "edgelane-sink-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a pipe that nobody reads", () => {
  test("takes its bound of lines; the rest is dropped and counted, the loop goes on", async () => {
    const path = join(directory, "fifo");
    execFileSync("mkfifo", [path]);
    const sink = new Sink({ destination: path, pendingBytesMax: 1024 * 1024 });
    const heldBefore = process.memoryUsage().arrayBuffers;
    let written = 0;
    let longestTurnMs = 0;
    for (let turn = 0; turn < 200; turn += 1) {
      // A write that blocked would never end: nobody reads yet.
      const turnMs = cpuMsOf(() => {
        for (let i = 0; i < 1000; i += 1) sink.write(LINE);
      });
      written += 1000;
      longestTurnMs = Math.max(longestTurnMs, turnMs);
      await nextTurn();
    }
    sink.flush();
    const held = process.memoryUsage().arrayBuffers - heldBefore;
    expect(written * LINE.length).toBeGreaterThan(30 * 1024 * 1024);
    expect(held).toBeLessThan(4 * 1024 * 1024);
    expect(longestTurnMs).toBeLessThan(200);
    expect(sink.dropped).toBeGreaterThan(written / 2);

    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const closed = sink.close(10_000);
    const read = await readAll(reader, (written - sink.dropped) * LINE.length);
    await within(closed, 5000, "the sink to close");
    closeSync(reader);
    expect(read).toBe((written - sink.dropped) * LINE.length);
  });

  test("goes on where it was when a reader comes", async () => {
    const path = join(directory, "fifo");
    execFileSync("mkfifo", [path]);
    const sink = new Sink({ destination: path, pendingBytesMax: 128 * 1024 });
    for (let i = 0; i < 10_000; i += 1) sink.write(LINE);
    sink.flush();
    const { dropped } = sink;
    expect(dropped).toBeGreaterThan(0);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await readAll(reader, (10_000 - dropped) * LINE.length);
    sink.write(LINE);
    sink.flush();
    expect(await readAll(reader, LINE.length)).toBe(LINE.length);
    expect(sink.dropped).toBe(dropped);
    closeSync(reader);
    await sink.close(1000);
  });

  test.each(["pipe", "socket"])("does not keep the process from ending (%s)", async (kind) => {
    const path = join(directory, "fifo");
    execFileSync("mkfifo", [path]);
    // Node makes the standard output of its children a socket; a shell makes it a pipe in blocking
    // mode, as here.
    const pipe = openSync(path, constants.O_RDWR);
    const child = spawn(process.execPath, [PROGRAM, "frozen"], {
      stdio: ["ignore", kind === "pipe" ? pipe : "pipe", "pipe"],
    });
    child.stdout?.pause();
    const report = text(child.stderr);
    const [code] = (await within(once(child, "exit"), 10_000, "the program to end")) as [number];
    child.stdout?.resume();
    closeSync(pipe);
    expect(code).toBe(0);
    expect(Number(await report)).toBeGreaterThan(0);
  });
});

test("a reader that has gone costs lines, not the process", async () => {
  const child = spawn(process.execPath, [PROGRAM, "gone"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const report = text(child.stderr);
  const [code] = (await within(once(child, "exit"), 10_000, "the program to end")) as [number];
  expect(code).toBe(0);
  expect(Number(await report)).toBeGreaterThan(0);
});

test("standard output that is a file gets every line", async () => {
  const path = join(directory, "log");
  const file = openSync(path, "w");
  const child = spawn(process.execPath, [PROGRAM, "file"], { stdio: ["ignore", file, "pipe"] });
  const report = text(child.stderr);
  const [code] = (await within(once(child, "exit"), 10_000, "the program to end")) as [number];
  closeSync(file);
  expect(code).toBe(0);
  expect(await report).toBe("0");
  expect(readFileSync(path, "latin1")).toBe(`${"y".repeat(199)}\n`.repeat(1000));
});

test("the last words of a process that dies at once are written", async () => {
  const path = join(directory, "log");
  const child = spawn(process.execPath, [PROGRAM, "fatal", path], { stdio: "ignore" });
  const [code] = (await within(once(child, "exit"), 10_000, "the program to end")) as [number];
  expect(code).toBe(7);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
    level: "fatal",
    msg: "out of luck",
  });
});

describe("a file", () => {
  test("that cannot be opened is an error at once", () => {
    expect(() => new Sink({ destination: join(directory, "missing", "log") })).toThrow(/ENOENT/);
    expect(() => new Sink({ destination: directory })).toThrow(/EISDIR/);
  });

  test("is appended to", async () => {
    const path = join(directory, "log");
    for (const word of ["one\n", "two\n"]) {
      const sink = new Sink({ destination: path });
      sink.write(word);
      await sink.close(1000);
    }
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  });

  test("is written without being asked, a batch delay after the line", async () => {
    const path = join(directory, "fifo");
    execFileSync("mkfifo", [path]);
    const sink = new Sink({ destination: path, batchDelayMs: 1 });
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    sink.write("one\n");
    expect(await readAll(reader, 4)).toBe(4);
    closeSync(reader);
    await sink.close(1000);
  });

  test("is opened anew on SIGHUP, and no line is lost or written twice", async () => {
    const path = join(directory, "log");
    const sink = new Sink({ destination: path });
    const errors: unknown[] = [];
    const undo = reopenOnHangUp(sink, (error) => errors.push(error));
    sink.write("before\n");
    renameSync(path, `${path}.1`);
    const signalled = once(process, "SIGHUP");
    process.kill(process.pid, "SIGHUP");
    await within(signalled, 5000, "SIGHUP");
    sink.write("after\n");
    await sink.close(1000);
    undo();
    expect(errors).toEqual([]);
    expect(process.listenerCount("SIGHUP")).toBe(0);
    expect(readFileSync(`${path}.1`, "utf8")).toBe("before\n");
    expect(readFileSync(path, "utf8")).toBe("after\n");
  });

  test("stays in use when the new one cannot be opened", async () => {
    const inner = join(directory, "inner");
    mkdirSync(inner);
    const sink = new Sink({ destination: join(inner, "log") });
    sink.write("before\n");
    renameSync(inner, join(directory, "moved"));
    expect(() => sink.reopen()).toThrow(/ENOENT/);
    sink.write("after\n");
    await sink.close(1000);
    expect(readFileSync(join(directory, "moved", "log"), "utf8")).toBe("before\nafter\n");
  });

  test("on a full disk costs lines, not the process", async () => {
    const sink = new Sink({ destination: "/dev/full", pendingBytesMax: 128 * 1024 });
    for (let turn = 0; turn < 20; turn += 1) {
      for (let i = 0; i < 500; i += 1) sink.write(LINE);
      await nextTurn();
    }
    expect(sink.dropped).toBeGreaterThan(5000);
    await within(sink.close(1000), 5000, "the sink to close");
  });
});

test("lines after the end, and lines longer than a batch, are counted as dropped", async () => {
  const path = join(directory, "log");
  const sink = new Sink({ destination: path });
  sink.write("x".repeat(70_000));
  await sink.close(1000);
  sink.write(LINE);
  sink.flush();
  sink.reopen();
  await sink.close(1000);
  expect(sink.dropped).toBe(2);
  expect(readFileSync(path, "utf8")).toBe("");
});

describe("the gateway's own log", () => {
  test("has level names, ISO times, and errors without what libraries hang on them", async () => {
    const path = join(directory, "log");
    const sink = new Sink({ destination: path });
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const logger = createLogger({ level: "info", sink, clock });
    const cause = new Error("no such file");
    const error = Object.assign(new TypeError("no", { cause }), {
      code: "ENOENT",
      request: { authorization: "s3cret" },
    });
    logger.debug("unseen");
    logger.error({ error, upstream: "api" }, "failed");
    await sink.close(1000);
    const written = readFileSync(path, "utf8");
    expect(written).not.toContain("s3cret");
    expect(JSON.parse(written)).toMatchObject({
      level: "error",
      time: "2026-01-01T00:00:00.000Z",
      msg: "failed",
      upstream: "api",
      error: {
        type: "TypeError",
        message: "no",
        code: "ENOENT",
        cause: { message: "no such file" },
      },
    });
  });
});

/** Reads `length` bytes from a non-blocking descriptor, a turn of the event loop at a time. */
async function readAll(descriptor: number, length: number): Promise<number> {
  const buffer = Buffer.alloc(65_536);
  let read = 0;
  await within(
    until(() => {
      try {
        read += readSync(descriptor, buffer);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
      return read >= length;
    }),
    10_000,
    `${length} bytes`,
  );
  return read;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = "";
  for await (const chunk of stream ?? []) all += String(chunk);
  return all;
}
