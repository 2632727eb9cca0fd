// Owns the journal of purges in Redis: a capped stream that every instance writes to and follows on
// a connection of its own. After a gap it is read on from where it was left; where that cannot be
// done completely, everything in memory is dropped. Knows no stored responses.

import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Purge } from "./purge.ts";
import { PurgeTable } from "./purge-table.ts";
import type { RedisClient } from "./redis-client.ts";
import { deadline, reasonOf } from "./redis-failure.ts";
import type { RedisNodes } from "./redis-nodes.ts";
import type { JournalPosition } from "./second-tier.ts";

export interface JournalOptions {
  readonly nodes: RedisNodes;
  readonly clock: Clock;
  /** Of the stream. */
  readonly key: string;
}

export interface JournalEvents {
  /** Another instance has purged. */
  purged(purge: Purge): void;
  /** Purges were missed that nobody can tell any more: nothing in memory can be trusted. */
  lost(): void;
}

/** 100,000 entries of 100 bytes are 10 MB in Redis, and most purges are seconds apart. */
const ENTRIES_MAX = 100_000;
const BATCH = 1000;
/** Redis holds the read for this long; an answer that is later than the margin will not come. */
const BLOCK_MS = 1000;
const ANSWER_MARGIN_MS = 1000;
const RETRY_MS = 200;
const RETRY_MS_MAX = 2000;
/** Purges that wait for a journal; one more turns all of them into a purge of everything. */
const PENDING_MAX = 1000;
const MILLISECOND = 2048;

type Entry = readonly [id: string, fields: readonly string[]];

export class RedisJournal {
  readonly table = new PurgeTable();
  /** It is followed without a gap. */
  isLive = false;
  /** Entries of other instances. */
  received = 0;
  /** Times that what was missed could not be read. */
  losses = 0;
  readonly #options: JournalOptions;
  readonly #events: JournalEvents;
  readonly #author = randomBytes(9).toString("base64url");
  #pending: Purge[] = [];
  #client: RedisClient | null = null;
  #lastId = "";
  #position: JournalPosition = 0;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(options: JournalOptions, events: JournalEvents) {
    this.#options = options;
    this.#events = events;
  }

  get position(): JournalPosition {
    return this.#position;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Follows until `close`. */
  async follow(): Promise<void> {
    for (let waitMs = RETRY_MS; !this.#isClosed; waitMs = Math.min(RETRY_MS_MAX, waitMs * 2)) {
      try {
        const client = await this.#options.nodes.clientFor(this.#options.key);
        client.on("error", () => undefined);
        this.#client = client;
        await deadline(client.connect(), ANSWER_MARGIN_MS);
        await this.#catchUp(client);
        this.isLive = true;
        waitMs = RETRY_MS;
        while (!this.#isClosed) await this.#readOn(client, BLOCK_MS);
      } catch (error) {
        // Whatever it was, the remedy is another connection.
        if (reasonOf(error) === "moved") this.#options.nodes.moved();
      }
      this.isLive = false;
      this.#client?.disconnect();
      if (!this.#isClosed) await this.#pause(waitMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.isLive = false;
    this.#client?.disconnect();
    this.#wake?.();
  }

  /**
   * Tells all instances, over a client that does not block; kept until the journal is followed
   * again where there is none. Resolves whether it was written.
   */
  async publish(purge: Purge): Promise<boolean> {
    const { key, nodes } = this.#options;
    const client = nodes.linkOf(key)?.client ?? null;
    try {
      if (client === null || !this.isLive) throw new Error("no journal");
      await this.#append(client, purge);
      return true;
    } catch {
      this.#pending.push(purge);
      const tooMany = this.#pending.length > PENDING_MAX;
      if (tooMany) this.#pending = [{ scope: { kind: "all" }, mode: "hard" }];
      return false;
    }
  }

  async #append(client: RedisClient, purge: Purge): Promise<void> {
    const { key } = this.#options;
    const entry = ["by", this.#author, "purge", JSON.stringify(purge)];
    const added = client.xadd(key, "MAXLEN", "~", ENTRIES_MAX, "*", ...entry);
    const id = await deadline(added, ANSWER_MARGIN_MS);
    if (typeof id === "string") this.#note(id, purge);
  }

  /** What this instance has purged itself counts from now on, not from when it comes back. */
  #note(id: string, purge: Purge): void {
    this.table.add(purge, positionOf(id));
  }

  /** From where it was left, or from the beginning, to the end; then what has waited is written. */
  async #catchUp(client: RedisClient): Promise<void> {
    const { key } = this.#options;
    const first = await this.#edge(client.xrange(key, "-", "+", "COUNT", 1));
    const last = await this.#edge(client.xrevrange(key, "+", "-", "COUNT", 1));
    if (first === null || last === null) {
      await this.#begin(client);
    } else if (this.#lastId !== "" && isBefore(last[0], this.#lastId)) {
      // A replica took over that had not received everything.
      await this.#begin(client);
    } else if (this.#lastId !== "" && isBefore(this.#lastId, first[0])) {
      this.#lose();
    }
    const start = await this.#edge(client.xrange(key, "-", "+", "COUNT", 1));
    // Everything that was written before the first entry may have been purged by one that is gone.
    if (start !== null) this.table.forgetBefore(positionOf(start[0]));
    while ((await this.#readOn(client, 0)) > 0);
    const pending = this.#pending;
    this.#pending = [];
    for (const [index, purge] of pending.entries()) {
      try {
        await this.#append(client, purge);
      } catch (error) {
        this.#pending.unshift(...pending.slice(index));
        throw error;
      }
    }
  }

  async #edge(reading: Promise<unknown>): Promise<Entry | null> {
    const entries = (await deadline(reading, ANSWER_MARGIN_MS)) as readonly Entry[];
    return entries[0] ?? null;
  }

  /**
   * A journal without entries, or with fewer than there were: it goes on behind the last position
   * that anybody here has seen, so that positions never go back.
   */
  async #begin(client: RedisClient): Promise<void> {
    const lastId = this.#lastId;
    if (lastId !== "") this.#lose();
    const [lastMs = 0] = lastId.split("-").map(Number);
    const id = lastMs >= this.#options.clock.nowMs() ? `${lastMs + 1}-0` : "*";
    const added = client.xadd(this.#options.key, id, "by", this.#author, "begin", "");
    // Another instance may have been first.
    await deadline(added, ANSWER_MARGIN_MS).catch(() => null);
  }

  #lose(): void {
    this.losses++;
    this.table.clear();
    this.#lastId = "";
    this.#events.lost();
  }

  /** Resolves with how many entries there were. `blockMs` 0 does not wait for one. */
  async #readOn(client: RedisClient, blockMs: number): Promise<number> {
    const { key } = this.#options;
    const from = this.#lastId === "" ? "0" : this.#lastId;
    const reading =
      blockMs === 0
        ? client.xread("COUNT", BATCH, "STREAMS", key, from)
        : client.xread("COUNT", BATCH, "BLOCK", blockMs, "STREAMS", key, from);
    const reply = await deadline(reading, blockMs + ANSWER_MARGIN_MS);
    const entries = reply?.[0]?.[1] ?? [];
    for (const entry of entries) this.#apply(entry);
    return entries.length;
  }

  #apply([id, fields]: Entry): void {
    this.#lastId = id;
    this.#position = positionOf(id);
    if (fields[2] !== "purge") return;
    const purge = parsePurge(fields[3] ?? "");
    // What cannot be read may have meant anything.
    this.table.add(purge, this.#position);
    if (fields[1] === this.#author) return;
    this.received++;
    this.#events.purged(purge);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function parsePurge(text: string): Purge {
  try {
    const purge = JSON.parse(text) as Purge;
    const { scope, mode } = purge;
    const isMode = mode === "hard" || mode === "soft";
    const isScope =
      (scope.kind === "uri" && typeof scope.uri === "string") ||
      (scope.kind === "prefix" && typeof scope.prefix === "string") ||
      (scope.kind === "tag" && typeof scope.tag === "string") ||
      scope.kind === "all";
    if (isMode && isScope) return purge;
  } catch {
    // As below.
  }
  return { scope: { kind: "all" }, mode: "hard" };
}

/** An id as one number that keeps the order: nobody purges 2,048 times in a millisecond. */
function positionOf(id: string): JournalPosition {
  const [ms = 0, sequence = 0] = id.split("-").map(Number);
  return ms * MILLISECOND + Math.min(sequence, MILLISECOND - 1);
}

function isBefore(id: string, other: string): boolean {
  return positionOf(id) < positionOf(other);
}
