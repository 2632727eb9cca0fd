// Owns what keeps an invalidated URI out of Redis: its responses are deleted, and a mark in their
// place refuses those that were asked for before, however late they are written. Nobody has to
// judge them when they are read, so that any number of invalidations costs the others nothing.

import type { RedisClient } from "./redis-client.ts";
import { deadline } from "./redis-failure.ts";
import { WRITE_TIMEOUT_MS } from "./redis-puts.ts";

/** Until it is known behind which position responses are new: nothing is written. */
const PENDING_MS = 10_000;
/**
 * By then every instance has heard of it and stores nothing that was asked for before, or follows
 * the journal no more and writes nothing at all.
 */
const MARK_MS = 60_000;

/** An unsafe request is told of where something was stored: most are for what nobody stores. */
export type Telling = "always" | "if stored";

/**
 * Deletes, and lets nobody write. Resolves whether something was there; nothing is left behind
 * where that decides.
 */
export async function blockWrites(
  client: RedisClient,
  key: string,
  telling: Telling,
): Promise<boolean> {
  const reply = client.eval(BLOCK, 1, key, PENDING_MS, telling);
  return (await deadline(reply, WRITE_TIMEOUT_MS)) === 1;
}

/** Lets those write that were asked for behind `position`. */
export async function markInvalid(
  client: RedisClient,
  key: string,
  position: number,
): Promise<void> {
  await deadline(client.eval(MARK, 1, key, position, MARK_MS), WRITE_TIMEOUT_MS);
}

const BLOCK = `
local had = redis.call('HEXISTS', KEYS[1], 'v')
if had == 0 and ARGV[2] == 'if stored' then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'x', '9007199254740991')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return had
`;

/** The newest counts; what was written behind an older one is older than this one. */
const MARK = `
local mark = redis.call('HGET', KEYS[1], 'x')
if mark and mark ~= '9007199254740991' and tonumber(mark) >= tonumber(ARGV[1]) then return end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'x', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;
