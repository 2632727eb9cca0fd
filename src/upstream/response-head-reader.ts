// Hot. Owns the way from what an origin server sent to a parsed response head: one that arrives
// whole is parsed in the shared region, one that arrives in pieces in a slab of its own (RFC 9112
// section 4).

import {
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_HEAD_LENGTH,
  STATUS_COMPLETE,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import { PARSE_ERRORS } from "../core/parse-errors.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import type { OriginIo } from "./origin-io.ts";

/** Besides STATUS_*: the head needs a slab and none is free; the waiter is called when one is. */
export const STATUS_NO_SLAB = 3;

export class ResponseHeadReader {
  /** After STATUS_COMPLETE: the HeadRecord, and the input that its offsets refer to. */
  record = 0;
  input = 0;
  /** Offset in the chunk behind the bytes that `read` used up; none of them after STATUS_NO_SLAB. */
  next = 0;
  readonly #io: OriginIo;
  readonly #waiter: PoolWaiter;
  /** METHOD_* id of the request. */
  readonly #method: number;
  #slab = 0;
  #length = 0;

  constructor(io: OriginIo, waiter: PoolWaiter, method: number) {
    this.#io = io;
    this.#waiter = waiter;
    this.#method = method;
  }

  read(chunk: Buffer, offset: number, end: number): number {
    if (this.#slab !== 0) return this.#continue(chunk, offset, end);
    const { core, memory, record, input } = this.#io;
    const length = Math.min(end - offset, core.headBytesMax);
    chunk.copy(memory, input, offset, offset + length);
    core.resetRecord(record);
    this.record = record;
    this.input = input;
    const status = core.parseResponseHead(record, input, length, this.#method);
    if (status === STATUS_INCOMPLETE) return this.#begin(chunk, offset, end);
    if (status === STATUS_COMPLETE) this.next = offset + this.#headLength();
    return status;
  }

  #begin(chunk: Buffer, offset: number, end: number): number {
    this.next = offset;
    this.#slab = this.#io.pools.slabs.acquire(this.#waiter);
    return this.#slab === 0 ? STATUS_NO_SLAB : this.#continue(chunk, offset, end);
  }

  #continue(chunk: Buffer, offset: number, end: number): number {
    const { core, memory } = this.#io;
    const before = this.#length;
    const taken = Math.min(end - offset, core.headBytesMax - before);
    this.record = this.#slab;
    this.input = core.slabInput(this.#slab);
    chunk.copy(memory, this.input + before, offset, offset + taken);
    this.#length = before + taken;
    this.next = offset + taken;
    const status = core.parseResponseHead(this.record, this.input, this.#length, this.#method);
    if (status === STATUS_COMPLETE) this.next = offset - before + this.#headLength();
    return status;
  }

  /** After STATUS_ERROR: what is wrong, at which byte, in the words of the table of parse errors. */
  error(): string {
    const { words } = this.#io.core;
    const base = this.record >>> 2;
    const name = PARSE_ERRORS[words[base + RECORD_ERROR_CODE] ?? 0]?.name ?? "";
    return `${name} at byte ${words[base + RECORD_ERROR_OFFSET] ?? 0}`;
  }

  /** The head has been used, or is given up. */
  release(): void {
    if (this.#slab !== 0) this.#io.pools.slabs.release(this.#slab);
    this.#slab = 0;
    this.#length = 0;
  }

  #headLength(): number {
    return this.#io.core.words[(this.record >>> 2) + RECORD_HEAD_LENGTH] ?? 0;
  }
}
