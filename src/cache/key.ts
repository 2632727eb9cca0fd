// Owns the cache key: normalised target URI bytes with their 128-bit hash (RFC 9111 section 2),
// copied out of the core's memory so that they outlive the request. Knows neither stores nor
// policy.

import { createHash } from "node:crypto";
import { getField } from "../http/fields.ts";
import type { FieldLines } from "../http/message.ts";

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
 * One target URI as a key, with the content of a QUERY behind it. Hash words are kept as signed
 * 32-bit numbers, which never need a heap number.
 */
export class CacheKey {
  readonly h0: number;
  readonly h1: number;
  readonly h2: number;
  readonly h3: number;
  #uri: string;
  /** Made when a hit is first compared: most keys are never stored. */
  #words: Uint32Array | null = null;

  /** Bytes of the target URI, with which the key begins. */
  readonly #targetLength: number;

  /** The key is `uri`, latin1; its hash is the one that was computed last. */
  constructor(memory: KeyMemory, uri: string, targetLength = uri.length) {
    const hash = memory.keyHashAddress >>> 2;
    this.#uri = uri;
    this.#targetLength = targetLength;
    this.h0 = (memory.words[hash] ?? 0) | 0;
    this.h1 = (memory.words[hash + 1] ?? 0) | 0;
    this.h2 = (memory.words[hash + 2] ?? 0) | 0;
    this.h3 = (memory.words[hash + 3] ?? 0) | 0;
  }

  /** All of it: the target URI, and what is behind it. */
  get uri(): string {
    return this.#uri;
  }

  get target(): string {
    return this.isQuery ? this.#uri.slice(0, this.#targetLength) : this.#uri;
  }

  /** It has the content of a QUERY in it. */
  get isQuery(): boolean {
    return this.#targetLength < this.#uri.length;
  }

  /** Bytes of the key. */
  get length(): number {
    return this.#uri.length;
  }

  /** Host and port of the target URI; a new string on each call. */
  get authority(): string {
    const start = this.#uri.indexOf("//") + 2;
    return this.#uri.slice(start, this.#uri.indexOf("/", start));
  }

  /** The key will outlive its request: it must not keep the head that its URI is a slice of. */
  detach(): void {
    this.#uri = Buffer.from(this.#uri, "latin1").toString("latin1");
  }

  /** Hot. The key in linear memory is this one, byte by byte. */
  matchesMemory(memory: KeyMemory, keyAddress: number, keyLength: number): boolean {
    if (keyLength !== this.#uri.length) return false;
    this.#words ??= wordsOf(this.#uri);
    const words = this.#words;
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
    return other.h0 === this.h0 && other.h1 === this.h1 && other.#uri === this.#uri;
  }
}

/** The key bytes by fours, little-endian, zeros behind the last: compared word by word on a hit. */
function wordsOf(uri: string): Uint32Array {
  const words = new Uint32Array((uri.length + 3) >>> 2);
  Buffer.from(words.buffer).write(uri, "latin1");
  return words;
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
  hashText(memory, uri);
  return new CacheKey(memory, uri);
}

function hashText(memory: KeyMemory, text: string): void {
  const { keyAddress } = memory;
  for (let index = 0; index < text.length; index++) {
    memory.bytes[keyAddress + index] = text.charCodeAt(index);
  }
  memory.hashKey(keyAddress, text.length);
}

/**
 * The key of a QUERY: the target URI, and what its content is, byte by byte and unchanged
 * (draft-ietf-httpbis-safe-method-w-body section 2.7). Equal hashes find it; all of it is compared.
 */
export function keyOfQuery(
  memory: KeyMemory,
  target: CacheKey,
  fields: FieldLines,
  content: Uint8Array,
): CacheKey | undefined {
  const described = ["content-type", "content-encoding", "content-language", "content-location"];
  const about = described.map((name) => getField(fields, name) ?? "").join("\n");
  const text = `${about}\n${Buffer.from(content).toString("latin1")}`;
  const digest = createHash("sha256").update(text, "latin1").digest("hex").slice(0, 32);
  const hashed = `${target.uri} QUERY ${digest}`;
  if (hashed.length > KEY_BYTES_MAX) return undefined;
  hashText(memory, hashed);
  return new CacheKey(memory, `${target.uri} QUERY ${text}`, target.length);
}

/** The tag that all QUERY responses of a URI carry, so that they go with it; no tag has a space. */
export function queryTag(uri: string): string {
  return ` ${uri}`;
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

/**
 * The start that the keys of URIs have which start with this one: normalised as they are. Undefined
 * where no key can start like this.
 */
export function uriPrefixOf(text: string): string | undefined {
  const parts = URI_PARTS.exec(text);
  if (parts === null) return undefined;
  const scheme = parts[1]?.toLowerCase() === "https" ? "https" : "http";
  const authority = withoutDefaultPort(scheme, (parts[2] ?? "").toLowerCase());
  const path = parts[3] ?? "";
  const prefix = `${scheme}://${authority}${path.startsWith("/") ? path : `/${path}`}`;
  return prefix.length <= KEY_BYTES_MAX && VISIBLE.test(prefix) ? prefix : undefined;
}

const VISIBLE = /^[\x21-\x7e\x80-\xff]+$/;
const URI_PARTS = /^(https?):\/\/([^/?#@]+)((?:[/?][^#]*)?)(?:#.*)?$/i;

function withoutDefaultPort(scheme: "http" | "https", authority: string): string {
  const suffix = scheme === "https" ? ":443" : ":80";
  return authority.endsWith(suffix) ? authority.slice(0, -suffix.length) : authority;
}

/** For the log, where a query may hold secrets. */
export function pathWithoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
