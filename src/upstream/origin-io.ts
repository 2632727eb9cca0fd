// Owns what all connections to origin servers share on one thread: the buffer that sockets are read
// into, and the core's memory that response heads are parsed in. Used synchronously: what a read
// brings is dealt with before the next one.

import {
  FIELD_KEEP_ALIVE,
  FLAG_KEEP_ALIVE,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OTHER,
  RECORD_CONTENT_LENGTH_HIGH,
  RECORD_CONTENT_LENGTH_LOW,
  RECORD_FLAGS,
  RECORD_FRAMING,
  RECORD_HEAD_LENGTH,
  RECORD_PRESENT_LOW,
  RECORD_REASON_LENGTH,
  RECORD_REASON_START,
  RECORD_STATUS_CODE,
} from "../../assembly/layout.ts";
import type { Core } from "../core/core.ts";
import type { CorePools } from "../core/pool-queue.ts";
import { decodeFields, decodeTrailers } from "../http/decoded-fields.ts";
import type { FieldLines, ResponseHead } from "../http/message.ts";
import { keepAliveHintMs } from "./wire-response.ts";

export class OriginIo {
  readonly core: Core;
  readonly pools: CorePools;
  /** The core's memory as a Buffer. */
  readonly memory: Buffer;
  /** Record and input for heads that arrive whole and for chunked content on its way through. */
  readonly record: number;
  readonly input: number;

  // What the head that was decoded last says of its content and its connection.
  /** FRAMING_* (RFC 9112 section 6.3). */
  framing = 0;
  /** Content-Length; 0 where the framing is another. */
  contentLength = 0;
  /** The connection persists after this response (RFC 9112 section 9.3). */
  keepAlive = false;
  /** How long the origin server keeps it, less a margin; Infinity where it does not say. */
  keepAliveHintMs = Number.POSITIVE_INFINITY;

  constructor(core: Core, pools: CorePools) {
    this.core = core;
    this.pools = pools;
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
    const fields = decodeFields(words, base, text);
    this.#noteFraming(base, fields);
    const reasonStart = words[base + RECORD_REASON_START] ?? 0;
    const reasonLength = words[base + RECORD_REASON_LENGTH] ?? 0;
    return {
      status: words[base + RECORD_STATUS_CODE] ?? 0,
      reason: text.slice(reasonStart, reasonStart + reasonLength),
      fields,
    };
  }

  #noteFraming(base: number, fields: FieldLines): void {
    const { words } = this.core;
    const framing = words[base + RECORD_FRAMING] ?? 0;
    const high = words[base + RECORD_CONTENT_LENGTH_HIGH] ?? 0;
    const low = words[base + RECORD_CONTENT_LENGTH_LOW] ?? 0;
    const isKept = ((words[base + RECORD_FLAGS] ?? 0) & FLAG_KEEP_ALIVE) !== 0;
    const hasHint = ((words[base + RECORD_PRESENT_LOW] ?? 0) & (1 << FIELD_KEEP_ALIVE)) !== 0;
    this.framing = framing;
    this.contentLength = framing === FRAMING_LENGTH ? high * 0x1_0000_0000 + low : 0;
    this.keepAlive = isKept && framing !== FRAMING_CLOSE;
    this.keepAliveHintMs = hasHint ? keepAliveHintMs(fields) : Number.POSITIVE_INFINITY;
  }

  /** The trailer section behind chunked content that the decoder at `state` has finished. */
  decodeTrailers(state: number): FieldLines {
    return decodeTrailers(this.core, this.memory, state);
  }
}

/** METHOD_* id, as far as the framing of a response depends on it (RFC 9112 section 6.3). */
export function framingMethod(method: string): number {
  if (method === "GET") return METHOD_GET;
  if (method === "HEAD") return METHOD_HEAD;
  return method === "CONNECT" ? METHOD_CONNECT : METHOD_OTHER;
}
