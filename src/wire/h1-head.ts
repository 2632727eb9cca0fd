// Hot. Owns what a connection asks of a parsed request head, read from the words of its HeadRecord:
// persistence, framing and expectations (RFC 9112 sections 6.3 and 9.3, RFC 9110 section 10.1.1).
// `base` is the word index of the record.

import {
  FLAG_EXPECT_UNKNOWN,
  FLAG_KEEP_ALIVE,
  FRAMING_CHUNKED,
  FRAMING_NONE,
  METHOD_CONNECT,
  RECORD_CONTENT_LENGTH_HIGH,
  RECORD_CONTENT_LENGTH_LOW,
  RECORD_FLAGS,
  RECORD_FRAMING,
  RECORD_METHOD,
  RECORD_TARGET_FORM,
  RECORD_VERSION_MINOR,
  TARGET_ABSOLUTE,
} from "../../assembly/layout.ts";

/**
 * Behind a CONNECT may come what a client that does not wait sends into its tunnel: it is not read
 * as requests.
 */
export function keepsAlive(words: Uint32Array, base: number): boolean {
  const isConnect = ((words[base + RECORD_METHOD] ?? 0) & 0xff) === METHOD_CONNECT;
  return ((words[base + RECORD_FLAGS] ?? 0) & FLAG_KEEP_ALIVE) !== 0 && !isConnect;
}

/**
 * HTTP/1.1, no content, nothing special: a stored response may answer it as it is. The scheme of an
 * absolute form is still to be judged.
 */
export function isPlain(words: Uint32Array, base: number): boolean {
  return (
    words[base + RECORD_FLAGS] === FLAG_KEEP_ALIVE &&
    words[base + RECORD_FRAMING] === FRAMING_NONE &&
    words[base + RECORD_TARGET_FORM] !== TARGET_ABSOLUTE &&
    words[base + RECORD_VERSION_MINOR] === 1
  );
}

export function expectsUnknown(words: Uint32Array, base: number): boolean {
  return ((words[base + RECORD_FLAGS] ?? 0) & FLAG_EXPECT_UNKNOWN) !== 0;
}

/** Length of the content; -1 when it is chunked. */
export function declaredLength(words: Uint32Array, base: number): number {
  if (words[base + RECORD_FRAMING] === FRAMING_CHUNKED) return -1;
  const high = words[base + RECORD_CONTENT_LENGTH_HIGH] ?? 0;
  return high * 0x1_0000_0000 + (words[base + RECORD_CONTENT_LENGTH_LOW] ?? 0);
}
