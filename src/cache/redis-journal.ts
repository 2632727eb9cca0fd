// Owns the journal in Redis by which instances hear of each other's purges: one stream of purges,
// by which what lies in Redis is judged, and one of invalidated URIs, which are gone from Redis
// already. Two, so that a flood of invalidations pushes out no purge. Both are followed on one
// connection; after a gap they are read on from where they were left, and where that cannot be done
// completely, everything in memory is dropped. Knows no stored responses.

import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Purge } from "./purge.ts";
import { PurgeTable } from "./purge-table.ts";
import type { RedisClient } from "./redis-client.ts";
import { deadline, reasonOf } from "./redis-failure.ts";
import type { RedisNodes } from "./redis-nodes.ts";
import { ANSWER_TIMEOUT_MS, positionOf, RedisStream, type StreamEntry } from "./redis-stream.ts";
import type { JournalPosition } from "./second-tier.ts";

export interface JournalOptions {
  readonly nodes: RedisNodes;
  readonly clock: Clock;
  /** Of every key. */
  readonly prefix: string;
}

export interface JournalEvents {
  /** What a purge as somebody wrote it means here: routes have keys of their own. */
  formsOf(purge: Purge): readonly Purge[];
  /** Another instance has purged. */
  purged(forms: readonly Purge[]): void;
  /** Another instance's URIs have these keys here, which it did not know of. */
  reshaped(uris: readonly string[], position: number): void;
  /** Purges were missed that nobody can tell any more: nothing in memory can be trusted. */
  lost(): void;
}

/** A hundred bytes each in Redis. Whoever was away for longer has lost what it has in memory. */
const PURGES_MAX = 100_000;
const INVALIDATIONS_MAX = 100_000;
const BATCH = 1000;
/**
 * Redis holds a read for this long. An answer later than the margin will not come: from then on
 * nothing is read from Redis, because purges would be missed.
 */
const BLOCK_MS = 200;
const RETRY_MS = 200;
const RETRY_MS_MAX = 2000;
/** Purges that wait for a journal; one more turns all of them into a purge of everything. */
const PENDING_MAX = 1000;
/** A purge that has no place in the stream yet means everything. */
const NOT_YET = Number.POSITIVE_INFINITY;

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
  readonly #purges: RedisStream;
  readonly #invalidations: RedisStream;
  #pending: Purge[] = [];
  #client: RedisClient | null = null;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(options: JournalOptions, events: JournalEvents) {
    this.#options = options;
    this.#events = events;
    const { clock, prefix } = options;
    const common = { clock, author: this.#author };
    // In one slot of a Cluster, to be read together.
    const purges = { ...common, key: `${prefix}{journal}:purges`, entriesMax: PURGES_MAX };
    this.#purges = new RedisStream(purges);
    const key = `${prefix}{journal}:invalidations`;
    this.#invalidations = new RedisStream({ ...common, key, entriesMax: INVALIDATIONS_MAX });
  }

  /** Null where nobody could tell which purges came later. */
  get position(): JournalPosition | null {
    const [purges, invalidations] = [this.#purges.position, this.#invalidations.position];
    return this.isLive && purges > 0 && invalidations > 0 ? { purges, invalidations } : null;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Follows until `close`. */
  async follow(): Promise<void> {
    for (let waitMs = RETRY_MS; !this.#isClosed; waitMs = Math.min(RETRY_MS_MAX, waitMs * 2)) {
      try {
        const client = await this.#options.nodes.clientFor(this.#purges.key);
        client.on("error", () => undefined);
        this.#client = client;
        await deadline(client.connect(), this.#options.nodes.connectMs);
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
   * again where there is none. What is in Redis is judged by it from now on. Resolves whether it
   * was written.
   */
  async publish(purge: Purge): Promise<boolean> {
    const client = this.#writer();
    this.#judgeBy(purge, NOT_YET);
    try {
      if (client === null) throw new Error("no journal");
      await this.#append(client, purge);
      return true;
    } catch {
      this.#pending.push(purge);
      const tooMany = this.#pending.length > PENDING_MAX;
      if (tooMany) this.#pending = [{ scope: { kind: "all" }, mode: "hard" }];
      return false;
    }
  }

  /**
   * Tells all instances of URIs that nothing in Redis is left of. Resolves with the position behind
   * which responses were asked for later; rejects where it could not be written.
   */
  async announce(uris: readonly string[]): Promise<number> {
    const client = this.#writer();
    if (client === null) throw new Error("no journal");
    const text = JSON.stringify(uris);
    return positionOf(await this.#invalidations.append(client, "uris", text));
  }

  #writer(): RedisClient | null {
    if (!this.isLive) return null;
    return this.#options.nodes.linkOf(this.#purges.key)?.client ?? null;
  }

  async #append(client: RedisClient, purge: Purge): Promise<void> {
    const id = await this.#purges.append(client, "purge", JSON.stringify(purge));
    this.#judgeBy(purge, positionOf(id));
  }

  #judgeBy(purge: Purge, position: number): readonly Purge[] {
    const forms = this.#events.formsOf(purge);
    for (const form of forms) this.table.add(form, position);
    return forms;
  }

  /** From where it was left, or from the beginning, to the end; then what has waited is written. */
  async #catchUp(client: RedisClient): Promise<void> {
    const purges = await this.#purges.resume(client);
    const invalidations = await this.#invalidations.resume(client);
    if (purges.state === "lost" || invalidations.state === "lost") this.#lose();
    // Everything that was written before the first entry may have been purged by one that is gone.
    this.table.forgetBefore(purges.firstPosition);
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

  #lose(): void {
    this.losses++;
    this.table.clear();
    this.#purges.forget();
    this.#invalidations.forget();
    this.#events.lost();
  }

  /** Resolves with how many entries there were. `blockMs` 0 does not wait for one. */
  async #readOn(client: RedisClient, blockMs: number): Promise<number> {
    const streams = [this.#purges, this.#invalidations];
    const from = [...streams.map(({ key }) => key), ...streams.map((one) => one.lastId || "0")];
    const reading =
      blockMs === 0
        ? client.xread("COUNT", BATCH, "STREAMS", ...from)
        : client.xread("COUNT", BATCH, "BLOCK", blockMs, "STREAMS", ...from);
    const reply = await deadline(reading, blockMs + ANSWER_TIMEOUT_MS);
    let count = 0;
    for (const [key, entries] of reply ?? []) {
      count += entries.length;
      for (const entry of entries) {
        if (key === this.#purges.key) this.#applyPurge(entry);
        else this.#applyInvalidation(entry);
      }
    }
    return count;
  }

  #applyPurge([id, fields]: StreamEntry): void {
    this.#purges.read(id);
    if (fields[2] !== "purge") return;
    // What cannot be read may have meant anything.
    const forms = this.#judgeBy(parsePurge(fields[3] ?? ""), positionOf(id));
    this.#hear(fields, forms);
  }

  #applyInvalidation([id, fields]: StreamEntry): void {
    this.#invalidations.read(id);
    if (fields[2] !== "uris") return;
    const purges = parseUris(fields[3] ?? "");
    const forms = purges.flatMap((purge) => this.#events.formsOf(purge));
    this.#hear(fields, forms);
    const told = new Set(urisOf(purges));
    const others = urisOf(forms).filter((uri) => !told.has(uri));
    if (others.length > 0) this.#events.reshaped(others, positionOf(id));
  }

  #hear(fields: readonly string[], forms: readonly Purge[]): void {
    if (fields[1] === this.#author) return;
    this.received++;
    this.#events.purged(forms);
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

export function urisOf(purges: readonly Purge[]): string[] {
  return purges.flatMap(({ scope }) => (scope.kind === "uri" ? [scope.uri] : []));
}

const EVERYTHING: Purge = { scope: { kind: "all" }, mode: "hard" };

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
  return EVERYTHING;
}

function parseUris(text: string): readonly Purge[] {
  try {
    const uris = JSON.parse(text) as readonly unknown[];
    return uris.map((uri) => {
      if (typeof uri !== "string") throw new TypeError("no URI");
      return { scope: { kind: "uri", uri }, mode: "hard" };
    });
  } catch {
    return [EVERYTHING];
  }
}
