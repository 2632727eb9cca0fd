// Owns what the origins serve: the paths, their content, and the pattern that large transfers
// repeat. Every server and every check takes them from here.

/** Content sizes in bytes, by the name that the paths end in. */
export const contentSizes = { "1k": 1_024, "64k": 65_536 } as const;

export type SizeName = keyof typeof contentSizes;

/** Cacheable for a day, or never. */
export const cacheControl = { fresh: "public, max-age=86400", pass: "no-store" } as const;

export type Area = keyof typeof cacheControl;

/**
 * Text that compresses badly and repeats nowhere within a response: a wrong offset changes the
 * digest.
 */
export function contentOf(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  let state = 0x2545f491;
  for (let index = 0; index < bytes; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    content[index] = alphabet.charCodeAt(state & 63);
  }
  return content;
}

/** The block that /bulk/download and uploads repeat. */
export const bulkBlock = contentOf(65_536);

/** Compares a chunk that starts at `offset` of the whole transfer with what it must hold. */
export function isBulkContent(chunk: Buffer, offset: number): boolean {
  for (let at = 0; at < chunk.length; ) {
    const inBlock = (offset + at) % bulkBlock.length;
    const length = Math.min(bulkBlock.length - inBlock, chunk.length - at);
    if (bulkBlock.compare(chunk, at, at + length, inBlock, inBlock + length) !== 0) return false;
    at += length;
  }
  return true;
}
