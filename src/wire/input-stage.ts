// Hot. Owns the way of received bytes into the core's memory: one shared region for what arrives whole, slabs for
// heads that arrive in pieces. One instance per worker thread, shared by its connections, used synchronously.

import type { Core } from "../core/core.ts";

export class InputStage {
  readonly core: Core;
  /** The core's memory as a Buffer, for copies and latin1 decoding. */
  readonly memory: Buffer;
  readonly slabs: SlabQueue;
  /** Bytes of the staged chunk from the offset of the last `stage` call on. */
  available = 0;
  #chunk: Buffer | null = null;
  #start = 0;
  #end = 0;

  constructor(core: Core) {
    this.core = core;
    this.memory = Buffer.from(core.bytes.buffer, core.bytes.byteOffset, core.bytes.length);
    this.slabs = new SlabQueue(core);
  }

  /**
   * Address of `chunk[offset]` in the core's memory, with `available` bytes from there. A chunk that holds many
   * pipelined requests is copied once. Valid until the next call by anyone.
   */
  stage(chunk: Buffer, offset: number): number {
    if (this.#chunk !== chunk || offset < this.#start || offset >= this.#end) {
      this.#copy(chunk, offset);
    }
    this.available = this.#end - offset;
    return this.core.scratchInput + offset - this.#start;
  }

  /** Like `stage`, with as many bytes from `offset` on as the region can hold. */
  restage(chunk: Buffer, offset: number): number {
    this.#copy(chunk, offset);
    this.available = this.#end - offset;
    return this.core.scratchInput;
  }

  #copy(chunk: Buffer, offset: number): void {
    this.#chunk = chunk;
    this.#start = offset;
    this.#end = Math.min(chunk.length, offset + this.core.scratchInputBytesMax);
    chunk.copy(this.memory, this.core.scratchInput, offset, this.#end);
  }
}

/** Someone who waits for a free slab. */
export interface SlabWaiter {
  slabFree(): void;
}

/** The core's slabs with a queue for when they run out: exhaustion is backpressure, never an error. */
export class SlabQueue {
  readonly #core: Core;
  readonly #waiters = new Set<SlabWaiter>();
  #wakeScheduled = false;
  /** How often nobody could get a slab at once. */
  exhausted = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Record address of a slab; 0 when none is free: then `waiter.slabFree` is called once one is. */
  acquire(waiter: SlabWaiter): number {
    const slab = this.#core.acquireSlab();
    if (slab === 0) {
      this.exhausted++;
      this.#waiters.add(waiter);
    }
    return slab;
  }

  release(slab: number): void {
    this.#core.releaseSlab(slab);
    if (this.#waiters.size > 0 && !this.#wakeScheduled) {
      this.#wakeScheduled = true;
      setImmediate(() => this.#wake());
    }
  }

  /** A waiter that is gone. */
  leave(waiter: SlabWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Wakes those who wait, first come first served, while there are slabs. */
  #wake(): void {
    this.#wakeScheduled = false;
    for (const waiter of [...this.#waiters]) {
      if (this.#core.slabsInUse() >= this.#core.slabCount) return;
      this.#waiters.delete(waiter);
      waiter.slabFree();
    }
  }
}
