// Owns one gateway of a replay: the real cache with its policy and its store, in simulated time,
// asked for one object after another. Stored responses claim the bytes of their objects and have
// no content, so that a mirror of many gigabytes fits.

import { Cache } from "../../src/cache/cache.ts";
import { CACHE_DEFAULTS } from "../../src/cache/cache-state.ts";
import type { FillReader } from "../../src/cache/collapse.ts";
import type { Forward, RouteCaching } from "../../src/cache/forward.ts";
import { type CacheKey, keyOfUri } from "../../src/cache/key.ts";
import type { SecondTier } from "../../src/cache/second-tier.ts";
import type { StoredResponse } from "../../src/cache/stored-response.ts";
import { NO_WAITS } from "../../src/cache/waits.ts";
import type { Clock } from "../../src/clock.ts";
import type { Core } from "../../src/core/core.ts";
import type { RequestHead } from "../../src/http/message.ts";
import { HIT_FORMAT, HIT_RULES } from "../../test/support/stored.ts";

/** What answered: memory, Redis, the origin server with a 304, or with all of it. */
export type Answered = "l1" | "l2" | "validated" | "origin";

export interface TracedOptions {
  readonly core: Core;
  readonly clock: Clock;
  /** Of L1; 0: it keeps nothing. */
  readonly bytesMax: number;
  /** Of every response. */
  readonly lifetimeSeconds: number;
  readonly tier: SecondTier | null;
  readonly sizes: readonly number[];
}

export class TracedGateway {
  readonly #options: TracedOptions;
  readonly #cache: Cache;
  readonly #keys: CacheKey[] = [];
  #asking = 0;

  constructor(options: TracedOptions) {
    this.#options = options;
    const bytesMax = Math.max(1, options.bytesMax);
    const memory = { bytesMax, objectBytesMax: Number.MAX_SAFE_INTEGER, variantsMax: 1 };
    const { core, clock, tier } = options;
    this.#cache = new Cache(core, clock, { ...CACHE_DEFAULTS, memory, format: HIT_FORMAT });
    if (tier !== null) this.#cache.attach(tier);
    this.#claimSizes();
  }

  /** Whoever stores asks for the size: it is that of the object which is being asked for. */
  readonly sizeOf = (_stored: StoredResponse): number => this.#options.sizes[this.#asking] ?? 0;

  ask(object: number): Answered {
    this.#asking = object;
    const key = this.#key(object);
    const request: RequestHead = { ...REQUEST, path: `/${object}` };
    const found = this.#cache.lookup(request, key, CACHING, this.#options.clock.nowMs());
    return found.kind === "answer" ? "l1" : this.#forward(found, object);
  }

  #forward(forward: Forward, object: number): Answered {
    let answered: Answered = "l2";
    const reader: FillReader = {
      request: forward.request,
      onInterim: nothing,
      onHead: nothing,
      onAnswer: nothing,
      onData: () => true,
      onEnd: nothing,
      onError: nothing,
      onRelease: nothing,
    };
    const { fill, plan } = this.#cache.join(forward, reader, NO_WAITS);
    if (fill === null || plan === null) throw new Error("requests come one after another");
    const origin = ({ validation }: Forward): void => {
      answered = validation === "ours" ? "validated" : "origin";
      const status = validation === "ours" ? 304 : 200;
      fill.onHead({ status, reason: "", fields: this.#fields(object) });
      fill.onEnd([]);
    };
    const steps = { origin, refresh: nothing };
    if (!this.#cache.recall(forward, { fill, plan }, steps)) origin(forward);
    return answered;
  }

  #fields(object: number): string[] {
    return ["Cache-Control", `max-age=${this.#options.lifetimeSeconds}`, "ETag", `"${object}"`];
  }

  #key(object: number): CacheKey {
    this.#keys[object] ??= keyOfUri(this.#options.core, `http://trace/${object}`) as CacheKey;
    return this.#keys[object];
  }

  #claimSizes(): void {
    const { store } = this.#cache;
    const put = store.put.bind(store);
    const sized: typeof put = (key, stored, replaces) => {
      const headBytes = stored.sizeBytes;
      const value = headBytes + this.sizeOf(stored);
      Object.defineProperty(stored, "sizeBytes", { value });
      return put(key, stored, replaces);
    };
    store.put = sized;
  }
}

const nothing = (): void => undefined;

const REQUEST: RequestHead = {
  method: "GET",
  scheme: "http",
  authority: "trace",
  path: "/",
  version: "1.1",
  fields: [],
};

const CACHING: RouteCaching = {
  mode: { kind: "auto" },
  rules: HIT_RULES,
  keys: null,
  objectBytesMax: null,
  tags: [],
};
