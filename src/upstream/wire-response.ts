// Hot. Owns the pieces of reading a response from a read buffer: bytes that outlive it,
// content out of its chunks, how long the connection is kept (RFC 9112 sections 7.1 and 9.3). Pure.

import { CHUNKED_SPAN_COUNT, CHUNKED_SPANS } from "../../assembly/layout.ts";
import { getField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";

/** Bytes that outlive the read buffer. */
export function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  chunk.copy(copy, 0, start, end);
  return copy;
}

/** Content in one read from which on it is lent instead of copied. */
const LENT_BYTES_MIN = 16_384;

/** Who lends out the buffer that it reads into. */
export interface Lender {
  lendBuffer(): void;
}

/**
 * Content for whoever reads it. A small part is copied, so that who keeps it does not keep a whole
 * buffer; a large one is lent, and the buffer goes with it unless it is taken back at once.
 */
export function lent(lender: Lender | null, chunk: Buffer, start: number, end: number): Buffer {
  if (end - start < LENT_BYTES_MIN) return copyOf(chunk, start, end);
  lender?.lendBuffer();
  return chunk.subarray(start, end);
}

/** The content among the bytes that the decoder has just consumed, in one piece; null for none. */
export function gather(
  words: Uint32Array,
  base: number,
  chunk: Buffer,
  offset: number,
): Buffer | null {
  const spans = words[base + CHUNKED_SPAN_COUNT] ?? 0;
  let total = 0;
  for (let index = 0; index < spans; index++) {
    total += words[base + CHUNKED_SPANS + index * 2 + 1] ?? 0;
  }
  if (total === 0) return null;
  const content = Buffer.allocUnsafe(total);
  let at = 0;
  for (let index = 0; index < spans; index++) {
    const start = offset + (words[base + CHUNKED_SPANS + index * 2] ?? 0);
    const length = words[base + CHUNKED_SPANS + index * 2 + 1] ?? 0;
    chunk.copy(content, at, start, start + length);
    at += length;
  }
  return content;
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
