// Hot. Owns the pieces of reading a response from a read buffer: bytes that outlive it,
// how long the connection is kept (RFC 9112 section 9.3).

import { getField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";
import { contentHeld } from "../read-memory.ts";

/**
 * Bytes of memory before whatever is read or copied here: a response head of common length goes
 * there, so that it leaves with the content behind it.
 */
export const HEADROOM = 1024;

/** Bytes that outlive the read buffer, with HEADROOM before them. */
export function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  contentHeld(end - start);
  const memory = Buffer.allocUnsafe(HEADROOM + end - start);
  chunk.copy(memory, HEADROOM, start, end);
  return memory.subarray(HEADROOM);
}

/** Content in one read from which on it is lent instead of copied. */
const LENT_BYTES_MIN = 16_384;

/** Who lends out the buffer that it reads into. */
export interface Lender {
  /** Bytes before what it reads, in the same memory. */
  readonly headroom: number;
  lendBuffer(chunk: Buffer): void;
}

/**
 * Content for whoever reads it. A small part is copied, so that who keeps it does not keep a whole
 * buffer; a large one is lent, and the buffer goes with it unless it is taken back at once.
 */
export function lent(lender: Lender | null, chunk: Buffer, start: number, end: number): Buffer {
  if (end - start < LENT_BYTES_MIN) return copyOf(chunk, start, end);
  lender?.lendBuffer(chunk);
  return chunk.subarray(start, end);
}

/** How much earlier than the origin's hint we close, so that a request sent then still arrives. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/** `Keep-Alive: timeout=5`, less a margin; Infinity where it says nothing. */
export function keepAliveHintMs(fields: FieldLines): number {
  const seconds = /\btimeout\s*=\s*(\d{1,9})/i.exec(getField(fields, "keep-alive") ?? "")?.[1];
  return seconds === undefined
    ? Number.POSITIVE_INFINITY
    : Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS;
}
