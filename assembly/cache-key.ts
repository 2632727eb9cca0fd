// The cache key of a request (RFC 9111 section 2, RFC 9110 section 4.2.3):
// "scheme://authority/path?query", the authority in lower case and without the scheme's default
// port, the path as sent; and its 128-bit hash under the process's seed.

import { hostEnd, lower, portNumber } from "./authority";
import { deriveSecret } from "./hash-long";
import { xxh3Low, xxh3Wide } from "./hash";
import {
  RECORD_FIELDS,
  RECORD_HOST_INDEX,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  TARGET_ABSOLUTE,
  TARGET_ORIGIN,
} from "./layout";
import { getWord } from "./record";
import { authorityEnd, schemeLength } from "./target";
import { KEY_ADDRESS, KEY_HASH_ADDRESS } from "../build/wasm/assembly/limits";

let seed: u64 = 0;

/** Sets the seed of all hashes from now on. */
export function seedHash(value: u64): void {
  seed = value;
  deriveSecret(value);
}

/** Hash of key bytes anywhere in memory, 128 bits, into the four words at KEY_HASH_ADDRESS. */
export function hashKey(address: usize, length: u32): void {
  xxh3Wide(address, length, seed, KEY_HASH_ADDRESS);
}

/** The same in 64 bits, into the first two words. */
export function hashKey64(address: usize, length: u32): void {
  store<u64>(KEY_HASH_ADDRESS, xxh3Low(address, length, seed));
}

/**
 * Writes the key of a complete request head and hashes it. `secure` is 1 for a connection under
 * TLS. Returns the key's length, 0 for a request whose target has no path (authority and asterisk
 * form).
 */
export function requestKey(record: usize, input: usize, secure: u32): u32 {
  const form = getWord(record, RECORD_TARGET_FORM);
  const start = input + <usize>getWord(record, RECORD_TARGET_START);
  const end = start + <usize>getWord(record, RECORD_TARGET_LENGTH);
  let p = putScheme(secure);
  let path = start;
  if (form == TARGET_ABSOLUTE) {
    const authority = start + schemeLength(start, end);
    path = authorityEnd(authority, end);
    p = putAuthority(p, authority, path, secure);
  } else if (form == TARGET_ORIGIN) {
    p = putHost(p, record, input, secure);
  } else {
    return 0;
  }
  if (path == end || load<u8>(path) != 0x2f) store<u8>(p++, 0x2f);
  memory.copy(p, path, end - path);
  const length = <u32>(p + (end - path) - KEY_ADDRESS);
  hashKey(KEY_ADDRESS, length);
  return length;
}

/** "http://" or "https://"; returns the address behind it. */
function putScheme(secure: u32): usize {
  store<u64>(KEY_ADDRESS, secure != 0 ? 0x2f2f3a7370747468 : 0x002f2f3a70747468);
  return KEY_ADDRESS + (secure != 0 ? 8 : 7);
}

function putHost(p: usize, record: usize, input: usize, secure: u32): usize {
  const index = getWord(record, RECORD_HOST_INDEX);
  if (index == 0xffffffff) return p;
  const field = record + <usize>((RECORD_FIELDS << 2) + (index << 4));
  const host = input + <usize>load<u32>(field, 8);
  return putAuthority(p, host, host + <usize>load<u32>(field, 12), secure);
}

function putAuthority(out: usize, start: usize, end: usize, secure: u32): usize {
  const colon = hostEnd(start, end);
  const isDefault = colon == end || portNumber(colon + 1, end) == (secure != 0 ? 443 : 80);
  const stop = isDefault ? colon : end;
  let p = out;
  for (let from = start; from < stop; from++) store<u8>(p++, lower(load<u8>(from)));
  return p;
}
