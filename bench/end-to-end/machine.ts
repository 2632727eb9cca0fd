// Owns the description of the machine that a result names. Leaves out whatever identifies it: no
// host name, no address.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { allowedCores } from "./proc.ts";
import { hasTaskset } from "./processes.ts";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGibibytes: number;
  readonly kernel: string;
  readonly system: string;
  readonly virtualised: boolean;
  readonly node: string;
  readonly v8: string;
  /** Gateway and load have a core each. */
  readonly pinned: boolean;
  readonly commit: string;
}

export function describeMachine(): Machine {
  const release = readFileSync("/etc/os-release", "utf8");
  return {
    processor: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: allowedCores().length,
    memoryGibibytes: Math.round(os.totalmem() / 2 ** 30),
    kernel: /^\d+\.\d+(\.\d+)?/.exec(os.release())?.[0] ?? os.release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type(),
    virtualised: /\bhypervisor\b/.test(readFileSync("/proc/cpuinfo", "utf8")),
    node: process.versions.node,
    v8: process.versions.v8,
    pinned: hasTaskset() && allowedCores().length > 1,
    commit: commit(),
  };
}

/** The commit that was measured, with a plus sign when the work tree differs from it. */
function commit(): string {
  const cwd = join(import.meta.dirname, "..", "..");
  const run = (...words: string[]): string =>
    (spawnSync("git", words, { cwd, encoding: "utf8" }).stdout ?? "").trim();
  const hash = run("rev-parse", "--short", "HEAD");
  if (hash === "") return "unknown";
  return run("status", "--porcelain", "--", "src", "assembly") === "" ? hash : `${hash}+`;
}
