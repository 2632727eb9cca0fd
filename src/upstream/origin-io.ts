// Owns what all connections to origin servers share on one thread: the buffer that sockets are read
// into, and the core's memory that response heads are parsed in. Used synchronously: what a read
// brings is dealt with before the next one.

import {
  CHUNKED_TRAILER_BYTES,
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OTHER,
  RECORD_HEAD_LENGTH,
  RECORD_REASON_LENGTH,
  RECORD_REASON_START,
  RECORD_STATUS_CODE,
} from "../../assembly/layout.ts";
import type { Core } from "../core/core.ts";
import { decodeFields } from "../http/decoded-fields.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";

/** One read takes this much: what libuv asks for too. */
const READ_BYTES_MAX = 65_536;

export class OriginIo {
  readonly core: Core;
  /** The core's memory as a Buffer. */
  readonly memory: Buffer;
  /** Every read of a cleartext connection lands here. */
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);
  /** Record and input for heads that arrive whole and for chunked content on its way through. */
  readonly record: number;
  readonly input: number;

  constructor(core: Core) {
    this.core = core;
    this.memory = Buffer.from(core.bytes.buffer, core.bytes.byteOffset, core.bytes.length);
    this.record = core.acquireSlab();
    if (this.record === 0) throw new Error("the core has no slab for origin connections");
    this.input = core.slabInput(this.record);
  }

  /** The complete response head at `record`. */
  decodeHead(record: number, input: number): ResponseHead {
    const { words } = this.core;
    const base = record >>> 2;
    const length = words[base + RECORD_HEAD_LENGTH] ?? 0;
    const text = this.memory.toString("latin1", input, input + length);
    const reasonStart = words[base + RECORD_REASON_START] ?? 0;
    const reasonLength = words[base + RECORD_REASON_LENGTH] ?? 0;
    return {
      status: words[base + RECORD_STATUS_CODE] ?? 0,
      reason: text.slice(reasonStart, reasonStart + reasonLength),
      fields: decodeFields(words, base, text),
    };
  }

  /** The trailer section behind chunked content that the decoder at `state` has finished. */
  decodeTrailers(state: number): FieldLines {
    const { core } = this;
    const length = core.words[(state >>> 2) + CHUNKED_TRAILER_BYTES] ?? 0;
    if (length <= EMPTY_TRAILER_BYTES) return NO_FIELDS;
    const input = core.trailerInput(state);
    const text = this.memory.toString("latin1", input, input + length);
    return decodeFields(core.words, core.trailerRecord(state) >>> 2, text);
  }
}

/** The empty line that ends every trailer section. */
const EMPTY_TRAILER_BYTES = 2;
const NO_FIELDS: FieldLines = [];

/** METHOD_* id, as far as the framing of a response depends on it (RFC 9112 section 6.3). */
export function framingMethod(method: string): number {
  if (method === "GET") return METHOD_GET;
  if (method === "HEAD") return METHOD_HEAD;
  return method === "CONNECT" ? METHOD_CONNECT : METHOD_OTHER;
}
