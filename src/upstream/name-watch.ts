// Owns when names are looked up again: as long as their TTL says, within bounds, with jitter; after
// a failure soon, then later and later, and the last good answer stays. Reports what is different.
// Knows no targets.

import type { NamePlace } from "./name-places.ts";
import type { LookupFailure, NameAnswer, NameResolver } from "./name-resolver.ts";

export interface WatchedName {
  /** What results are reported for. */
  readonly key: string;
  readonly name: string;
  readonly kind: "host" | "service";
}

export interface WatchLimits {
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  /** After a failure, doubled each time in a row, up to a minute. */
  readonly retryMs: number;
}

export interface WatchEvents {
  /** The name has moved; false where that could not be taken in, and it is told again. */
  moved(watched: WatchedName, places: readonly NamePlace[]): Promise<boolean>;
  /** It fails, or fails otherwise than before; null: it has an answer again. */
  failing(watched: WatchedName, failure: LookupFailure | null, code: string): void;
}

/** What metrics show. */
export interface WatchReading {
  readonly lookups: readonly (readonly [result: string, count: number])[];
  readonly names: readonly {
    readonly name: string;
    readonly addresses: number;
    /** The last look-up failed; older addresses are used. */
    readonly failing: boolean;
  }[];
}

interface Watch {
  readonly watched: WatchedName;
  timer: NodeJS.Timeout | null;
  /** The answer that was taken in last, as text. */
  known: string;
  addresses: number;
  failure: LookupFailure | null;
  failuresInARow: number;
}

const RESULTS = ["found", "nxdomain", "nodata", "servfail", "refused", "timeout", "error"] as const;
/** Many gateways that started together must not ask together. */
const JITTER_SHARE = 0.1;
const RETRY_MS_MAX = 60_000;

export class NameWatch {
  readonly #resolver: NameResolver;
  readonly #limits: WatchLimits;
  readonly #events: WatchEvents;
  readonly #random: () => number;
  readonly #watches = new Map<string, Watch>();
  readonly #lookups = new Map<string, number>(RESULTS.map((result) => [result, 0]));

  constructor(
    resolver: NameResolver,
    limits: WatchLimits,
    events: WatchEvents,
    random: () => number = Math.random,
  ) {
    this.#resolver = resolver;
    this.#limits = limits;
    this.#events = events;
    this.#random = random;
  }

  /** Looks up what is new at once; what is not among these is not looked up any more. */
  follow(names: readonly WatchedName[]): void {
    const wanted = new Map(names.map((watched) => [watched.key, watched]));
    for (const [key, watch] of this.#watches) if (!wanted.has(key)) this.#stop(watch);
    for (const [key, watched] of wanted) {
      if (this.#watches.has(key)) continue;
      const known = { known: "", addresses: 0, failure: null, failuresInARow: 0 };
      const watch: Watch = { watched, timer: null, ...known };
      this.#watches.set(key, watch);
      void this.#look(watch);
    }
  }

  reading(): WatchReading {
    const names = [...this.#watches.values()].map(({ watched, addresses, failure }) => {
      return { name: watched.name, addresses, failing: failure !== null };
    });
    return { lookups: [...this.#lookups], names };
  }

  close(): void {
    for (const watch of this.#watches.values()) this.#stop(watch);
    this.#resolver.close();
  }

  async #look(watch: Watch): Promise<void> {
    watch.timer = null;
    const { kind, name } = watch.watched;
    const answer = await (kind === "host"
      ? this.#resolver.resolve(name)
      : this.#resolver.resolveService(name));
    if (!this.#isWatched(watch)) return;
    const waitMs = await this.#take(watch, answer);
    if (!this.#isWatched(watch)) return;
    watch.timer = setTimeout(() => void this.#look(watch), waitMs).unref();
  }

  /** Takes an answer in; how long it is good for. */
  async #take(watch: Watch, answer: NameAnswer): Promise<number> {
    const result = "failure" in answer ? answer.failure : "found";
    this.#lookups.set(result, (this.#lookups.get(result) ?? 0) + 1);
    if ("failure" in answer) {
      watch.failuresInARow += 1;
      this.#say(watch, answer.failure, answer.code);
      return this.#retryMs(watch.failuresInARow);
    }
    watch.failuresInARow = 0;
    this.#say(watch, null, "");
    const { places, ttlSeconds } = answer;
    const text = JSON.stringify(places);
    if (text !== watch.known) {
      if (!(await this.#events.moved(watch.watched, places))) return this.#retryMs(1);
      watch.known = text;
      watch.addresses = places.length;
    }
    const { ttlMsMin, ttlMsMax } = this.#limits;
    const ttlMs = Math.min(Math.max(ttlSeconds * 1000, ttlMsMin), ttlMsMax);
    // Rather too early than too late.
    return Math.max(ttlMsMin, ttlMs * (1 - JITTER_SHARE * this.#random()));
  }

  #say(watch: Watch, failure: LookupFailure | null, code: string): void {
    if (watch.failure === failure) return;
    watch.failure = failure;
    this.#events.failing(watch.watched, failure, code);
  }

  #retryMs(failures: number): number {
    const { retryMs } = this.#limits;
    const waitMs = Math.min(retryMs * 2 ** (failures - 1), Math.max(retryMs, RETRY_MS_MAX));
    return waitMs * (1 + JITTER_SHARE * (2 * this.#random() - 1));
  }

  #isWatched(watch: Watch): boolean {
    return this.#watches.get(watch.watched.key) === watch;
  }

  #stop(watch: Watch): void {
    if (watch.timer !== null) clearTimeout(watch.timer);
    this.#watches.delete(watch.watched.key);
  }
}
