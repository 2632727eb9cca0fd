// Owns the parts of a representation that is stored incompletely (RFC 9111 section 3.3): sorted,
// none overlapping, bounded in number and bytes. Bytes never change; another set of parts is
// another object.

import type { ByteRange } from "../http/ranges.ts";

interface Part extends ByteRange {
  readonly bytes: Uint8Array;
}

/**
 * Pieces of one representation. Readers of a file ask for it in order, and what touches becomes one
 * piece when there are too many; 32 apart from each other are somebody who picks at it.
 */
export const PARTS_MAX = 32;

/** View, buffer and record of one part. */
const PART_BYTES = 240;

export class ContentParts {
  /** Of the whole representation. */
  readonly length: number;
  readonly #parts: readonly Part[];

  private constructor(length: number, parts: readonly Part[]) {
    this.length = length;
    this.#parts = parts;
  }

  static none(length: number): ContentParts {
    return new ContentParts(length, []);
  }

  /** Bytes that they take. */
  get sizeBytes(): number {
    let size = 0;
    for (const { bytes } of this.#parts) size += bytes.length + PART_BYTES;
    return size;
  }

  get count(): number {
    return this.#parts.length;
  }

  covers(range: ByteRange): boolean {
    return this.missing(range) === null;
  }

  /** From the first byte of the range that is not there to the last one; null: all are there. */
  missing({ start, end }: ByteRange): ByteRange | null {
    let first = start;
    for (const part of this.#parts) {
      if (part.start <= first && part.end > first) first = part.end;
    }
    if (first >= end) return null;
    let last = end;
    for (const part of this.#parts.toReversed()) {
      if (part.end >= last && part.start < last) last = part.start;
    }
    return { start: first, end: last };
  }

  /** The bytes of the range that are there, in order; all of them where it is covered. */
  slices({ start, end }: ByteRange): Uint8Array[] {
    const slices: Uint8Array[] = [];
    for (const part of this.#parts) {
      const from = Math.max(start, part.start);
      const to = Math.min(end, part.end);
      if (from < to) slices.push(part.bytes.subarray(from - part.start, to - part.start));
    }
    return slices;
  }

  /**
   * With the bytes from `start` on, of which those are copied that are not there yet. Of too many
   * parts the smallest go, of too many bytes the last: what files are read for first is their
   * beginning.
   */
  with(start: number, pieces: readonly Uint8Array[], bytesMax: number): ContentParts {
    let end = start;
    for (const piece of pieces) end += piece.length;
    const parts = [...this.#parts];
    let from = start;
    for (const part of [...this.#parts, { start: end, end }]) {
      if (part.end <= from) continue;
      const to = Math.min(end, part.start);
      if (from < to) parts.push(partOf(pieces, start, { start: from, end: to }));
      from = Math.max(from, part.end);
    }
    parts.sort((a, b) => a.start - b.start);
    return new ContentParts(this.length, bounded(parts, bytesMax));
  }
}

/** A copy of its own: a view would keep all that was read with it. */
function partOf(pieces: readonly Uint8Array[], offset: number, range: ByteRange): Part {
  const bytes = Buffer.allocUnsafeSlow(range.end - range.start);
  let at = offset;
  for (const piece of pieces) {
    const from = Math.max(range.start, at);
    const to = Math.min(range.end, at + piece.length);
    if (from < to) bytes.set(piece.subarray(from - at, to - at), from - range.start);
    at += piece.length;
  }
  return { ...range, bytes };
}

function bounded(sorted: readonly Part[], bytesMax: number): readonly Part[] {
  const parts = sorted.length > PARTS_MAX ? joined(sorted) : [...sorted];
  while (parts.length > PARTS_MAX) {
    const smallest = Math.min(...parts.map(({ bytes }) => bytes.length));
    parts.splice(
      parts.findLastIndex(({ bytes }) => bytes.length === smallest),
      1,
    );
  }
  let bytes = 0;
  for (const part of parts) bytes += part.bytes.length;
  for (let last = parts.at(-1); last !== undefined && bytes > bytesMax; last = parts.at(-1)) {
    bytes -= last.bytes.length;
    parts.pop();
  }
  return parts;
}

/** What touches is one part. */
function joined(sorted: readonly Part[]): Part[] {
  const runs: Part[][] = [];
  for (const part of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1)?.end === part.start) run.push(part);
    else runs.push([part]);
  }
  return runs.map((run) => {
    const start = run[0]?.start ?? 0;
    const end = run.at(-1)?.end ?? 0;
    const pieces = run.map(({ bytes }) => bytes);
    return partOf(pieces, start, { start, end });
  });
}
