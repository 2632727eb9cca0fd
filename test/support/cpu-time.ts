// What work costs, in CPU time of this thread: a machine that is busy with other things makes it
// wait, but not work more. Runs on every runtime that the core runs on.

interface Usage {
  readonly user: number;
  readonly system: number;
}

/** Not all runtimes have both. */
interface Meters {
  readonly threadCpuUsage?: () => Usage;
  readonly cpuUsage?: () => Usage;
}

/** CPU time of `work` in milliseconds; of the process, or elapsed, where no thread is measured. */
export function cpuMsOf(work: () => void): number {
  const startMs = nowMs();
  work();
  return nowMs() - startMs;
}

/** As `cpuMsOf`, the mean of as many rounds as a clock that ticks every 10 ms needs to tell. */
export function meanCpuMsOf(work: () => void): number {
  const startMs = nowMs();
  let rounds = 0;
  let usedMs = 0;
  while (usedMs < MEASURED_MS) {
    work();
    rounds++;
    usedMs = nowMs() - startMs;
  }
  return usedMs / rounds;
}

const MEASURED_MS = 40;

function nowMs(): number {
  const { process } = globalThis as { process?: Meters };
  const usage = process?.threadCpuUsage?.() ?? process?.cpuUsage?.();
  return usage === undefined ? performance.now() : (usage.user + usage.system) / 1000;
}
