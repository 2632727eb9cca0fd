// Owns the proof that the benchmark leaves no process behind: children end with their own children.

import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ChildProcesses } from "../../bench/end-to-end/processes.ts";

async function ended(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await delay(10);
  }
  return false;
}

test("a process that forked and then ends takes its children along", async () => {
  const children = new ChildProcesses();
  const grandchild = "setInterval(() => undefined, 1000)";
  const parent = `const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}]);
    console.log("forked " + child.pid);`;
  const running = children.start({ file: process.execPath, arguments: ["-e", parent] });
  const line = await running.line("forked", 5_000);
  const pid = Number(line.split(" ")[1]);
  expect(running.tree()).toContain(pid);
  await children.stopAll();
  expect(await ended(pid)).toBe(true);
  expect(running.running).toBe(false);
});

test("a program that does not exist is a failure with its name", async () => {
  const children = new ChildProcesses();
  const running = children.run({ file: "no-such-program-here", arguments: [] });
  await expect(running).rejects.toThrow("no-such-program-here");
  await children.stopAll();
});
