// Owns byte ranges: what a Range field asks of a representation of known length, what may be asked
// of an origin server in a client's name, and what Content-Range says (RFC 9110 section 14). Pure.

/** `end` is the offset behind the last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type RangeRequest =
  /** At least one, in the order asked for, none of them touching another. */
  | { readonly kind: "ranges"; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "unsatisfiable" }
  /**
   * Another unit, no valid set of ranges, or more than RANGES_MAX: answered as if it were not there
   * (section 14.2).
   */
  | { readonly kind: "ignored" };

/** The range of a partial response, and the length of the whole (section 14.4). */
export interface ContentRange extends ByteRange {
  readonly length: number;
}

/**
 * No client that reads a file asks for more ranges of it at once; whoever does makes work (section
 * 17.15).
 */
const RANGES_MAX = 16;

/** What one part of a multipart answer costs beside its bytes: closer ranges are sent as one. */
const PART_OVERHEAD_BYTES = 128;

/** What a Range field asks of `length` bytes. */
export function parseRanges(value: string, length: number): RangeRequest {
  const specs = rangeSpecs(value);
  if (specs === undefined || specs.length > RANGES_MAX) return IGNORED;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = satisfied(spec, length);
    if (range !== undefined) ranges.push(range);
  }
  return ranges.length === 0 ? UNSATISFIABLE : { kind: "ranges", ranges: coalesced(ranges) };
}

/**
 * A Range that an origin server may be asked with: not one whose ranges overlap or are many, each
 * of which a careless server would send (section 14.2: it may be ignored). What is in another unit
 * is not ours to judge.
 */
export function isForwardable(value: string): boolean {
  if (!BYTES_UNIT.test(value)) return true;
  const specs = rangeSpecs(value);
  if (specs === undefined || specs.length > RANGES_MAX) return false;
  const isSuffix = ({ first }: RangeSpec): boolean => first === undefined;
  // Where a suffix begins is not known here: beside another range it could overlap anything.
  if (specs.length > 1 && specs.some(isSuffix)) return false;
  const sorted = specs.toSorted((a, b) => (a.first ?? 0) - (b.first ?? 0));
  return sorted.every((spec, index) => {
    const before = sorted[index - 1];
    return before === undefined || (before.last ?? Number.POSITIVE_INFINITY) < (spec.first ?? 0);
  });
}

/** Undefined for anything but one range of bytes in a whole of known length that contains it. */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(value);
  if (match === null) return undefined;
  const [start, last, length] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return start <= last && last < length ? { start, end: last + 1, length } : undefined;
}

/** Without `first` the last `last` bytes; without `last` all from `first` on. */
interface RangeSpec {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** Undefined where it is another unit, or one of them is invalid (section 14.1.1). */
function rangeSpecs(value: string): RangeSpec[] | undefined {
  if (!BYTES_UNIT.test(value)) return undefined;
  const specs: RangeSpec[] = [];
  for (const member of value.slice(value.indexOf("=") + 1).split(",")) {
    const match = RANGE_SPEC.exec(member);
    if (match === null) return undefined;
    const first = numberOf(match[1]);
    const last = numberOf(match[2]);
    // Empty members of a list mean nothing (RFC 9110 section 5.6.1.2).
    if (match[1] === undefined) continue;
    if (first === undefined && last === undefined) return undefined;
    if (first !== undefined && last !== undefined && last < first) return undefined;
    specs.push({ first, last });
  }
  return specs.length === 0 ? undefined : specs;
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined || digits === "" ? undefined : Number(digits);
}

function satisfied({ first, last }: RangeSpec, length: number): ByteRange | undefined {
  if (first === undefined) {
    const suffix = Math.min(last ?? 0, length);
    return suffix === 0 ? undefined : { start: length - suffix, end: length };
  }
  if (first >= length) return undefined;
  return { start: first, end: last === undefined ? length : Math.min(length, last + 1) };
}

/** Each stands where the first of those stood that became it (section 15.3.7.2). */
function coalesced(ranges: readonly ByteRange[]): readonly ByteRange[] {
  let merged: ByteRange[] = [...ranges];
  // Each round joins one pair, of at most RANGES_MAX ranges.
  for (;;) {
    const pair = touchingPair(merged);
    if (pair === undefined) return merged;
    const [at, other] = pair;
    const [left, right] = [merged[at], merged[other]];
    if (left === undefined || right === undefined) return merged;
    const start = Math.min(left.start, right.start);
    const joined = { start, end: Math.max(left.end, right.end) };
    merged = merged.with(at, joined).toSpliced(other, 1);
  }
}

function touchingPair(ranges: readonly ByteRange[]): [at: number, other: number] | undefined {
  for (const [at, left] of ranges.entries()) {
    for (let other = at + 1; other < ranges.length; other++) {
      const right = ranges[other];
      if (right === undefined) continue;
      const gap = Math.max(left.start, right.start) - Math.min(left.end, right.end);
      if (gap < PART_OVERHEAD_BYTES) return [at, other];
    }
  }
  return undefined;
}

const IGNORED: RangeRequest = { kind: "ignored" };
const UNSATISFIABLE: RangeRequest = { kind: "unsatisfiable" };
const BYTES_UNIT = /^bytes=/i;
const RANGE_SPEC = /^[ \t]*(?:(\d*)-(\d*))?[ \t]*$/;
const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i;
