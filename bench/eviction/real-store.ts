// Owns the real MemoryStore as one of the policies: what is stored claims the bytes of the object
// but has no content, so that a mirror of many gigabytes fits. Entries, keys and the sketch take
// their part of the limit, which the simulated policies do not have.

import { type CacheKey, keyOfUri } from "../../src/cache/key.ts";
import { MemoryStore } from "../../src/cache/memory-store.ts";
import type { Core } from "../../src/core/core.ts";
import { storedResponse } from "../../test/support/stored.ts";
import type { EvictionPolicy } from "./policy.ts";

/** Times of traces may begin at 0; a Date has to be one that HTTP can write. */
const EPOCH_MS = Date.UTC(2020, 0, 1);
/** RFC 9111 section 1.2.2: the largest number of seconds. */
const FOREVER_SECONDS = 2 ** 31;

export class RealStore implements EvictionPolicy {
  readonly #core: Core;
  readonly #keys: CacheKey[] = [];
  readonly #store: MemoryStore;

  constructor(bytesMax: number, core: Core) {
    this.#core = core;
    this.#store = new MemoryStore({ bytesMax, objectBytesMax: bytesMax, variantsMax: 1 });
  }

  request(object: number): number {
    const stored = this.#store.get(this.#key(object))?.variants[0];
    return stored === undefined ? 0 : (stored.hitUntilMs - EPOCH_MS) / 1000;
  }

  offer(object: number, bytes: number, freshUntil: number, seconds: number): void {
    const lifetime = Math.min(FOREVER_SECONDS, freshUntil - seconds);
    const fields = ["Cache-Control", `max-age=${lifetime}`];
    const responseMs = EPOCH_MS + seconds * 1000;
    const stored = storedResponse({ fields, content: "", responseMs });
    Object.defineProperty(stored, "sizeBytes", { value: bytes });
    this.#store.put(this.#key(object), stored, () => true);
  }

  #key(object: number): CacheKey {
    this.#keys[object] ??= keyOfUri(this.#core, `http://trace/${object}`) as CacheKey;
    return this.#keys[object];
  }
}
