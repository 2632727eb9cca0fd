// METHOD_* ids of the registered methods that the gateway distinguishes (RFC 9110 section 9.3,
// PATCH of RFC 5789, QUERY of the safe-method-with-body draft). Methods are case-sensitive.

import {
  METHOD_CONNECT,
  METHOD_DELETE,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_PATCH,
  METHOD_POST,
  METHOD_PUT,
  METHOD_QUERY,
  METHOD_TRACE,
} from "./layout";

/**
 * The method's bytes as one little-endian number, compared at once; longer ones are none of ours.
 */
export function methodId(start: usize, length: u32): u32 {
  if (length > 7) return METHOD_OTHER;
  let word: u64 = 0;
  for (let i: u32 = 0; i < length; i++) word |= <u64>load<u8>(start + <usize>i) << <u64>(i << 3);
  return idOf(word);
}

/** The same for a method of at least one byte whose first eight bytes are `word`. */
export function shortMethodId(word: u64, length: u32): u32 {
  if (length > 7) return METHOD_OTHER;
  return idOf(word & (((<u64>1) << <u64>(length << 3)) - 1));
}

function idOf(word: u64): u32 {
  if (word == 0x544547) return METHOD_GET;
  if (word == 0x44414548) return METHOD_HEAD;
  if (word == 0x54534f50) return METHOD_POST;
  if (word == 0x545550) return METHOD_PUT;
  if (word == 0x4554454c4544) return METHOD_DELETE;
  if (word == 0x5443454e4e4f43) return METHOD_CONNECT;
  if (word == 0x534e4f4954504f) return METHOD_OPTIONS;
  if (word == 0x4543415254) return METHOD_TRACE;
  if (word == 0x4843544150) return METHOD_PATCH;
  if (word == 0x5952455551) return METHOD_QUERY;
  return METHOD_OTHER;
}
