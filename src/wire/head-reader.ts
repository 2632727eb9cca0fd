// Hot. Owns the way from received bytes to a parsed head: heads that arrive whole are parsed in the
// shared region, those that arrive in pieces in a slab of their own, with work linear in their
// bytes (RFC 9112 section 2.2).

import {
  ERROR_HEAD_TOO_LARGE,
  RECORD_ERROR_CODE,
  RECORD_ERROR_OFFSET,
  RECORD_HEAD_LENGTH,
  STATUS_COMPLETE,
  STATUS_ERROR,
  STATUS_INCOMPLETE,
} from "../../assembly/layout.ts";
import type { PoolWaiter } from "../core/pool-queue.ts";
import { type MessageError, parseRefusal } from "./content-decoder.ts";
import type { InputStage } from "./input-stage.ts";

/** Besides STATUS_*: the head needs a slab and none is free; the waiter is called when one is. */
export const STATUS_NO_SLAB = 3;

export class HeadReader {
  /**
   * After STATUS_COMPLETE: the HeadRecord, and the input that its offsets refer to. Valid until the
   * next `read`.
   */
  record = 0;
  input = 0;
  /** Offset in the chunk behind the bytes that `read` used up. */
  next = 0;
  readonly #stage: InputStage;
  readonly #waiter: PoolWaiter;
  #slab = 0;
  #length = 0;

  constructor(stage: InputStage, waiter: PoolWaiter) {
    this.#stage = stage;
    this.#waiter = waiter;
  }

  /** A part of a head has arrived. */
  get begun(): boolean {
    return this.#slab !== 0;
  }

  read(chunk: Buffer, offset: number): number {
    if (this.#slab !== 0) return this.#continue(chunk, offset);
    const { core } = this.#stage;
    this.record = core.scratchRecord;
    this.input = this.#stage.stage(chunk, offset);
    core.resetRecord(this.record);
    const status = core.parseRequestHead(this.record, this.input, this.#stage.available);
    if (status === STATUS_INCOMPLETE) return this.#begin(chunk, offset);
    this.next = offset + (core.words[(this.record >>> 2) + RECORD_HEAD_LENGTH] ?? 0);
    return status;
  }

  #begin(chunk: Buffer, offset: number): number {
    this.#slab = this.#stage.slabs.acquire(this.#waiter);
    this.next = offset;
    if (this.#slab === 0) return STATUS_NO_SLAB;
    this.#length = 0;
    return this.#continue(chunk, offset);
  }

  #continue(chunk: Buffer, offset: number): number {
    const { core, memory } = this.#stage;
    const before = this.#length;
    this.record = this.#slab;
    this.input = core.slabInput(this.#slab);
    const end = Math.min(chunk.length, offset + core.headBytesMax - before);
    chunk.copy(memory, this.input + before, offset, end);
    this.#length += end - offset;
    this.next = end;
    const status = core.parseRequestHead(this.record, this.input, this.#length);
    if (status === STATUS_COMPLETE) {
      this.next = offset - before + (core.words[(this.record >>> 2) + RECORD_HEAD_LENGTH] ?? 0);
    } else if (status === STATUS_INCOMPLETE && this.#length === core.headBytesMax) {
      core.words[(this.record >>> 2) + RECORD_ERROR_CODE] = ERROR_HEAD_TOO_LARGE;
      core.words[(this.record >>> 2) + RECORD_ERROR_OFFSET] = this.#length;
      return STATUS_ERROR;
    }
    return status;
  }

  /** After STATUS_ERROR: what is wrong, at which byte of the head, by which section. */
  error(): MessageError {
    const { words } = this.#stage.core;
    const base = this.record >>> 2;
    const offset = words[base + RECORD_ERROR_OFFSET] ?? 0;
    return parseRefusal(words[base + RECORD_ERROR_CODE] ?? 0, `byte ${offset}`);
  }

  /** The record has been used; a head that is begun is given up. */
  release(): void {
    if (this.#slab === 0) return;
    this.#stage.slabs.release(this.#slab);
    this.#slab = 0;
    this.#length = 0;
  }
}
