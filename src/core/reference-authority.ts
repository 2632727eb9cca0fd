// uri-host [ ":" port ] for the reference parser (RFC 3986 section 3.2.2, RFC 9110 section 7.2).
// Userinfo, an empty host, an empty port and IPvFuture are refused.

import { HOST_BYTES_MAX } from "#wasm/limits.js";
import { CLASSES, DIGIT, HEX, LOWER, REG_NAME } from "./byte-classes.ts";

const COLON = 0x3a;
const DOT = 0x2e;
const PERCENT = 0x25;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const GROUPS = 8;

/**
 * Index of the byte behind the host of the authority in [start, end): its ":" or `end`; -1 if it is
 * not valid.
 */
export function hostEndIn(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  const literal = bytes[start] === BRACKET_OPEN;
  const stop = literal ? literalEnd(bytes, start, end) : nameEnd(bytes, start, end);
  if (stop <= start || stop - start > HOST_BYTES_MAX) return -1;
  if (stop === end) return end;
  return bytes[stop] === COLON && portIn(bytes, stop + 1, end) >= 0 ? stop : -1;
}

/** The port in [start, end); -1 if that is not one to five digits of at most 65535. */
export function portIn(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || end - start > 5) return -1;
  let port = 0;
  for (let p = start; p < end; p++) {
    if (!is(bytes, p, DIGIT)) return -1;
    port = port * 10 + (bytes[p] as number) - 0x30;
  }
  return port <= 65_535 ? port : -1;
}

/**
 * Both authorities name the same host, in any case, and the same port, if a missing one is
 * `defaultPort`.
 */
export function authoritiesAgree(
  bytes: Uint8Array,
  a: readonly [start: number, end: number],
  b: readonly [start: number, end: number],
  defaultPort: number,
): boolean {
  const aHost = hostEndIn(bytes, a[0], a[1]);
  const bHost = hostEndIn(bytes, b[0], b[1]);
  if (aHost - a[0] !== bHost - b[0]) return false;
  for (let p = a[0], q = b[0]; p < aHost; p++, q++) {
    if (LOWER[bytes[p] as number] !== LOWER[bytes[q] as number]) return false;
  }
  const aPort = aHost === a[1] ? defaultPort : portIn(bytes, aHost + 1, a[1]);
  const bPort = bHost === b[1] ? defaultPort : portIn(bytes, bHost + 1, b[1]);
  return aPort === bPort;
}

function is(bytes: Uint8Array, at: number, kind: number): boolean {
  return ((CLASSES[bytes[at] as number] as number) & kind) !== 0;
}

/** reg-name: unreserved, sub-delims and pct-encoded. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end) {
    if (is(bytes, p, REG_NAME)) p++;
    else if (bytes[p] !== PERCENT) return p;
    else if (end - p > 2 && is(bytes, p + 1, HEX) && is(bytes, p + 2, HEX)) p += 3;
    else return -1;
  }
  return p;
}

function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  const close = bytes.subarray(start, end).indexOf(BRACKET_CLOSE);
  return close > 0 && isAddress(bytes, start + 1, start + close) ? start + close + 1 : -1;
}

/** IPv6address: groups on both sides of at most one "::", which stands for at least one group. */
function isAddress(bytes: Uint8Array, start: number, wholeEnd: number): boolean {
  const colon = bytes.subarray(start, wholeEnd).lastIndexOf(COLON) + start;
  const hasIpv4 = bytes.subarray(colon + 1, wholeEnd).includes(DOT);
  if (colon < start || (hasIpv4 && !isIpv4(bytes, colon + 1, wholeEnd))) return false;
  // An IPv4 address at the end counts as two groups; the colon before it may be half of "::".
  const end = !hasIpv4 ? wholeEnd : bytes[colon - 1] === COLON ? colon + 1 : colon;
  const ipv4Groups = hasIpv4 ? 2 : 0;
  for (let p = start; p + 1 < end; p++) {
    if (bytes[p] !== COLON || bytes[p + 1] !== COLON) continue;
    const before = p === start ? 0 : countGroups(bytes, start, p);
    const after = p + 2 === end ? 0 : countGroups(bytes, p + 2, end);
    return before >= 0 && after >= 0 && before + after + ipv4Groups < GROUPS;
  }
  return countGroups(bytes, start, end) + ipv4Groups === GROUPS;
}

/** Groups in [start, end), separated by single colons; -GROUPS if malformed. */
function countGroups(bytes: Uint8Array, start: number, end: number): number {
  let groups = 0;
  let first = start;
  for (let p = start; p <= end; p++) {
    if (p < end && bytes[p] !== COLON) continue;
    if (!isGroup(bytes, first, p)) return -GROUPS;
    groups++;
    first = p + 1;
  }
  return groups;
}

function isGroup(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > 4) return false;
  for (let p = start; p < end; p++) if (!is(bytes, p, HEX)) return false;
  return true;
}

/** Four numbers of 0 to 255 without leading zeros. */
function isIpv4(bytes: Uint8Array, start: number, end: number): boolean {
  let octets = 0;
  let first = start;
  for (let p = start; p <= end; p++) {
    if (p < end && bytes[p] !== DOT) continue;
    const length = p - first;
    if (length > 3 || portIn(bytes, first, p) < 0 || portIn(bytes, first, p) > 255) return false;
    if (length > 1 && bytes[first] === 0x30) return false;
    octets++;
    first = p + 1;
  }
  return octets === 4;
}
