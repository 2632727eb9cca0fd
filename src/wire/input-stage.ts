// Hot. Owns the way of received bytes into the core's memory: one shared region for what arrives
// whole, slabs for heads that arrive in pieces. One instance per worker thread, shared by its
// connections, used synchronously.

import type { Core } from "../core/core.ts";
import { READ_BYTES_MAX } from "./socket-input.ts";

export class InputStage {
  readonly core: Core;
  /** The core's memory as a Buffer, for copies and latin1 decoding. */
  readonly memory: Buffer;
  /** Every read of a client's socket lands here. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);
  /** Slabs for heads that arrive in pieces. */
  readonly slabs: PoolQueue;
  /** States of chunked decoders. */
  readonly decoders: PoolQueue;
  /** Bytes of the staged chunk from the offset of the last `stage` call on. */
  available = 0;
  #chunk: Buffer | null = null;
  #start = 0;
  #end = 0;

  constructor(core: Core) {
    this.core = core;
    this.memory = Buffer.from(core.bytes.buffer, core.bytes.byteOffset, core.bytes.length);
    this.slabs = new PoolQueue(core.acquireSlab, core.releaseSlab);
    this.decoders = new PoolQueue(core.acquireChunked, core.releaseChunked);
  }

  /**
   * Address of `chunk[offset]` in the core's memory, with `available` bytes from there. A chunk
   * that holds many pipelined requests is copied once. Valid until the next call by anyone.
   */
  stage(chunk: Buffer, offset: number): number {
    if (this.#chunk !== chunk || offset < this.#start || offset >= this.#end) {
      this.#copy(chunk, offset);
    }
    this.available = this.#end - offset;
    return this.core.scratchInput + offset - this.#start;
  }

  #copy(chunk: Buffer, offset: number): void {
    this.#chunk = chunk;
    this.#start = offset;
    this.#end = Math.min(chunk.length, offset + this.core.scratchInputBytesMax);
    const { core } = this;
    // `set` takes a third less time than `copy`, where it needs no view of a part of the chunk.
    if (offset === 0 && this.#end === chunk.length) core.bytes.set(chunk, core.scratchInput);
    else chunk.copy(this.memory, core.scratchInput, offset, this.#end);
  }
}

/** Someone who waits for a place in a pool. */
export interface PoolWaiter {
  placeFree(): void;
}

/**
 * One pool of the core with a queue for when it runs out: exhaustion is backpressure, never an
 * error.
 */
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
