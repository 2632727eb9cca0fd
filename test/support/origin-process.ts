// Starts origin servers that are processes of their own, so that what they do takes no time of the
// gateway's.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { within } from "./within.ts";

export interface OriginBehaviour {
  readonly status: number;
  /** How long a request takes, once it is worked on. */
  readonly workMs: number;
  /** Requests that are worked on at a time. */
  readonly workers: number;
  /** Each so many-th request takes `stallMs` instead; 0 for none. */
  readonly stallEvery: number;
  readonly stallMs: number;
}

const DEADLINE_MS = 10_000;

export class OriginProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(behaviour: Partial<OriginBehaviour>): Promise<OriginProcess> {
    const whole = {
      status: 200,
      workMs: 0,
      workers: 1000,
      stallEvery: 0,
      stallMs: 0,
      ...behaviour,
    };
    const program = new URL("origin-program.ts", import.meta.url);
    const child = fork(program, [JSON.stringify(whole)], { execArgv: [] });
    const [port] = (await within(once(child, "message"), DEADLINE_MS, "an origin")) as [number];
    return new OriginProcess(child, port);
  }

  /** How many requests it has seen. */
  async seen(): Promise<number> {
    this.#child.send("count");
    const [count] = (await within(once(this.#child, "message"), DEADLINE_MS, "a count")) as [
      number,
    ];
    return count;
  }

  async stop(): Promise<void> {
    this.#child.disconnect();
    await within(once(this.#child, "exit"), DEADLINE_MS, "the end of an origin");
  }
}
