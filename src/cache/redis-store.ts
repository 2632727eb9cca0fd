// Owns L2: stored responses in Redis, behind a deadline and a circuit breaker, shared by instances
// and kept valid by the journal. Whatever Redis does, a read is at worst a miss. One hash a key:
// its variants, and what they vary by. Knows no origin servers and no readers.

import type { Clock } from "../clock.ts";
import type { RequestHead } from "../http/message.ts";
import type { CacheKey } from "./key.ts";
import type { Purge } from "./purge.ts";
import type { RedisClient, RedisConnection } from "./redis-client.ts";
import { packContent } from "./redis-content.ts";
import { deadline, RedisFailure, type RedisReason, reasonOf } from "./redis-failure.ts";
import { type JournalEvents, RedisJournal, urisOf } from "./redis-journal.ts";
import { keyOf } from "./redis-keys.ts";
import type { RedisLink } from "./redis-link.ts";
import { blockWrites, markInvalid, type Telling } from "./redis-marks.ts";
import { isReadable, type NodeEvents, type RedisNodes, redisNodes } from "./redis-nodes.ts";
import type { PaceTimes } from "./redis-pace.ts";
import { putStored } from "./redis-puts.ts";
import { type ReadSession, readStored, type Wanted } from "./redis-reads.ts";
import { redisTtlMs } from "./redis-ttl.ts";
import { RedisWrites } from "./redis-writes.ts";
import type { JournalPosition, Peeked, Recall, RecallEvents, SecondTier } from "./second-tier.ts";
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

export type StoreEvents = Omit<JournalEvents, "reshaped"> & NodeEvents;

export type ReadResult =
  | "hit"
  | "stale"
  | "miss"
  | "late"
  | "purged"
  | "invalid"
  | RedisReason
  | "skipped";

/** Whoever explains is in no hurry. */
const PEEK_TIMEOUT_MS = 1000;

/** Reads under way; one more is a miss at once. */
const READS_MAX = 1024;
/** The start of a gateway waits no longer for Redis. */
const OPEN_MS = 1500;

export class RedisStore implements SecondTier {
  readonly journal: RedisJournal;
  readonly nodes: RedisNodes;
  readonly writes: RedisWrites;
  readonly results = new Map<ReadResult, number>();
  stored = 0;
  /** Reads that somebody waited for until they were late and the origin server was asked too. */
  hedges = 0;
  readonly #options: RedisStoreOptions;
  readonly #events: StoreEvents;
  readonly #clock: Clock;
  #reads = 0;

  constructor(options: RedisStoreOptions, clock: Clock, events: StoreEvents) {
    const { connection, prefix, queueBytesMax, times } = options;
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.writes = new RedisWrites(queueBytesMax, clock);
    this.nodes = redisNodes({ connection, clock, times }, events);
    this.journal = new RedisJournal(
      { nodes: this.nodes, clock, prefix },
      {
        formsOf: (purge) => events.formsOf(purge),
        purged: (forms) => events.purged(forms),
        reshaped: (uris, at) => void this.#reshape(uris, at),
        lost: () => events.lost(),
      },
    );
  }

  /** Resolves when it is known whether Redis can be reached. Never rejects. */
  async open(): Promise<void> {
    // Who is not there by then is waited for by nobody.
    await deadline(this.nodes.open(), OPEN_MS).catch(() => undefined);
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

  get position(): JournalPosition | null {
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
      if (!link.isSlow) this.hedges++;
      events.late();
    };
    const ask = <T>(reply: Promise<T>): Promise<T> => link.watch(client, reply, late);
    const contentBytesMax = this.#options.objectBytesMax;
    const wanted = { uri: key.uri, request, names, contentBytesMax };
    const reading = this.#recall(link, { client, key: name, ask }, wanted);
    if (link.isSlow) late();
    const found = (result: Recall | ReadResult): void => {
      if (typeof result === "string") this.count(result);
      finish(typeof result === "string" ? null : result);
    };
    reading.then(found, (error: unknown) => {
      const reason = reasonOf(error);
      this.count(reason);
      link.fail(reason, client);
      if (reason === "moved") this.nodes.moved();
      finish(null);
    });
  }

  write(key: CacheKey, stored: StoredResponse, position: JournalPosition | null): void {
    if (position === null) return;
    const ttlMs = redisTtlMs(stored.metadata, this.#clock.nowMs());
    if (ttlMs <= 0 || stored.contentLength > this.#options.objectBytesMax) return;
    const { uri } = key;
    // Nothing is kept for a node that is away.
    if ((this.nodes.linkOf(this.#keyOf(uri))?.client ?? null) === null)
      return this.writes.drop("connection");
    this.writes.add(stored.contentLength, () => this.#write(uri, stored, position, ttlMs));
  }

  /** RFC 9111 section 4.4; `count` responses were stored here. */
  invalidate(key: CacheKey, count: number): void {
    const telling = count > 0 ? "always" : "if stored";
    // While its node is away nobody reads it, and most unsafe requests are for what nobody stores.
    const isAway = (this.nodes.linkOf(this.#keyOf(key.uri))?.client ?? null) === null;
    if (telling === "always" || !isAway) void this.#invalidate([key.uri], telling);
  }

  /**
   * Tells all instances; nothing in Redis that it means is used from now on. Resolves false where
   * that has to wait for Redis.
   */
  publish(purge: Purge): Promise<boolean> {
    if (purge.scope.kind !== "uri" || purge.mode === "soft") return this.journal.publish(purge);
    return this.#invalidate(urisOf(this.#events.formsOf(purge)), "always");
  }

  /** First nobody can read or write it, then all are told, then what is newer can be written. */
  async #invalidate(uris: readonly string[], telling: Telling): Promise<boolean> {
    try {
      const blocking = uris.map((uri) => {
        const key = this.#keyOf(uri);
        return blockWrites(this.#clientOf(key), key, telling);
      });
      const blocked = await Promise.all(blocking);
      if (telling === "if stored" && !blocked.includes(true)) return false;
      await this.#mark(uris, await this.journal.announce(uris));
      return true;
    } catch {
      return this.#purgeEach(uris);
    }
  }

  /**
   * What another instance has purged has other keys here, where the config is another. It told
   * everybody of its own.
   */
  async #reshape(uris: readonly string[], position: number): Promise<void> {
    await this.#mark(uris, position).catch(() => this.#purgeEach(uris));
  }

  async #mark(uris: readonly string[], position: number): Promise<void> {
    const marking = uris.map((uri) => {
      const key = this.#keyOf(uri);
      return markInvalid(this.#clientOf(key), key, position);
    });
    await Promise.all(marking);
  }

  /** What may be left of it in Redis is judged when it is read. */
  async #purgeEach(uris: readonly string[]): Promise<boolean> {
    const publishing = uris.map((uri) => {
      return this.journal.publish({ scope: { kind: "uri", uri }, mode: "hard" });
    });
    return (await Promise.all(publishing)).every(Boolean);
  }

  #clientOf(key: string): RedisClient {
    const client = this.nodes.linkOf(key)?.client ?? null;
    if (client === null) throw new RedisFailure("connection");
    return client;
  }

  async peek(key: CacheKey, request: RequestHead, names: readonly string[]): Promise<Peeked> {
    const name = this.#keyOf(key.uri);
    const link = this.nodes.linkOf(name);
    const client = link?.client ?? null;
    if (link === null || client === null || !link.isReadable || !this.isReadable) return "away";
    const contentBytesMax = this.#options.objectBytesMax;
    const ask = <T>(reply: Promise<T>): Promise<T> => deadline(reply, PEEK_TIMEOUT_MS);
    const wanted = { uri: key.uri, request, names, contentBytesMax };
    const found = await this.#recall(link, { client, key: name, ask }, wanted).catch(
      (): Peeked => "away",
    );
    return typeof found === "string" && found !== "purged" && found !== "away" ? "miss" : found;
  }

  async #recall(
    link: RedisLink,
    session: ReadSession,
    wanted: Wanted,
  ): Promise<Recall | Exclude<ReadResult, "hit">> {
    const found = await readStored(session, wanted);
    link.succeed();
    if (typeof found === "string") return found;
    const { value, content } = found;
    // Now, and not before: a purge may have come while Redis answered.
    const judgement = this.journal.isLive ? this.journal.table.judge(value) : "purged";
    if (judgement === "purged") return "purged";
    const responseMs = value.responseMs - link.clockOffsetMs;
    return { value: { ...value, responseMs, content }, isExpired: judgement === "expired" };
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
    // Who does not follow the journal may write what others have been told to forget.
    if (link === null || client === null || !this.journal.isLive) {
      return this.writes.drop("connection");
    }
    const { clockOffsetMs } = link;
    const { variantsMax } = this.#options;
    try {
      const put = { client, key, uri, stored, packed, position, ttlMs, clockOffsetMs, variantsMax };
      if (await putStored(put)) this.stored++;
      else this.writes.drop("outdated");
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
