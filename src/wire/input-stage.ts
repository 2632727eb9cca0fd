// Hot. Owns the way of received bytes into the core's memory: one shared region for what arrives
// whole, slabs for heads that arrive in pieces. One instance per worker thread, shared by its
// connections, used synchronously.

import type { Core } from "../core/core.ts";
import type { CorePools, PoolQueue } from "../core/pool-queue.ts";
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

  constructor(core: Core, pools: CorePools) {
    this.core = core;
    this.memory = Buffer.from(core.bytes.buffer, core.bytes.byteOffset, core.bytes.length);
    this.slabs = pools.slabs;
    this.decoders = pools.decoders;
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
