// Owns byte ranges: what a Range field asks of a representation of known length (RFC 9110 section
// 14). Pure.

export type RangeRequest =
  | { readonly kind: "range"; readonly start: number; readonly end: number }
  | { readonly kind: "unsatisfiable" }
  /**
   * Several ranges, another unit or no valid set of ranges: answered as if it were not there
   * (section 14.2).
   */
  | { readonly kind: "ignored" };

/** `end` is the offset behind the last byte of the range. */
export function parseRange(value: string, length: number): RangeRequest {
  const match = SINGLE_RANGE.exec(value);
  if (match === null) return IGNORED;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return IGNORED;
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0 || length === 0) return UNSATISFIABLE;
    return { kind: "range", start: Math.max(0, length - suffix), end: length };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return IGNORED;
  if (start >= length) return UNSATISFIABLE;
  return { kind: "range", start, end: last === "" ? length : Math.min(length, Number(last) + 1) };
}

const IGNORED: RangeRequest = { kind: "ignored" };
const UNSATISFIABLE: RangeRequest = { kind: "unsatisfiable" };
const SINGLE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;
