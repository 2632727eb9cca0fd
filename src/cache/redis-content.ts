// Owns the content of stored responses on its way into Redis and back: compressed where that pays,
// cut into pieces where it is large. Knows no Redis.

import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress, zstdDecompressSync } from "node:zlib";
import { getField, hasField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";

/** Large enough to be few, small enough that no command holds Redis or the connection for long. */
export const PIECE_BYTES = 256 * 1024;
/** A smaller one fits in a packet or two as it is. */
const COMPRESS_BYTES_MIN = 1024;
/** What does not get smaller by a tenth is not worth the time of each read. */
const COMPRESS_SHARE_MAX = 0.9;
/** Decompressing this much takes less time than handing it to another thread. */
const SYNC_BYTES_MAX = 64 * 1024;
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface PackedContent {
  readonly coding: "none" | "zstd";
  readonly bytes: Uint8Array;
}

/** Compresses in another thread. */
export async function packContent(content: Uint8Array, fields: FieldLines): Promise<PackedContent> {
  if (content.length >= COMPRESS_BYTES_MIN && isCompressible(fields)) {
    const bytes = await compress(content, LEVEL);
    if (bytes.length <= content.length * COMPRESS_SHARE_MAX) return { coding: "zstd", bytes };
  }
  return { coding: "none", bytes: content };
}

/** Null where it does not give the length that was stored with it. */
export async function unpackContent(
  { coding, bytes }: PackedContent,
  length: number,
): Promise<Uint8Array | null> {
  if (coding === "none") return bytes.length === length ? bytes : null;
  const options = { maxOutputLength: Math.max(1, length) };
  try {
    const content =
      length <= SYNC_BYTES_MAX
        ? zstdDecompressSync(bytes, options)
        : await decompress(bytes, options);
    return content.length === length ? content : null;
  } catch {
    return null;
  }
}

export function piecesOf(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    pieces.push(bytes.subarray(start, start + PIECE_BYTES));
  }
  return pieces;
}

function isCompressible(fields: FieldLines): boolean {
  if (hasField(fields, "content-encoding")) return false;
  return COMPRESSIBLE.test(getField(fields, "content-type") ?? "");
}

const COMPRESSIBLE =
  /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|javascript|wasm)\b|image\/svg)/i;
