// Owns a stand-in for the core's key memory: the same layout, with a hash that tests can aim.

import { type CacheKey, type KeyMemory, keyOfUri } from "../../src/cache/key.ts";

const HASH_ADDRESS = 16;
const KEY_ADDRESS = 64;

export class FakeKeyMemory implements KeyMemory {
  readonly bytes = new Uint8Array(16_384);
  readonly words = new Uint32Array(this.bytes.buffer);
  readonly keyAddress = KEY_ADDRESS;
  readonly keyHashAddress = HASH_ADDRESS;
  /** Overrides the hash words of the keys that follow. */
  forcedHash: readonly number[] | null = null;

  hashKey(keyAddress: number, keyLength: number): void {
    for (let word = 0; word < 4; word++) {
      let hash = 0x811c9dc5 ^ (word * 0x9e3779b1);
      for (let index = 0; index < keyLength; index++) {
        hash = Math.imul(hash ^ (this.bytes[keyAddress + index] ?? 0), 0x01000193);
      }
      this.words[(HASH_ADDRESS >>> 2) + word] = this.forcedHash?.[word] ?? hash;
    }
  }

  /** The key of a URI that is known to be one. */
  key(uri: string): CacheKey {
    const key = keyOfUri(this, uri);
    if (key === undefined) throw new Error(`no key: ${uri}`);
    return key;
  }

  /** Writes key bytes as a request would, and leaves its hash in the hash words. */
  write(uri: string): number {
    for (let index = 0; index < uri.length; index++) {
      this.bytes[KEY_ADDRESS + index] = uri.charCodeAt(index);
    }
    this.hashKey(KEY_ADDRESS, uri.length);
    return uri.length;
  }

  hash(word: number): number {
    return this.words[(HASH_ADDRESS >>> 2) + word] ?? 0;
  }
}
