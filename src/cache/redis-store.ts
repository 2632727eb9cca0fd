// Owns L2: stored responses in Redis, behind a deadline and a circuit breaker, shared by instances
// and kept valid by the journal. Whatever Redis does, a read is at worst a miss. One hash a key:
// its variants, and what they vary by. Knows no origin servers and no readers.

import type { Clock } from "../clock.ts";
import type { RequestHead } from "../http/message.ts";
import type { CacheKey } from "./key.ts";
import type { Purge } from "./purge.ts";
import type { RedisConnection } from "./redis-client.ts";
import { packContent } from "./redis-content.ts";
import { deadline, type RedisReason, reasonOf } from "./redis-failure.ts";
import { type JournalEvents, RedisJournal } from "./redis-journal.ts";
import { keyOf } from "./redis-keys.ts";
import type { RedisLink } from "./redis-link.ts";
import { isReadable, type NodeEvents, type RedisNodes, redisNodes } from "./redis-nodes.ts";
import type { PaceTimes } from "./redis-pace.ts";
import { putStored, WRITE_TIMEOUT_MS } from "./redis-puts.ts";
import { type ReadSession, readStored, type Wanted } from "./redis-reads.ts";
import { redisTtlMs } from "./redis-ttl.ts";
import { RedisWrites } from "./redis-writes.ts";
import type { JournalPosition, Recall, RecallEvents, SecondTier } from "./second-tier.ts";
import type { StoredResponse } from "./stored-response.ts";

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  /** Of every key. */
  readonly prefix: string;
  /** For each answer that a request waits for; past `lateMs` it does not wait for it alone. */
  readonly times: PaceTimes;
  /** Responses that wait to be written. */
  readonly queueBytesMax: number;
  readonly objectBytesMax: number;
  readonly variantsMax: number;
}

export type ReadResult =
  | "hit"
  | "stale"
  | "miss"
  | "late"
  | "purged"
  | "invalid"
  | RedisReason
  | "skipped";

/** Reads under way; one more is a miss at once. */
const READS_MAX = 1024;

export class RedisStore implements SecondTier {
  readonly journal: RedisJournal;
  readonly nodes: RedisNodes;
  readonly writes: RedisWrites;
  readonly results = new Map<ReadResult, number>();
  stored = 0;
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  #reads = 0;

  constructor(options: RedisStoreOptions, clock: Clock, events: JournalEvents & NodeEvents) {
    const { connection, prefix, queueBytesMax, times } = options;
    this.#options = options;
    this.#clock = clock;
    this.writes = new RedisWrites(queueBytesMax, clock);
    this.nodes = redisNodes({ connection, clock, times }, events);
    this.journal = new RedisJournal({ nodes: this.nodes, clock, key: `${prefix}journal` }, events);
  }

  /** Resolves when it is known whether Redis can be reached. Never rejects. */
  async open(): Promise<void> {
    await this.nodes.open();
    void this.journal.follow();
  }

  /** Writes what waits, for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await deadline(this.writes.idle(), graceMs).catch(() => undefined);
    this.journal.close();
    this.nodes.close();
  }

  get isReadable(): boolean {
    return this.journal.isLive && this.#reads < READS_MAX && isReadable(this.nodes.links);
  }

  get position(): JournalPosition {
    return this.journal.position;
  }

  count(use: ReadResult): void {
    this.results.set(use, (this.results.get(use) ?? 0) + 1);
  }

  read(key: CacheKey, request: RequestHead, names: readonly string[], events: RecallEvents): void {
    const name = this.#keyOf(key.uri);
    const link = this.nodes.linkOf(name);
    const client = link?.client ?? null;
    if (link === null || client === null || !link.isReadable || !this.isReadable) {
      this.count("skipped");
      events.done(null);
      return;
    }
    this.#reads++;
    const finish = (recall: Recall | null): void => {
      this.#reads--;
      events.done(recall);
    };
    let isLate = false;
    const late = (): void => {
      if (isLate) return;
      isLate = true;
      events.late();
    };
    const ask = <T>(reply: Promise<T>): Promise<T> => link.watch(client, reply, late);
    const contentBytesMax = this.#options.objectBytesMax;
    const wanted = { uri: key.uri, request, names, contentBytesMax };
    const reading = this.#recall(link, { client, key: name, ask }, wanted);
    if (link.isSlow) late();
    reading.then(finish, (error: unknown) => {
      const reason = reasonOf(error);
      this.count(reason);
      link.fail(reason, client);
      if (reason === "moved") this.nodes.moved();
      finish(null);
    });
  }

  write(key: CacheKey, stored: StoredResponse, position: JournalPosition): void {
    // Without a position nobody could tell which purges came later.
    if (position === 0) return;
    const ttlMs = redisTtlMs(stored.metadata, this.#clock.nowMs());
    if (ttlMs <= 0 || stored.contentLength > this.#options.objectBytesMax) return;
    const { uri } = key;
    // Nothing is kept for a node that is away.
    if ((this.nodes.linkOf(this.#keyOf(uri))?.client ?? null) === null)
      return this.writes.drop("connection");
    this.writes.add(stored.contentLength, () => this.#write(uri, stored, position, ttlMs));
  }

  /**
   * RFC 9111 section 4.4. Most unsafe requests are for what nobody stores: the others are told only
   * where something was stored, here or in Redis.
   */
  invalidate(key: CacheKey, count: number): void {
    const { uri } = key;
    const client = this.nodes.linkOf(this.#keyOf(uri))?.client ?? null;
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
    return this.journal.publish(purge);
  }

  async #recall(link: RedisLink, session: ReadSession, wanted: Wanted): Promise<Recall | null> {
    const found = await readStored(session, wanted);
    link.succeed();
    if (typeof found === "string") return this.#miss(found);
    const { value, content } = found;
    // Now, and not before: a purge may have come while Redis answered.
    const judgement = this.journal.isLive ? this.journal.table.judge(value) : "purged";
    if (judgement === "purged") return this.#miss("purged");
    const responseMs = value.responseMs - link.clockOffsetMs;
    return { value: { ...value, responseMs, content }, isExpired: judgement === "expired" };
  }

  #miss(result: ReadResult): null {
    this.count(result);
    return null;
  }

  async #write(
    uri: string,
    stored: StoredResponse,
    position: JournalPosition,
    ttlMs: number,
  ): Promise<void> {
    const packed = await packContent(stored.content, stored.head().fields);
    const key = this.#keyOf(uri);
    const link = this.nodes.linkOf(key);
    const client = link?.client ?? null;
    if (link === null || client === null) return this.writes.drop("connection");
    const { clockOffsetMs } = link;
    const { variantsMax } = this.#options;
    try {
      const put = { client, key, uri, stored, packed, position, ttlMs, clockOffsetMs, variantsMax };
      await putStored(put);
      this.stored++;
    } catch (error) {
      const reason = reasonOf(error);
      link.fail(reason, client);
      if (reason === "moved") this.nodes.moved();
      throw error;
    }
  }

  #keyOf(uri: string): string {
    return keyOf(this.#options.prefix, uri);
  }
}
