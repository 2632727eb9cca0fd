// Owns L2: stored responses in Redis, behind a deadline and a circuit breaker, shared by instances
// and kept valid by the journal. Whatever Redis does, a read is at worst a miss. One hash a key:
// its variants, and what they vary by. Knows no origin servers and no readers.

import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { RequestHead } from "../http/message.ts";
import type { CacheKey } from "./key.ts";
import { selectingFields } from "./policy/vary.ts";
import type { Purge } from "./purge.ts";
import { PIECE_BYTES, packContent, piecesOf, unpackContent } from "./redis-content.ts";
import { type JournalEvents, RedisJournal } from "./redis-journal.ts";
import {
  deadline,
  type RedisClient,
  type RedisConnection,
  RedisLink,
  type RedisReason,
  reasonOf,
} from "./redis-link.ts";
import {
  decodePiece,
  decodeValue,
  encodePiece,
  encodeValue,
  type RedisValue,
} from "./redis-value.ts";
import { RedisWrites } from "./redis-writes.ts";
import type { JournalPosition, Recall, SecondTier } from "./second-tier.ts";
import type { StoredResponse } from "./stored-response.ts";
import { redisTtlMs } from "./redis-ttl.ts";

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  /** Of every key. */
  readonly prefix: string;
  /** For each answer that a request waits for. */
  readonly timeoutMs: number;
  /** Responses that wait to be written. */
  readonly queueBytesMax: number;
  readonly objectBytesMax: number;
  readonly variantsMax: number;
}

export type ReadResult = "hit" | "stale" | "miss" | "purged" | "invalid" | RedisReason | "skipped";

/** Reads under way; one more is a miss at once. */
const READS_MAX = 1024;
const WRITE_TIMEOUT_MS = 2000;
/** Pieces of one response that are asked for at once. */
const PIECES_AHEAD = 4;
/** The best guess for what a response varies by, before anything is known of it. */
const GUESS = ["accept-encoding"];
const PLAIN = "r";

type Hash = readonly (Buffer | null)[];

export class RedisStore implements SecondTier {
  readonly journal: RedisJournal;
  readonly link: RedisLink;
  readonly writes: RedisWrites;
  readonly results = new Map<ReadResult, number>();
  stored = 0;
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  #reads = 0;

  constructor(options: RedisStoreOptions, clock: Clock, events: JournalEvents & LinkLog) {
    const { connection, prefix, queueBytesMax } = options;
    this.#options = options;
    this.#clock = clock;
    this.writes = new RedisWrites(queueBytesMax, clock);
    this.journal = new RedisJournal({ connection, clock, key: `${prefix}journal` }, events);
    this.link = new RedisLink(connection, clock, {
      up: () => events.connected(),
      down: (reason) => {
        this.writes.clear();
        events.disconnected(reason);
      },
    });
  }

  /** Resolves when it is known whether Redis can be reached. Never rejects. */
  async open(): Promise<void> {
    void this.journal.follow();
    await this.link.open();
  }

  /** Writes what waits, for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await deadline(this.writes.idle(), graceMs).catch(() => undefined);
    this.journal.close();
    this.link.close();
  }

  get isReadable(): boolean {
    return this.link.client !== null && this.journal.isLive && this.#reads < READS_MAX;
  }

  get position(): JournalPosition {
    return this.journal.position;
  }

  count(use: ReadResult): void {
    this.results.set(use, (this.results.get(use) ?? 0) + 1);
  }

  read(
    key: CacheKey,
    request: RequestHead,
    names: readonly string[],
    done: (recall: Recall | null) => void,
  ): void {
    const { client } = this.link;
    if (client === null || !this.isReadable) {
      this.count("skipped");
      done(null);
      return;
    }
    this.#reads++;
    const finish = (recall: Recall | null): void => {
      this.#reads--;
      done(recall);
    };
    this.#recall(client, key.uri, request, names).then(finish, (error: unknown) => {
      const reason = reasonOf(error);
      this.count(reason);
      this.link.fail(reason, client);
      finish(null);
    });
  }

  write(key: CacheKey, stored: StoredResponse, position: JournalPosition): void {
    // Without a position nobody could tell which purges came later.
    if (position === 0) return;
    const ttlMs = redisTtlMs(stored.metadata, this.#clock.nowMs());
    if (ttlMs <= 0 || stored.contentLength > this.#options.objectBytesMax) return;
    if (this.link.client === null) return this.writes.drop("connection");
    const { uri } = key;
    this.writes.add(stored.contentLength, () => this.#write(uri, stored, position, ttlMs));
  }

  /**
   * RFC 9111 section 4.4. Most unsafe requests are for what nobody stores: the others are told only
   * where something was stored, here or in Redis.
   */
  invalidate(key: CacheKey, count: number): void {
    const { uri } = key;
    const { client } = this.link;
    const purge: Purge = { scope: { kind: "uri", uri }, mode: "hard" };
    if (client === null) {
      if (count > 0) void this.publish(purge);
      return;
    }
    const removal = deadline(client.unlink(this.#keyOf(uri)), WRITE_TIMEOUT_MS);
    void removal
      // Without an answer it may have been there.
      .catch(() => 1)
      .then((removed) => (count + removed > 0 ? this.publish(purge) : false));
  }

  /** Tells all instances; what is in Redis is judged by it from now on. */
  publish(purge: Purge): Promise<boolean> {
    return this.journal.publish(purge, this.link.client);
  }

  async #recall(
    client: RedisClient,
    uri: string,
    request: RequestHead,
    names: readonly string[],
  ): Promise<Recall | null> {
    const key = this.#keyOf(uri);
    const guessed = variantField(names.length === 0 ? GUESS : names, request);
    const hash = await this.#ask(client.hmgetBuffer(key, "v", PLAIN, guessed));
    const bytes = await this.#variantOf(client, key, request, hash, guessed);
    if (bytes === null) return this.#miss("miss");
    const value = decodeValue(bytes);
    if (value === null || value.uri !== uri) return this.#miss("invalid");
    if (value.contentLength > this.#options.objectBytesMax) return this.#miss("miss");
    const content = await this.#contentOf(client, key, value);
    if (content === null) return this.#miss("invalid");
    this.link.succeed();
    // Now, and not before: a purge may have come while Redis answered.
    const judgement = this.journal.isLive ? this.journal.table.judge(value) : "purged";
    if (judgement === "purged") return this.#miss("purged");
    const responseMs = value.responseMs - this.link.clockOffsetMs;
    return { value: { ...value, responseMs, content }, isExpired: judgement === "expired" };
  }

  async #variantOf(
    client: RedisClient,
    key: string,
    request: RequestHead,
    [vary = null, plain = null, guess = null]: Hash,
    guessed: string,
  ): Promise<Buffer | null> {
    if (vary === null) return null;
    if (vary.length === 0) return plain;
    const field = variantField(vary.toString("latin1").split(","), request);
    return field === guessed ? guess : this.#ask(client.hgetBuffer(key, field));
  }

  async #contentOf(
    client: RedisClient,
    key: string,
    value: RedisValue,
  ): Promise<Uint8Array | null> {
    const { coding, contentLength, storedLength, pieceCount, version } = value;
    if (pieceCount === 0) return unpackContent({ coding, bytes: value.inline }, contentLength);
    if (pieceCount !== Math.ceil(storedLength / PIECE_BYTES)) return null;
    const bytes = Buffer.allocUnsafeSlow(storedLength);
    let length = 0;
    for (let first = 0; first < pieceCount; first += PIECES_AHEAD) {
      const count = Math.min(PIECES_AHEAD, pieceCount - first);
      const asked = Array.from({ length: count }, (_, index) =>
        this.#ask(client.getBuffer(pieceKey(key, version, first + index))),
      );
      for (const reply of await Promise.all(asked)) {
        const piece = reply === null ? null : decodePiece(reply);
        if (piece === null || length + piece.length > storedLength) return null;
        bytes.set(piece, length);
        length += piece.length;
      }
    }
    return length === storedLength ? unpackContent({ coding, bytes }, contentLength) : null;
  }

  #ask<T>(reply: Promise<T>): Promise<T> {
    return deadline(reply, this.#options.timeoutMs);
  }

  #miss(result: ReadResult): null {
    this.link.succeed();
    this.count(result);
    return null;
  }

  async #write(
    uri: string,
    stored: StoredResponse,
    position: JournalPosition,
    ttlMs: number,
  ): Promise<void> {
    const head = stored.head();
    const { coding, bytes } = await packContent(stored.content, head.fields);
    const { client } = this.link;
    if (client === null) return this.writes.drop("connection");
    try {
      const key = this.#keyOf(uri);
      const version = bytes.length > PIECE_BYTES ? randomBytes(12).toString("base64url") : "";
      const pieces = version === "" ? [] : piecesOf(bytes);
      // The value that names them comes last.
      for (const [index, piece] of pieces.entries()) {
        const name = pieceKey(key, version, index);
        await deadline(client.set(name, encodePiece(piece), "PX", ttlMs), WRITE_TIMEOUT_MS);
      }
      const { responseMs, bornMs } = stored.metadata;
      const value = encodeValue({
        ...head,
        uri,
        selecting: stored.selecting.map((field) => [field.name, field.value]),
        tags: stored.tags,
        responseMs: responseMs + this.link.clockOffsetMs,
        initialAgeMs: responseMs - bornMs,
        position,
        coding,
        contentLength: stored.contentLength,
        storedLength: bytes.length,
        version,
        pieceCount: pieces.length,
        inline: version === "" ? bytes : EMPTY,
      });
      await this.#put(client, key, stored, value, ttlMs, `${version}:${pieces.length}`);
      this.stored++;
    } catch (error) {
      this.link.fail(reasonOf(error), client);
      throw error;
    }
  }

  async #put(
    client: RedisClient,
    key: string,
    stored: StoredResponse,
    value: Buffer,
    ttlMs: number,
    pieces: string,
  ): Promise<void> {
    const names = stored.selecting.map((field) => field.name).join(",");
    const id = idOf(stored.selecting.map((field) => [field.name, field.normalised]));
    const field = names === "" ? PLAIN : `${PLAIN}${id}`;
    const { variantsMax } = this.#options;
    const reply = client.eval(PUT, 1, key, field, value, names, ttlMs, variantsMax, pieces);
    const replaced = await deadline(reply, WRITE_TIMEOUT_MS);
    const [version = "", count = "0"] = typeof replaced === "string" ? replaced.split(":") : [];
    const old = Array.from({ length: Number(count) }, (_, index) => pieceKey(key, version, index));
    if (old.length > 0) await deadline(client.unlink(...old), WRITE_TIMEOUT_MS);
  }

  /** In braces, so that a response and its pieces lie in one slot of a Cluster. */
  #keyOf(uri: string): string {
    const digest = createHash("sha256").update(uri, "latin1").digest("base64url");
    return `${this.#options.prefix}{${digest.slice(0, 32)}}`;
  }
}

export interface LinkLog {
  connected(): void;
  disconnected(reason: RedisReason): void;
}

const EMPTY = new Uint8Array(0);

/**
 * One variant into the hash of its key. Other names in Vary replace everything; one variant too
 * many drops another. The hash lives as long as its longest variant. Gives the pieces that were
 * replaced.
 */
const PUT = `
local key, field, value, names = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local vary = redis.call('HGET', key, 'v')
if vary and vary ~= names then redis.call('DEL', key) end
local pieces = redis.call('HGET', key, 'p' .. field)
redis.call('HSET', key, 'v', names, field, value, 'p' .. field, ARGV[6])
local variants = redis.call('HKEYS', key)
local count = (#variants - 1) / 2
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

function pieceKey(key: string, version: string, index: number): string {
  return `${key}:${version}:${index}`;
}

function variantField(names: readonly string[], request: RequestHead): string {
  const selecting = selectingFields(names, request.fields);
  return `${PLAIN}${idOf(selecting.map((field) => [field.name, field.normalised]))}`;
}

/** No field value has a line feed. */
function idOf(pairs: readonly (readonly [string, string])[]): string {
  const hash = createHash("sha256");
  for (const [name, value] of pairs) hash.update(`${name}\n${value}\n`, "latin1");
  return hash.digest("base64url").slice(0, 22);
}
