// Owns the cache key: normalised target URI bytes with their 128-bit hash (RFC 9111 section 2),
// copied out of the core's memory so that they outlive the request. Knows neither stores nor
// policy.

/** Where the core puts keys, and how it hashes one that TypeScript wrote there. A Core is one. */
export interface KeyMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Byte address of the key, a multiple of 4. */
  readonly keyAddress: number;
  /** Byte address of the four hash words. */
  readonly keyHashAddress: number;
  hashKey(keyAddress: number, keyLength: number): void;
}

/** Longer keys than this do not fit where the core keeps one; their requests are not cached. */
export const KEY_BYTES_MAX = 8704;

/**
 * One target URI as a key. Hash words are kept as signed 32-bit numbers, which never need a heap
 * number.
 */
export class CacheKey {
  readonly length: number;
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
  readonly h3: number;
  /**
   * The key bytes by fours, little-endian, zeros behind the last: compared word by word on a hit.
   */
  readonly words: Uint32Array;

  constructor(memory: KeyMemory, keyLength: number) {
    const address = memory.keyAddress;
    const hash = memory.keyHashAddress >>> 2;
    this.length = keyLength;
    this.h0 = (memory.words[hash] ?? 0) | 0;
    this.h1 = (memory.words[hash + 1] ?? 0) | 0;
    this.h2 = (memory.words[hash + 2] ?? 0) | 0;
    this.h3 = (memory.words[hash + 3] ?? 0) | 0;
    this.words = new Uint32Array((keyLength + 3) >>> 2);
    new Uint8Array(this.words.buffer).set(memory.bytes.subarray(address, address + keyLength));
  }

  /** The target URI, for logs and purge answers; decoded on each call. */
  get uri(): string {
    return Buffer.from(this.words.buffer, 0, this.length).toString("latin1");
  }

  /** Host and port of the target URI; decoded on each call. */
  get authority(): string {
    const uri = this.uri;
    const start = uri.indexOf("//") + 2;
    return uri.slice(start, uri.indexOf("/", start));
  }

  /** Hot. The key in linear memory is this one, byte by byte. */
  matchesMemory(memory: KeyMemory, keyAddress: number, keyLength: number): boolean {
    if (keyLength !== this.length) return false;
    const words = this.words;
    const start = keyAddress >>> 2;
    const whole = keyLength >>> 2;
    for (let index = 0; index < whole; index++) {
      if (memory.words[start + index] !== words[index]) return false;
    }
    const rest = keyLength & 3;
    if (rest === 0) return true;
    const mask = 0xffffffff >>> ((4 - rest) << 3);
    return (((memory.words[start + whole] ?? 0) ^ (words[whole] ?? 0)) & mask) === 0;
  }

  equals(other: CacheKey): boolean {
    if (other.length !== this.length || other.h0 !== this.h0 || other.h1 !== this.h1) return false;
    if (other.h2 !== this.h2 || other.h3 !== this.h3) return false;
    for (let index = 0; index < this.words.length; index++) {
      if (this.words[index] !== other.words[index]) return false;
    }
    return true;
  }
}

/**
 * The key of a target URI in its parts, with the same bytes that the core writes for a request:
 * authority in lower case without the default port, path and query as sent. Undefined for a URI
 * that cannot be a key.
 */
export function keyOfTarget(
  memory: KeyMemory,
  scheme: "http" | "https",
  authority: string,
  path: string,
): CacheKey | undefined {
  const uri = `${scheme}://${withoutDefaultPort(scheme, authority.toLowerCase())}${path}`;
  if (authority === "" || !path.startsWith("/")) return undefined;
  if (uri.length > KEY_BYTES_MAX || !VISIBLE.test(uri)) return undefined;
  const { keyAddress } = memory;
  for (let index = 0; index < uri.length; index++) {
    memory.bytes[keyAddress + index] = uri.charCodeAt(index);
  }
  memory.hashKey(keyAddress, uri.length);
  return new CacheKey(memory, uri.length);
}

/** The key of an absolute http or https URI as text, as a purge or a Location field gives it. */
export function keyOfUri(memory: KeyMemory, uri: string): CacheKey | undefined {
  const parts = URI_PARTS.exec(uri);
  if (parts === null) return undefined;
  const scheme = parts[1]?.toLowerCase() === "https" ? "https" : "http";
  const pathAndQuery = parts[3] ?? "";
  const path = pathAndQuery.startsWith("/") ? pathAndQuery : `/${pathAndQuery}`;
  return keyOfTarget(memory, scheme, parts[2] ?? "", path);
}

const VISIBLE = /^[\x21-\x7e\x80-\xff]+$/;
const URI_PARTS = /^(https?):\/\/([^/?#@]+)((?:[/?][^#]*)?)(?:#.*)?$/i;

function withoutDefaultPort(scheme: "http" | "https", authority: string): string {
  const suffix = scheme === "https" ? ":443" : ":80";
  return authority.endsWith(suffix) ? authority.slice(0, -suffix.length) : authority;
}
