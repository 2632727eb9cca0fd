// Owns what the Linux /proc file system tells about processes and cores: memory, processor time,
// limits, allowed cores.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const clockTicksPerSecond = 100;

/** Resident memory of the processes together, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  return sum(pids.map((pid) => statusBytes(pid, "VmRSS")));
}

/** Highest resident memory of the processes together since `resetPeak`, in bytes. */
export function peakResidentBytes(pids: readonly number[]): number {
  return sum(pids.map((pid) => statusBytes(pid, "VmHWM")));
}

export function resetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/**
 * Waits until resident memory moves by less than 128 KiB in half a second, for 10 seconds at most.
 */
export async function settledResidentBytes(pids: readonly number[]): Promise<number> {
  let before = residentBytes(pids);
  for (let round = 0; round < 20; round++) {
    await delay(500);
    const now = residentBytes(pids);
    if (Math.abs(now - before) < 128 * 1024) return now;
    before = now;
  }
  return before;
}

/** Processor time that the processes have used, in milliseconds (10 ms steps). */
export function processorMs(pids: readonly number[]): number {
  return sum(
    pids.map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return ((Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond) * 1_000;
    }),
  );
}

/** Time that a core was busy since boot, stolen time included, in milliseconds. */
export function coreBusyMs(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(readFileSync("/proc/stat", "utf8"))?.[1];
  // user nice system idle iowait irq softirq steal: everything but the idle two.
  const [user, nice, system, , , irq, softirq, steal] = (line ?? "").split(" ").map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].map((value) => value ?? 0);
  return (sum(ticks) / clockTicksPerSecond) * 1_000;
}

/** The cores that this process may use, ascending. */
export function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return (list ?? "0").split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** How many file descriptors a process that we start can open. */
export function openFilesMax(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(hard ?? 1024);
}

function statusBytes(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1];
  return Number(kibibytes ?? 0) * 1_024;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
