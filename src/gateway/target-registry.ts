// Owns the changes of a gateway that runs, of its targets or of its whole config: one after the
// other through a bounded queue, each in all threads or in none. Who serves reads what is swapped
// as a whole and never waits for a change.

import type { Logger } from "pino";
import type { TargetConfig } from "../upstream/target.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import {
  applyChange,
  reconfigured,
  type ChangeProblem,
  type TargetChange,
  type TargetTable,
  targetsOf,
} from "./target-table.ts";

/** The targets of some upstreams, by name, as clusters take them. */
export type TargetSets = ReadonlyMap<string, readonly TargetConfig[]>;

/** One change on its way to the threads. */
export interface ThreadUpdate {
  readonly id: number;
  readonly sets: TargetSets;
  /** Another config, whose targets these are; null: nothing but targets changes. */
  readonly config: GatewayConfig | null;
}

/** The threads that serve. */
export interface TargetThreads {
  /** Has each build what it needs; resolves with why one did not, or null. Changes nothing. */
  prepare(update: ThreadUpdate): Promise<string | null>;
  /** Has each put in place what it built. */
  commit(update: ThreadUpdate): void;
  /** Has each forget what it built. */
  abandon(update: ThreadUpdate): void;
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
  readonly #onChange: (config: GatewayConfig | null) => void;
  readonly #waiting: (() => Promise<void>)[] = [];
  #table: TargetTable;
  #updates = 0;
  #running = false;

  /** `onChange` is called when a change is in place, with the config if that is another. */
  constructor(
    table: TargetTable,
    threads: TargetThreads,
    {
      logger,
      onChange,
    }: { readonly logger: Logger; readonly onChange: (config: GatewayConfig | null) => void },
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
    return this.#inTurn(() => this.#apply(change));
  }

  /**
   * Makes another config the one that serves in all threads, with what operators have made of the
   * targets that both have. Resolves with why it does not, or null. Never rejects.
   */
  reconfigure(before: GatewayConfig, config: GatewayConfig): Promise<string | null> {
    return this.#inTurn(async () => {
      const table = reconfigured(this.#table, before, config);
      return this.#replace(table, [...table.upstreams.keys()], config);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      this.#waiting.push(async () => resolve(await work()));
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await next();
    }
    this.#running = false;
  }

  async #apply(change: TargetChange): Promise<ChangeResult> {
    const next = applyChange(this.#table, change);
    if ("error" in next) return next;
    const { table, upstreams } = next;
    const refusal = await this.#replace(table, upstreams, null);
    if (refusal !== null) {
      this.#logger.error({ change: change.kind, reason: refusal }, "targets not changed");
      return { error: "not_applied", detail: `nothing has changed: ${refusal}` };
    }
    this.#logger.info(describe(change, upstreams), "targets changed");
    return { upstreams };
  }

  async #replace(
    table: TargetTable,
    upstreams: readonly string[],
    config: GatewayConfig | null,
  ): Promise<string | null> {
    this.#updates += 1;
    const update = { id: this.#updates, sets: setsOf(table, upstreams), config };
    const refusal = await this.#threads.prepare(update).catch(reasonOf);
    if (refusal !== null) {
      this.#threads.abandon(update);
      return refusal;
    }
    this.#table = table;
    this.#threads.commit(update);
    this.#onChange(config);
    return null;
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
  return {
    change: change.kind,
    origin,
    addresses: (endpoints ?? []).flatMap(addressesOf),
    upstreams,
  };
}

function addressesOf({ addresses }: { readonly addresses: readonly string[] }): readonly string[] {
  return addresses;
}
