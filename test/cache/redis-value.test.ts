// The binary form of a value in Redis: what goes in comes out, and nothing else is a value.

import fc from "fast-check";
import { expect, test } from "vitest";
import { packContent, piecesOf, unpackContent } from "../../src/cache/redis-content.ts";
import {
  decodePiece,
  decodeValue,
  encodePiece,
  encodeValue,
  type RedisValue,
} from "../../src/cache/redis-value.ts";

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
});
const pair = fc.tuple(latin1, latin1);

const values: fc.Arbitrary<RedisValue> = fc
  .record({
    uri: latin1,
    reason: latin1,
    status: fc.integer({ min: 200, max: 599 }),
    pairs: fc.array(pair, { maxLength: 20 }),
    selecting: fc.array(fc.tuple(latin1, fc.option(latin1)), { maxLength: 4 }),
    tags: fc.array(latin1, { maxLength: 5 }),
    responseMs: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 2e12 }),
    initialAgeMs: fc.integer({ min: 0 }),
    position: fc.nat(),
    inline: fc.uint8Array({ maxLength: 300 }),
    coding: fc.constantFrom("none" as const, "zstd" as const),
    version: latin1,
  })
  .map(({ pairs, ...value }) => ({
    ...value,
    fields: pairs.flat(),
    contentLength: value.inline.length,
    storedLength: value.inline.length,
    pieceCount: 0,
  }));

test("what is encoded is decoded", () => {
  fc.assert(
    fc.property(values, (value) => {
      const decoded = decodeValue(encodeValue(value));
      expect(
        decoded === null ? null : { ...decoded, inline: new Uint8Array(decoded.inline) },
      ).toEqual(value);
    }),
  );
});

test("no part of a value is one, and no value with something behind it", () => {
  fc.assert(
    fc.property(values, (value) => {
      const bytes = encodeValue(value);
      for (let length = 0; length < bytes.length; length++) {
        expect(decodeValue(bytes.subarray(0, length))).toBeNull();
      }
      expect(decodeValue(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull();
    }),
    { numRuns: 20 },
  );
});

test("a value with any other bit, and one of another version, is none", () => {
  fc.assert(
    fc.property(values, fc.nat(), (value, seed) => {
      const bytes = encodeValue(value);
      const bit = seed % (bytes.length * 8);
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeValue(bytes)).toBeNull();
    }),
  );
});

test("a piece with any other bit is none", () => {
  const piece = encodePiece(Buffer.from("content"), "version", 1);
  expect(decodePiece(piece, "version", 1)).toEqual(Buffer.from("content"));
  for (let bit = 0; bit < piece.length * 8; bit++) {
    const wrong = Buffer.from(piece);
    wrong[bit >>> 3] = (wrong[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodePiece(wrong, "version", 1)).toBeNull();
  }
  expect(decodePiece(Buffer.alloc(3), "version", 1)).toBeNull();
});

test("a piece of another place, or of another writing, is none", () => {
  const piece = encodePiece(Buffer.from("content"), "version", 1);
  expect(decodePiece(piece, "version", 2)).toBeNull();
  expect(decodePiece(piece, "another", 1)).toBeNull();
});

test.each([
  ["text", ["Content-Type", "text/html; charset=utf-8"], "zstd"],
  ["JSON of some kind", ["Content-Type", "application/problem+json"], "zstd"],
  ["an image", ["Content-Type", "image/png"], "none"],
  ["what is coded already", ["Content-Type", "text/css", "Content-Encoding", "br"], "none"],
])("%s is kept as %3$s", async (_name, fields, coding) => {
  const content = Buffer.from("edgelane ".repeat(10_000));
  const packed = await packContent(content, fields);
  expect(packed.coding).toBe(coding);
  expect(await unpackContent(packed, content.length)).toEqual(content);
  expect(await unpackContent(packed, content.length - 1)).toBeNull();
  expect(await unpackContent({ ...packed, bytes: packed.bytes.subarray(9) }, 90_000)).toBeNull();
});

test("content that does not get smaller, or is small, is kept as it is", async () => {
  const fields = ["Content-Type", "text/plain"];
  const random = crypto.getRandomValues(new Uint8Array(5000));
  expect((await packContent(random, fields)).coding).toBe("none");
  expect((await packContent(Buffer.from("a".repeat(500)), fields)).coding).toBe("none");
});

test("pieces are bounded and together the content", () => {
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const large = Buffer.concat(Array<Uint8Array>(10).fill(content));
  const pieces = piecesOf(large);
  expect(pieces.map((piece) => piece.length)).toEqual([262_144, 262_144, 75_712]);
  expect(Buffer.concat(pieces).equals(large)).toBe(true);
});
