// Owns one stream of the journal: how far it was read, and whether it can be read on from there
// without a gap. Knows no purges.

import type { Clock } from "../clock.ts";
import type { RedisClient } from "./redis-client.ts";
import { deadline } from "./redis-failure.ts";

export type StreamEntry = readonly [id: string, fields: readonly string[]];

export interface StreamOptions {
  readonly key: string;
  /** Older ones are trimmed, roughly. */
  readonly entriesMax: number;
  readonly author: string;
  readonly clock: Clock;
}

export const ANSWER_TIMEOUT_MS = 500;
const MILLISECOND = 2048;
/** Of every entry, whatever it says: who wrote it, and what kind it is. */
const AUTHOR = "by";

export class RedisStream {
  readonly key: string;
  readonly #options: StreamOptions;
  #lastId = "";

  constructor(options: StreamOptions) {
    this.key = options.key;
    this.#options = options;
  }

  /** The entry that was read last; it is read on behind it. */
  get lastId(): string {
    return this.#lastId;
  }

  /** As `positionOf`; 0 before the first entry. */
  get position(): number {
    return this.#lastId === "" ? 0 : positionOf(this.#lastId);
  }

  /** An entry was read. */
  read(id: string): void {
    this.#lastId = id;
  }

  /** What was read is not to be gone on from. */
  forget(): void {
    this.#lastId = "";
  }

  /** Resolves with the entry's id. */
  async append(client: RedisClient, kind: string, text: string): Promise<string> {
    const { key, entriesMax, author } = this.#options;
    const fields = [AUTHOR, author, kind, text];
    const added = client.xadd(key, "MAXLEN", "~", entriesMax, "*", ...fields);
    const id = await deadline(added, ANSWER_TIMEOUT_MS);
    if (id === null) throw new Error("nothing was added");
    return id;
  }

  /**
   * Before it is read on. "lost": entries that were not read are gone, or a replica took over that
   * had not received everything. `firstPosition`: what is older is not known to anybody.
   */
  async resume(
    client: RedisClient,
  ): Promise<{ readonly state: "whole" | "lost"; readonly firstPosition: number }> {
    const { key } = this.#options;
    const first = await edge(client.xrange(key, "-", "+", "COUNT", 1));
    const last = await edge(client.xrevrange(key, "+", "-", "COUNT", 1));
    const known = this.#lastId;
    const wentBack = last === null || (known !== "" && isBefore(last[0], known));
    if (wentBack) await this.#begin(client);
    const start = wentBack ? await edge(client.xrange(key, "-", "+", "COUNT", 1)) : first;
    if (start === null) throw new Error("the stream does not stay");
    const isTrimmed = known !== "" && isBefore(known, start[0]);
    const isLost = known !== "" && (wentBack || isTrimmed);
    return { state: isLost ? "lost" : "whole", firstPosition: positionOf(start[0]) };
  }

  /**
   * A stream without entries, or with fewer than there were: it goes on behind the last position
   * that anybody here has seen, so that positions never go back.
   */
  async #begin(client: RedisClient): Promise<void> {
    const { key, author, clock } = this.#options;
    const [lastMs = 0] = this.#lastId.split("-").map(Number);
    const id = lastMs >= clock.nowMs() ? `${lastMs + 1}-0` : "*";
    // Another instance may have been first.
    const added = client.xadd(key, id, AUTHOR, author, "begin", "");
    await deadline(added, ANSWER_TIMEOUT_MS).catch(() => null);
  }
}

async function edge(reading: Promise<unknown>): Promise<StreamEntry | null> {
  const entries = (await deadline(reading, ANSWER_TIMEOUT_MS)) as readonly StreamEntry[];
  return entries[0] ?? null;
}

/** An id as one number that keeps the order: nobody purges 2,048 times in a millisecond. */
export function positionOf(id: string): number {
  const [ms = 0, sequence = 0] = id.split("-").map(Number);
  return ms * MILLISECOND + Math.min(sequence, MILLISECOND - 1);
}

function isBefore(id: string, other: string): boolean {
  return positionOf(id) < positionOf(other);
}
