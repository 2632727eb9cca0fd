// Byte classes: for each, the predicate from the RFC (kept in a 256-entry table) and its v128 twin,
// side by side; and the scanners that stop at the first byte outside a class. Owns all tail
// handling: a load may touch any byte of linear memory, a result never lies behind the end of the
// input. RFC 9110 section 5.6.2 (token), 5.5 (field value), RFC 3986 (reg-name).

export const CLASS_TOKEN: u8 = 1;
export const CLASS_TARGET: u8 = 2;
export const CLASS_VALUE: u8 = 4;
export const CLASS_REG_NAME: u8 = 8;

export const HTAB: u8 = 0x09;
export const LF: u8 = 0x0a;
export const CR: u8 = 0x0d;
export const SP: u8 = 0x20;
export const COLON: u8 = 0x3a;

const BLOCK: usize = 16;

const classes: usize = memory.data(256);
/** Each byte value at its own offset, to splat from. */
const byteValues: usize = memory.data(256);
fillClasses();

// tchar and reg-name by nibbles: bit `high nibble` of the row of the low nibble says whether the
// byte is one.
const TOKEN_ROWS: usize = memory.data<u8>([
  0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70,
], 16);
const REG_NAME_ROWS: usize = memory.data<u8>([
  0xa8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xf4, 0x5c, 0x54, 0x5c, 0xd4, 0x70,
], 16);
const COLUMNS: usize = memory.data<u8>([
  0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 0, 0,
], 16);

/**
 * A vector constant that is loaded, and then stays in a register. A literal one V8 makes anew, in
 * three instructions, wherever it is used, in loops too.
 */
// @ts-ignore: decorator
@inline
export function splat(byte: u8): v128 {
  return v128.load_splat<u8>(byteValues + <usize>byte);
}

/** The classes of a byte, as CLASS_* bits. */
// @ts-ignore: decorator
@inline
export function classOf(byte: u8): u8 {
  return load<u8>(classes + <usize>byte);
}

/** First byte in [start, end) that no token may hold; `end` if there is none. */
export function tokenEnd(start: usize, end: usize): usize {
  const lastBlock = lastBlockAddress();
  let p = start;
  while (p < end && p <= lastBlock) {
    const stops = tokenStops(v128.load(p));
    if (stops) return min(p + <usize>ctz(stops), end);
    p += BLOCK;
  }
  return p < end ? classEnd(p, end, CLASS_TOKEN) : end;
}

/** First byte in [start, end) that no request-target may hold: outside 0x21-0x7e, or "#". */
export function targetEnd(start: usize, end: usize): usize {
  const lastBlock = lastBlockAddress();
  let p = start;
  while (p < end && p <= lastBlock) {
    const stops = targetStops(v128.load(p));
    if (stops) return min(p + <usize>ctz(stops), end);
    p += BLOCK;
  }
  return p < end ? classEnd(p, end, CLASS_TARGET) : end;
}

/** First byte in [start, end) that no field value may hold: CTLs but HTAB, and DEL. */
export function valueEnd(start: usize, end: usize): usize {
  const lastBlock = lastBlockAddress();
  let p = start;
  while (p < end && p <= lastBlock) {
    const stops = valueStops(v128.load(p));
    if (stops) return min(p + <usize>ctz(stops), end);
    p += BLOCK;
  }
  return p < end ? classEnd(p, end, CLASS_VALUE) : end;
}

/**
 * First byte in [start, end) that is neither unreserved nor a sub-delim (RFC 3986 section 3.2.2).
 */
export function regNameEnd(start: usize, end: usize): usize {
  const lastBlock = lastBlockAddress();
  let p = start;
  while (p < end && p <= lastBlock) {
    const stops = regNameStops(v128.load(p));
    if (stops) return min(p + <usize>ctz(stops), end);
    p += BLOCK;
  }
  return p < end ? classEnd(p, end, CLASS_REG_NAME) : end;
}

/** The highest address from which 16 bytes can be loaded. */
// @ts-ignore: decorator
@inline
export function lastBlockAddress(): usize {
  return (<usize>memory.size() << 16) - BLOCK;
}

// @ts-ignore: decorator
@inline
export function tokenStops(block: v128): i32 {
  return nibbleStops(block, v128.load(TOKEN_ROWS));
}

// @ts-ignore: decorator
@inline
export function regNameStops(block: v128): i32 {
  return nibbleStops(block, v128.load(REG_NAME_ROWS));
}

// A byte is visible and not DEL if, one added, it exceeds 0x21 as a signed number; "#" is sorted
// out apart.
// @ts-ignore: decorator
@inline
export function targetStops(block: v128): i32 {
  const outside = i8x16.lt_s(i8x16.add(block, splat(1)), splat(0x22));
  return i8x16.bitmask(v128.or(outside, i8x16.eq(block, splat(0x23))));
}

// @ts-ignore: decorator
@inline
export function valueStops(block: v128): i32 {
  const control = i8x16.lt_u(block, splat(0x20));
  const tab = i8x16.eq(block, splat(0x09));
  const del = i8x16.eq(block, splat(0x7f));
  return i8x16.bitmask(v128.or(v128.andnot(control, tab), del));
}

/**
 * Lanes whose byte is missing from `rows`. Bytes from 0x80 on are in no class that is scanned this
 * way.
 */
// @ts-ignore: decorator
@inline
function nibbleStops(block: v128, rows: v128): i32 {
  const nibble = splat(0x0f);
  const low = v128.and(block, nibble);
  const high = v128.and(i16x8.shr_u(block, 4), nibble);
  const member = v128.and(i8x16.swizzle(rows, low), i8x16.swizzle(v128.load(COLUMNS), high));
  return i8x16.bitmask(i8x16.eq(member, i8x16.splat(0)));
}

function classEnd(start: usize, end: usize, kind: u8): usize {
  let p = start;
  while (p < end && (classOf(load<u8>(p)) & kind) != 0) p++;
  return p;
}

function isAlphaNumeric(byte: u32): bool {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a);
}

/**
 * "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT /
 * ALPHA
 */
function isTokenByte(byte: u32): bool {
  if (isAlphaNumeric(byte)) return true;
  switch (byte) {
    case 0x21: case 0x23: case 0x24: case 0x25: case 0x26: case 0x27: case 0x2a: case 0x2b:
    case 0x2d: case 0x2e: case 0x5e: case 0x5f: case 0x60: case 0x7c: case 0x7e:
      return true;
    default:
      return false;
  }
}

/**
 * unreserved / sub-delims: ALPHA DIGIT "-" "." "_" "~" "!" "$" "&" "'" "(" ")" "*" "+" "," ";" "="
 */
function isRegNameByte(byte: u32): bool {
  if (isAlphaNumeric(byte)) return true;
  switch (byte) {
    case 0x2d: case 0x2e: case 0x5f: case 0x7e: case 0x21: case 0x24: case 0x26: case 0x27:
    case 0x28: case 0x29: case 0x2a: case 0x2b: case 0x2c: case 0x3b: case 0x3d:
      return true;
    default:
      return false;
  }
}

function fillClasses(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let bits: u8 = 0;
    if (isTokenByte(byte)) bits |= CLASS_TOKEN;
    if (isRegNameByte(byte)) bits |= CLASS_REG_NAME;
    if (byte >= 0x21 && byte <= 0x7e && byte != 0x23) bits |= CLASS_TARGET;
    if (byte == 0x09 || (byte >= 0x20 && byte != 0x7f)) bits |= CLASS_VALUE;
    store<u8>(classes + <usize>byte, bits);
    store<u8>(byteValues + <usize>byte, <u8>byte);
  }
}
