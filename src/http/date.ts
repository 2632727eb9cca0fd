// Owns HTTP-date: parsing all three forms and generating IMF-fixdate (RFC 9110 section 5.6.7), with
// the leniency and strictness that RFC 9111 section 4.2 asks of a cache. Time is an argument.

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const TIME = "([01]\\d|2[0-3]):([0-5]\\d):([0-5]\\d|60)";
const IMF_FIXDATE = new RegExp(`^[a-z]{3}, (\\d\\d) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`);
const RFC850_DATE = new RegExp(`^[a-z]{6,9}, (\\d\\d)-([a-z]{3})-(\\d\\d) ${TIME} gmt$`);
const ASCTIME_DATE = new RegExp(`^[a-z]{3} ([a-z]{3}) (\\d\\d| \\d) ${TIME} (\\d{4})$`);

/**
 * Milliseconds since the epoch, NaN for anything but the three forms. Case does not matter, and any
 * zone but GMT is invalid (RFC 9111 section 4.2). `nowMs` places a two-digit year (RFC 9110 section
 * 5.6.7).
 */
export function parseHttpDate(value: string, nowMs: number): number {
  if (value.length > 40) return Number.NaN;
  const text = value.toLowerCase();
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) return toMs(fixed[3], fixed[2], fixed[1], fixed[4], fixed[5], fixed[6]);
  const old = RFC850_DATE.exec(text);
  if (old !== null) {
    const year = String(yearOfTwoDigits(Number(old[3]), nowMs));
    return toMs(year, old[2], old[1], old[4], old[5], old[6]);
  }
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime === null) return Number.NaN;
  return toMs(asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5]);
}

/** IMF-fixdate, the one form that may be generated. */
export function formatHttpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

function toMs(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
): number {
  const monthIndex = MONTHS.indexOf(month ?? "");
  const dayOfMonth = Number(day);
  if (monthIndex < 0 || dayOfMonth < 1) return Number.NaN;
  // setUTCFullYear, because Date.UTC takes years below 100 for 19xx.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), monthIndex, dayOfMonth);
  if (date.getUTCMonth() !== monthIndex) return Number.NaN;
  return date.setUTCHours(Number(hour), Number(minute), Number(second));
}

/** A year that seems more than 50 years ahead is the latest past one with these digits. */
function yearOfTwoDigits(digits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + digits;
  return year > thisYear + 50 ? year - 100 : year;
}
