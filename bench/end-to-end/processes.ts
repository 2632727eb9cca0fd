// Owns every process that the benchmark starts: pinning to a core, their output, and their end.
// Each is ended by its own process id, with the children it forked, on success, failure and Ctrl-C
// alike. Knows nothing of what they do.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Core that the process and its children may use; any when left out. */
  readonly core?: number;
  /** Where standard output goes; kept in memory (its last part) when left out. */
  readonly stdoutFile?: string;
  readonly directory?: string;
}

const outputBytesMax = 1 << 20;
const endGraceMs = 3_000;

export class ChildProcesses {
  readonly #running = new Set<RunningProcess>();
  readonly #onExit = (): void => this.#killAll();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#killAll();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };

  constructor() {
    process.once("exit", this.#onExit);
    process.once("SIGINT", this.#onSignal);
    process.once("SIGTERM", this.#onSignal);
  }

  start(command: Command): RunningProcess {
    const child = new RunningProcess(command);
    this.#running.add(child);
    void child.exited.finally(() => this.#running.delete(child));
    return child;
  }

  /**
   * Runs to the end and gives standard output; throws with the error output on any other exit code
   * than 0.
   */
  async run(command: Command): Promise<string> {
    const child = this.start(command);
    const code = await child.exited;
    if (code !== 0) throw new Error(`${command.file} exited with ${code}: ${child.errorOutput()}`);
    return child.output();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => child.stop()));
    process.off("exit", this.#onExit);
    process.off("SIGINT", this.#onSignal);
    process.off("SIGTERM", this.#onSignal);
  }

  #killAll(): void {
    for (const child of this.#running) child.kill();
  }
}

export class RunningProcess {
  readonly pid: number;
  /** Exit code, or null after a signal or when it could not start. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #command: Command;
  #output = "";
  #errorOutput = "";

  constructor(command: Command) {
    const [file, ...rest] = pinned(command);
    if (file === undefined) throw new Error("there is no command to start");
    const stdout = command.stdoutFile === undefined ? "pipe" : openSync(command.stdoutFile, "a");
    this.#command = command;
    this.#child = spawn(file, rest, {
      stdio: ["pipe", stdout, "pipe"],
      env: { ...process.env, ...command.environment },
      ...(command.directory === undefined ? {} : { cwd: command.directory }),
    });
    if (typeof stdout === "number") closeSync(stdout);
    this.pid = this.#child.pid ?? 0;
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-outputBytesMax);
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#errorOutput = (this.#errorOutput + chunk.toString("utf8")).slice(-outputBytesMax);
    });
    // A process that ends early closes the pipe that we may be writing to; `exited` tells the
    // story.
    this.#child.stdin?.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (code) => resolve(code));
      this.#child.once("error", (error) => {
        this.#errorOutput += error.message;
        resolve(null);
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.pid !== 0;
  }

  output(): string {
    return this.#output;
  }

  errorOutput(): string {
    return this.#errorOutput;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** This process and everything that it forked. */
  tree(): number[] {
    return this.running ? processTree(this.pid) : [];
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, waits, and ends what is left of its children. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const tree = this.tree();
    this.#child.kill("SIGTERM");
    const expired = delay(endGraceMs, "expired", { ref: false });
    await Promise.race([this.exited, expired]);
    killEach(tree);
    await this.exited;
  }

  /** At once, children included; for the way out. */
  kill(): void {
    killEach(this.tree());
  }

  /** Resolves with the first complete line of standard output that starts with `prefix`. */
  async line(prefix: string, deadlineMs: number): Promise<string> {
    for (let waitedMs = 0; waitedMs < deadlineMs; waitedMs += 10) {
      const lines = this.#output.split("\n").slice(0, -1);
      const found = lines.find((line) => line.startsWith(prefix));
      if (found !== undefined) return found;
      if (!this.running) break;
      await delay(10);
    }
    const last = this.#errorOutput.trim().slice(-500);
    throw new Error(`${this.#command.file} did not print "${prefix}": ${last}`);
  }
}

function pinned(command: Command): string[] {
  const own = [command.file, ...command.arguments];
  if (command.core === undefined || !hasTaskset()) return own;
  return ["taskset", "-c", String(command.core), ...own];
}

let tasksetFound: boolean | undefined;

export function hasTaskset(): boolean {
  tasksetFound ??= spawnSync("taskset", ["--version"]).status === 0;
  return tasksetFound;
}

function processTree(root: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent < 0) continue;
    const siblings = parents.get(parent);
    if (siblings === undefined) parents.set(parent, [pid]);
    else siblings.push(pid);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(parents.get(pid) ?? []));
  return tree;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name is in parentheses and may hold spaces; the parent is the second field after
    // it.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch (error) {
    if (isGone(error)) return -1;
    throw error;
  }
}

/** Children first, so that none is handed over to another parent while its own goes. */
function killEach(pids: readonly number[]): void {
  for (const pid of pids.toReversed()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH";
}
