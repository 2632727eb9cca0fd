// Owns multipart/byteranges: the content of an answer with several ranges of one representation
// (RFC 9110 section 14.6). Knows no stores.

import { randomBytes } from "node:crypto";
import type { ByteRange } from "../http/ranges.ts";

export interface Multipart {
  readonly contentType: string;
  readonly pieces: readonly Uint8Array[];
  /** Of all pieces. */
  readonly length: number;
}

export interface Whole {
  /** Content-Type of the representation; undefined where it has none. */
  readonly contentType: string | undefined;
  readonly length: number;
  slices(range: ByteRange): Uint8Array[];
}

/** Each range with its bytes as they are stored: only what stands between them is made. */
export function multipartOf(whole: Whole, ranges: readonly ByteRange[]): Multipart {
  // Nobody who writes a content can know it, and so write a boundary into it.
  const boundary = `edgelane-${randomBytes(16).toString("hex")}`;
  const type = whole.contentType === undefined ? "" : `Content-Type: ${whole.contentType}\r\n`;
  const pieces: Uint8Array[] = [];
  for (const range of ranges) {
    const contentRange = `Content-Range: ${contentRangeOf(range, whole.length)}\r\n`;
    pieces.push(Buffer.from(`\r\n--${boundary}\r\n${type}${contentRange}\r\n`, "latin1"));
    pieces.push(...whole.slices(range));
  }
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`, "latin1"));
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return { contentType: `multipart/byteranges; boundary=${boundary}`, pieces, length };
}

/** The value of Content-Range (RFC 9110 section 14.4). */
export function contentRangeOf({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`;
}
