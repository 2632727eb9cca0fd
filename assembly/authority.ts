// uri-host [ ":" port ] (RFC 3986 section 3.2.2, RFC 9110 section 7.2), as Host and the
// request-target carry it. Userinfo, an empty host, an empty port and IPvFuture are refused. Knows
// no records.

import { HOST_BYTES_MAX } from "../build/wasm/assembly/limits";
import { COLON, regNameEnd, regNameStops } from "./scan";

const BRACKET_OPEN: u8 = 0x5b;
const BRACKET_CLOSE: u8 = 0x5d;
const DOT: u8 = 0x2e;
const PERCENT: u8 = 0x25;

/**
 * Address of the byte behind the host of the authority [start, end): its ":" or `end`; 0 if the
 * authority is not valid.
 */
export function hostEnd(start: usize, end: usize): usize {
  if (start >= end) return 0;
  const literal = load<u8>(start) == BRACKET_OPEN;
  const stop = literal ? addressLiteralEnd(start, end) : registeredNameEnd(start, end);
  if (stop == 0 || stop == start || stop - start > HOST_BYTES_MAX) return 0;
  if (stop == end) return end;
  return load<u8>(stop) == COLON && isPort(stop + 1, end) ? stop : 0;
}

/**
 * True if the `length` bytes are a registered name of up to 31 bytes, maybe with a port of up to
 * four digits: most of all hosts. False says nothing; `hostEnd` decides. Loads 32 bytes.
 */
// @ts-ignore: decorator
@inline
export function isPlainHost(start: usize, length: u32): bool {
  if (length - 1 >= 31) return false;
  let stops = regNameStops(v128.load(start));
  if (length > 16) stops |= regNameStops(v128.load(start, 16)) << 16;
  stops &= ((<u32>1) << length) - 1;
  if (stops == 0) return true;
  const host = <u32>ctz(stops);
  if (host == 0 || load<u8>(start + <usize>host) != COLON) return false;
  return areDigits(start + <usize>host + 1, length - host - 1);
}

/** One to four digits; loads four bytes. */
// @ts-ignore: decorator
@inline
function areDigits(start: usize, count: u32): bool {
  if (count - 1 >= 4) return false;
  const values = (load<u32>(start) ^ 0x30303030) << ((4 - count) << 3);
  return ((values | (values + 0x76767676)) & 0x80808080) == 0;
}

/** The port in [start, end), which `hostEnd` has found valid. */
export function portNumber(start: usize, end: usize): u32 {
  let port: u32 = 0;
  for (let p = start; p < end; p++) port = port * 10 + (load<u8>(p) - 0x30);
  return port;
}

function isPort(start: usize, end: usize): bool {
  if (start == end || end - start > 5) return false;
  let port: u32 = 0;
  for (let p = start; p < end; p++) {
    const digit = <u32>load<u8>(p) - 0x30;
    if (digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

/** reg-name: unreserved, sub-delims and pct-encoded. An IPv4 address is one too. */
function registeredNameEnd(start: usize, end: usize): usize {
  let p = regNameEnd(start, end);
  while (p < end && load<u8>(p) == PERCENT) {
    if (end - p < 3 || !isHex(load<u8>(p, 1)) || !isHex(load<u8>(p, 2))) return 0;
    p = regNameEnd(p + 3, end);
  }
  return p;
}

function addressLiteralEnd(start: usize, end: usize): usize {
  let close = start;
  while (close < end && load<u8>(close) != BRACKET_CLOSE) close++;
  if (close == end) return 0;
  return isIpv6Address(start + 1, close) ? close + 1 : 0;
}

/**
 * IPv6address of RFC 3986: eight groups of up to four hex digits, "::" for at least one, the last
 * two maybe as IPv4.
 */
function isIpv6Address(start: usize, end: usize): bool {
  let groups: u32 = 0;
  let compressed = false;
  let p = start;
  if (end - start >= 2 && load<u8>(p) == COLON && load<u8>(p, 1) == COLON) {
    compressed = true;
    p += 2;
  }
  while (p < end) {
    const group = p;
    while (p < end && p - group < 4 && isHex(load<u8>(p))) p++;
    if (p == group) return false;
    if (p < end && load<u8>(p) == DOT) {
      if (!isIpv4Address(group, end)) return false;
      groups += 2;
      break;
    }
    groups++;
    if (p == end) break;
    if (load<u8>(p++) != COLON || p == end) return false;
    if (load<u8>(p) == COLON) {
      if (compressed) return false;
      compressed = true;
      p++;
    }
  }
  return compressed ? groups <= 7 : groups == 8;
}

/** Four dec-octets without leading zeros. */
function isIpv4Address(start: usize, end: usize): bool {
  let p = start;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && (p >= end || load<u8>(p++) != DOT)) return false;
    const first = p;
    let value: u32 = 0;
    while (p < end && p - first < 3 && isDigit(load<u8>(p))) {
      value = value * 10 + (load<u8>(p++) - 0x30);
    }
    if (p == first || value > 255) return false;
    if (p - first > 1 && load<u8>(first) == 0x30) return false;
  }
  return p == end;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}

export function isHex(byte: u8): bool {
  const letter = byte | 0x20;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}

/** ASCII letters to lower case; other bytes as they are. */
// @ts-ignore: decorator
@inline
export function lower(byte: u8): u8 {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
