// Owns running the command line as its users do: a child process, what it prints, how it ends.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartUpLine {
  readonly listen: readonly string[];
  readonly admin: string | null;
  readonly [key: string]: unknown;
}

/** A command that runs; dispose of it to kill it if it still does. */
export class Command implements AsyncDisposable {
  readonly process: ChildProcess;
  #stdout = "";
  #stderr = "";
  #onOutput: (() => void) | null = null;
  readonly #ended: Promise<number | null>;

  constructor(file: string, args: readonly string[], options: CommandOptions = {}) {
    const env = { ...process.env, NO_COLOR: "1", ...options.environment };
    const cwd = options.directory;
    this.process = spawn(file, args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: [options.input ?? "ignore", "pipe", "pipe"],
    });
    this.process.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString();
      this.#onOutput?.();
    });
    this.process.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#ended = once(this.process, "close").then(([code]) => code as number | null);
  }

  /** How it ended and all that it printed. */
  async finished(): Promise<Finished> {
    const code = await this.#ended;
    this.#onOutput?.();
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** The JSON line of start-up; rejects if the command ends without it. */
  async started(): Promise<StartUpLine> {
    const line = new Promise<StartUpLine>((resolve) => {
      const look = (): void => {
        const found = this.#stdout.split("\n").find((text) => text.includes('"msg":"serving"'));
        if (found !== undefined && this.#stdout.includes(`${found}\n`)) {
          resolve(JSON.parse(found) as StartUpLine);
        }
      };
      this.#onOutput = look;
      look();
    });
    const early = this.#ended.then((code) => {
      throw new Error(`ended with ${code} before it served: ${this.#stderr}`);
    });
    return Promise.race([line, early]);
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGKILL");
    }
    await this.#ended;
  }
}

interface CommandOptions {
  /** "pipe": the test writes it. */
  readonly input?: "pipe";
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts `edgelane` from source. */
export function startEdgelane(args: readonly string[], options: CommandOptions = {}): Command {
  return new Command(process.execPath, [CLI, ...args], options);
}

/** Runs `edgelane` to its end. */
export function edgelane(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return startEdgelane(args, options).finished();
}
