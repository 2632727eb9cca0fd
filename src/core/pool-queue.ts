// Queues before the pools of a core: exhaustion is backpressure, never an error. Connections to
// clients and to origin servers wait in the same queue, whoever gives a place back.

import type { Core } from "./core.ts";

/** The pools of one core. All who take from it take through the same instance of this. */
export class CorePools {
  /** Slabs for heads that arrive in pieces. */
  readonly slabs: PoolQueue;
  /** States of chunked decoders. */
  readonly decoders: PoolQueue;

  constructor(core: Core) {
    this.slabs = new PoolQueue(core.acquireSlab, core.releaseSlab);
    this.decoders = new PoolQueue(core.acquireChunked, core.releaseChunked);
  }

  /** A waiter that is gone. */
  leave(waiter: PoolWaiter): void {
    this.slabs.leave(waiter);
    this.decoders.leave(waiter);
  }
}

/** Someone who waits for a place in a pool. */
export interface PoolWaiter {
  placeFree(): void;
}

/** One pool of the core with a queue for when it runs out. */
export class PoolQueue {
  readonly #acquire: () => number;
  readonly #release: (address: number) => void;
  readonly #waiters = new Set<PoolWaiter>();
  #wakeScheduled = false;
  /** How often nobody could get a place at once. */
  exhausted = 0;

  constructor(acquire: () => number, release: (address: number) => void) {
    this.#acquire = acquire;
    this.#release = release;
  }

  /** Address of a place; 0 when none is free: then `waiter.placeFree` is called once one is. */
  acquire(waiter: PoolWaiter): number {
    const address = this.#acquire();
    if (address === 0) {
      this.exhausted++;
      this.#waiters.add(waiter);
    }
    return address;
  }

  release(address: number): void {
    this.#release(address);
    if (this.#waiters.size === 0 || this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(() => this.#wake());
  }

  /** A waiter that is gone. */
  leave(waiter: PoolWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** First come, first served; who finds the place taken again waits on. */
  #wake(): void {
    this.#wakeScheduled = false;
    for (const waiter of Array.from(this.#waiters)) {
      const address = this.#acquire();
      if (address === 0) return;
      this.#release(address);
      this.#waiters.delete(waiter);
      waiter.placeFree();
    }
  }
}
