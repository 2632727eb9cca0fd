// Owns the changes of targets while a gateway runs: one after the other through a bounded queue,
// each in all threads or in none. Who serves reads a set that is swapped as a whole and never waits
// for a change.

import type { Logger } from "pino";
import type { TargetConfig } from "../upstream/target.ts";
import {
  applyChange,
  type ChangeProblem,
  type TargetChange,
  type TargetTable,
  targetsOf,
} from "./target-table.ts";

/** The targets of some upstreams, by name, as clusters take them. */
export type TargetSets = ReadonlyMap<string, readonly TargetConfig[]>;

/** One change on its way to the threads. */
export interface TargetUpdate {
  readonly id: number;
  readonly sets: TargetSets;
}

/** The threads that serve. */
export interface TargetThreads {
  /** Has each build what it needs; resolves with why one did not, or null. Changes nothing. */
  prepare(update: TargetUpdate): Promise<string | null>;
  /** Has each put in place what it built. */
  commit(update: TargetUpdate): void;
  /** Has each forget what it built. */
  abandon(update: TargetUpdate): void;
}

export type ChangeResult =
  | { readonly upstreams: readonly string[] }
  | ChangeProblem
  | { readonly error: "queue_full" | "not_applied"; readonly detail: string };

/** Changes that wait. An operator's script waits for each; DNS has one for each name. */
const QUEUE_MAX = 64;

export class TargetRegistry {
  readonly #threads: TargetThreads;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  readonly #waiting: { change: TargetChange; resolve: (result: ChangeResult) => void }[] = [];
  #table: TargetTable;
  #updates = 0;
  #running = false;

  /** `onChange` is called when a change is in place. */
  constructor(
    table: TargetTable,
    threads: TargetThreads,
    { logger, onChange }: { readonly logger: Logger; readonly onChange: () => void },
  ) {
    this.#table = table;
    this.#threads = threads;
    this.#logger = logger;
    this.#onChange = onChange;
  }

  /** As it is now; never written again. */
  get table(): TargetTable {
    return this.#table;
  }

  /** All sets as they are now, for a thread that starts. */
  get sets(): TargetSets {
    return setsOf(this.#table, [...this.#table.upstreams.keys()]);
  }

  /** Resolves when the change is in place in all threads, or in none. Never rejects. */
  submit(change: TargetChange): Promise<ChangeResult> {
    if (this.#waiting.length >= QUEUE_MAX) {
      const detail = `${QUEUE_MAX} changes are waiting already; send it again later`;
      return Promise.resolve({ error: "queue_full", detail });
    }
    return new Promise((resolve) => {
      this.#waiting.push({ change, resolve });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.resolve(await this.#apply(next.change));
    }
    this.#running = false;
  }

  async #apply(change: TargetChange): Promise<ChangeResult> {
    const next = applyChange(this.#table, change);
    if ("error" in next) return next;
    const { table, upstreams } = next;
    this.#updates += 1;
    const update = { id: this.#updates, sets: setsOf(table, upstreams) };
    const refusal = await this.#threads.prepare(update).catch(reasonOf);
    if (refusal !== null) {
      this.#threads.abandon(update);
      this.#logger.error({ change: change.kind, reason: refusal }, "targets not changed");
      return { error: "not_applied", detail: `nothing has changed: ${refusal}` };
    }
    this.#table = table;
    this.#threads.commit(update);
    this.#logger.info(describe(change, upstreams), "targets changed");
    this.#onChange();
    return { upstreams };
  }
}

function setsOf(table: TargetTable, upstreams: readonly string[]): TargetSets {
  return new Map(upstreams.map((upstream) => [upstream, targetsOf(table, upstream)]));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "a thread failed";
}

function describe(change: TargetChange, upstreams: readonly string[]): object {
  if (change.kind !== "resolved") return { ...change, change: change.kind, upstreams };
  const { origin, endpoints } = change;
  return { change: change.kind, origin, addresses: endpoints.flatMap(addressesOf), upstreams };
}

function addressesOf({ addresses }: { readonly addresses: readonly string[] }): readonly string[] {
  return addresses;
}
