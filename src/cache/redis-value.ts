// Owns the binary form of a stored response in Redis: versioned, checksummed, without anything that
// the policy can compute again from the field lines. What does not decode is no value. Pure.
//
//   0  "ELV"  3  version (2)  4  CRC-32 of everything behind it
//   8  numbers: response time, initial age, journal position (f64 each), content length, length as
//      stored, status, pieces (u32 each), coding (u8)
//   49 strings, each a u32 length and latin1: version, URI, reason; then lists, each a u32 count:
//      tags, field lines, selecting fields (name; u8 0 or 1; value). Then the content, unless it
//      lies in pieces.

import { crc32 } from "node:zlib";
import type { RecalledValue } from "./second-tier.ts";

export interface RedisValue extends Omit<RecalledValue, "content"> {
  readonly position: number;
  readonly coding: "none" | "zstd";
  /** Of the content as the origin server sent it. */
  readonly contentLength: number;
  /** Of the content as it lies in Redis. */
  readonly storedLength: number;
  /** Random, of this writing: names the pieces. "" without pieces. */
  readonly version: string;
  readonly pieceCount: number;
  /** Content as stored; empty where it lies in pieces. */
  readonly inline: Uint8Array;
}

/** "ELV" and the version, as bytes in this order. */
const MAGIC = 0x02564c45;
const HEAD_BYTES = 8;
const NUMBERS_BYTES = 41;
const PIECE_HEAD_BYTES = 4;
const LENGTH_MAX = 2 ** 31;

export function encodeValue(value: RedisValue): Buffer {
  const writer = new Writer(Buffer.allocUnsafe(sizeOf(value)));
  writer.u32(MAGIC);
  writer.u32(0);
  writer.f64(value.responseMs);
  writer.f64(value.initialAgeMs);
  writer.f64(value.position);
  writer.u32(value.contentLength);
  writer.u32(value.storedLength);
  writer.u32(value.status);
  writer.u32(value.pieceCount);
  writer.u8(value.coding === "zstd" ? 1 : 0);
  for (const text of [value.version, value.uri, value.reason]) writer.text(text);
  writer.texts(value.tags);
  writer.texts(value.fields);
  writer.u32(value.selecting.length);
  for (const [name, text] of value.selecting) {
    writer.text(name);
    writer.u8(text === null ? 0 : 1);
    if (text !== null) writer.text(text);
  }
  writer.bytes(value.inline);
  const { buffer } = writer;
  buffer.writeUInt32LE(crc32(buffer.subarray(HEAD_BYTES)), 4);
  return buffer;
}

function sizeOf(value: RedisValue): number {
  const { version, uri, reason, tags, fields, selecting, inline } = value;
  const counts = 3 * 4;
  let size = HEAD_BYTES + NUMBERS_BYTES + counts + inline.length;
  for (const text of [version, uri, reason, ...tags, ...fields]) size += 4 + text.length;
  for (const [name, text] of selecting) {
    size += 4 + name.length + 1 + (text === null ? 0 : 4 + text.length);
  }
  return size;
}

/** Null for anything but a whole, intact value of this version. `inline` is a view of the bytes. */
export function decodeValue(bytes: Buffer): RedisValue | null {
  if (bytes.length < HEAD_BYTES + NUMBERS_BYTES || bytes.readUInt32LE(0) !== MAGIC) return null;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(HEAD_BYTES))) return null;
  const reader = new Reader(bytes, HEAD_BYTES);
  const responseMs = reader.f64();
  const initialAgeMs = reader.f64();
  const position = reader.f64();
  const contentLength = reader.u32();
  const storedLength = reader.u32();
  const status = reader.u32();
  const pieceCount = reader.u32();
  const coding = reader.u8() === 1 ? "zstd" : "none";
  const [version, uri, reason] = [reader.text(), reader.text(), reader.text()];
  const tags = reader.texts();
  const fields = reader.texts();
  const selecting: [string, string | null][] = [];
  for (let left = reader.u32(); left > 0 && !reader.failed; left--) {
    selecting.push([reader.text(), reader.u8() === 0 ? null : reader.text()]);
  }
  const inline = reader.rest();
  const isWhole = pieceCount === 0 ? inline.length === storedLength : inline.length === 0;
  const isSound =
    isWhole &&
    !reader.failed &&
    fields.length % 2 === 0 &&
    status >= 200 &&
    status <= 599 &&
    contentLength <= LENGTH_MAX &&
    storedLength <= LENGTH_MAX &&
    Number.isFinite(responseMs + initialAgeMs + position) &&
    (coding === "zstd" || storedLength === contentLength);
  if (!isSound) return null;
  const numbers = { responseMs, initialAgeMs, position, contentLength, storedLength, pieceCount };
  return { ...numbers, status, coding, version, uri, reason, tags, fields, selecting, inline };
}

/** A piece of content behind its checksum, which covers whose piece it is, and which one. */
export function encodePiece(content: Uint8Array, version: string, index: number): Buffer {
  const piece = Buffer.allocUnsafe(PIECE_HEAD_BYTES + content.length);
  piece.writeUInt32LE(checkPiece(content, version, index), 0);
  piece.set(content, PIECE_HEAD_BYTES);
  return piece;
}

/** Null for anything but this piece of this writing. A view of the bytes. */
export function decodePiece(piece: Buffer, version: string, index: number): Uint8Array | null {
  if (piece.length < PIECE_HEAD_BYTES) return null;
  const content = piece.subarray(PIECE_HEAD_BYTES);
  return piece.readUInt32LE(0) === checkPiece(content, version, index) ? content : null;
}

function checkPiece(content: Uint8Array, version: string, index: number): number {
  return crc32(content, crc32(`${version}:${index}`));
}

class Writer {
  readonly buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  u8(value: number): void {
    this.#at = this.buffer.writeUInt8(value, this.#at);
  }

  u32(value: number): void {
    this.#at = this.buffer.writeUInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#at = this.buffer.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    this.u32(value.length);
    this.#at += this.buffer.write(value, this.#at, "latin1");
  }

  texts(values: readonly string[]): void {
    this.u32(values.length);
    for (const value of values) this.text(value);
  }

  bytes(value: Uint8Array): void {
    this.buffer.set(value, this.#at);
    this.#at += value.length;
  }
}

/** Reads past the end are zeros and empty strings, and `failed`. */
class Reader {
  failed = false;
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  u8(): number {
    return this.#has(1) ? this.#bytes.readUInt8(this.#at++) : 0;
  }

  u32(): number {
    if (!this.#has(4)) return 0;
    this.#at += 4;
    return this.#bytes.readUInt32LE(this.#at - 4);
  }

  f64(): number {
    if (!this.#has(8)) return 0;
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  text(): string {
    const length = this.u32();
    if (!this.#has(length)) return "";
    this.#at += length;
    return this.#bytes.toString("latin1", this.#at - length, this.#at);
  }

  texts(): string[] {
    const texts: string[] = [];
    for (let left = this.u32(); left > 0 && !this.failed; left--) texts.push(this.text());
    return texts;
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  #has(bytes: number): boolean {
    if (this.#at + bytes > this.#bytes.length) this.failed = true;
    return !this.failed;
  }
}
