// Owns writing one stored response to Redis: its pieces first, then the value that names them.
// Knows no queues and no purges.

import { randomBytes } from "node:crypto";
import type { RedisClient } from "./redis-client.ts";
import { PIECE_BYTES, type PackedContent, piecesOf } from "./redis-content.ts";
import { deadline } from "./redis-failure.ts";
import { fieldOf, pieceKey } from "./redis-keys.ts";
import { encodePiece, encodeValue } from "./redis-value.ts";
import type { JournalPosition } from "./second-tier.ts";
import type { StoredResponse } from "./stored-response.ts";

export const WRITE_TIMEOUT_MS = 2000;

export interface Put {
  readonly client: RedisClient;
  readonly key: string;
  readonly uri: string;
  readonly stored: StoredResponse;
  readonly packed: PackedContent;
  readonly position: JournalPosition;
  readonly ttlMs: number;
  /** What Redis's clock shows less what ours does. */
  readonly clockOffsetMs: number;
  readonly variantsMax: number;
}

/** Resolves whether it was written: not where the URI was invalidated since. */
export async function putStored(put: Put): Promise<boolean> {
  const { client, key, packed, ttlMs } = put;
  const version = packed.bytes.length > PIECE_BYTES ? randomBytes(12).toString("base64url") : "";
  const pieces = version === "" ? [] : piecesOf(packed.bytes);
  for (const [index, piece] of pieces.entries()) {
    const bytes = encodePiece(piece, version, index);
    const name = pieceKey(key, version, index);
    await deadline(client.set(name, bytes, "PX", ttlMs), WRITE_TIMEOUT_MS);
  }
  const replaced = await putValue(put, version, pieces.length);
  const [before = "", count = "0"] = replaced?.split(":") ?? [version, String(pieces.length)];
  const old = Array.from({ length: Number(count) }, (_, index) => pieceKey(key, before, index));
  if (old.length > 0) await deadline(client.unlink(...old), WRITE_TIMEOUT_MS);
  return replaced !== null;
}

/** Resolves with the pieces of what was replaced, or null where it was refused. */
async function putValue(put: Put, version: string, pieceCount: number): Promise<string | null> {
  const { client, key, stored, packed, ttlMs, variantsMax } = put;
  const { responseMs, bornMs } = stored.metadata;
  const value = encodeValue({
    ...stored.head(),
    uri: put.uri,
    selecting: stored.selecting.map((field) => [field.name, field.value]),
    tags: stored.tags,
    responseMs: responseMs + put.clockOffsetMs,
    initialAgeMs: responseMs - bornMs,
    position: put.position.purges,
    coding: packed.coding,
    contentLength: stored.contentLength,
    storedLength: packed.bytes.length,
    version,
    pieceCount,
    inline: pieceCount === 0 ? packed.bytes : EMPTY,
  });
  const names = stored.selecting.map((field) => field.name).join(",");
  const field = fieldOf(stored.selecting.map(({ name, normalised }) => [name, normalised]));
  const pieces = `${version}:${pieceCount}`;
  const { invalidations } = put.position;
  const limits = [ttlMs, variantsMax];
  const reply = client.eval(PUT, 1, key, field, value, names, ...limits, pieces, invalidations);
  const replaced = await deadline(reply, WRITE_TIMEOUT_MS);
  return typeof replaced === "string" ? replaced : null;
}

const EMPTY = new Uint8Array(0);

/**
 * One variant into the hash of its key, unless the mark of an invalidation says that it was asked
 * for before. Other names in Vary replace everything; one variant too many drops another. The hash
 * lives as long as its longest variant. Gives the pieces that were replaced.
 */
const PUT = `
local key, field, value, names = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local mark = redis.call('HGET', key, 'x')
if mark and tonumber(mark) > tonumber(ARGV[7]) then return false end
local vary = redis.call('HGET', key, 'v')
if vary and vary ~= names then
  redis.call('DEL', key)
  if mark then redis.call('HSET', key, 'x', mark) end
end
local pieces = redis.call('HGET', key, 'p' .. field)
redis.call('HSET', key, 'v', names, field, value, 'p' .. field, ARGV[6])
local variants = redis.call('HKEYS', key)
local count = math.floor((#variants - 1) / 2)
for _, other in ipairs(variants) do
  if count <= tonumber(ARGV[5]) then break end
  if other:sub(1, 1) == 'r' and other ~= field then
    redis.call('HDEL', key, other, 'p' .. other)
    count = count - 1
  end
end
if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
return pieces or ''
`;
