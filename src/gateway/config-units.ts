// Owns how durations, sizes, rates and shares are written in a config, and what number they mean.
// Pure: text in, number or null out. KB is 1,000 bytes and KiB is 1,024, as in SI and IEC 80000-13.

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

const PERIOD_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** "500ms", "1.5s", "5m", "1h", "1d" -> milliseconds; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match === null ? null : scale(match[1], DURATION_MS[match[2] ?? ""]);
}

/** "64KB", "512MB", "1GiB", "300B" -> bytes; null when it is not a size. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([KMGT]i?B|B)$/i.exec(text);
  if (match === null) return null;
  const bytes = scale(match[1], SIZE_BYTES[(match[2] ?? "").toLowerCase()]);
  return bytes === null ? null : Math.floor(bytes);
}

/** "100/s", "30/m", "1000/h" -> events per second. */
export function parseRate(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\/(s|m|h)$/.exec(text);
  const period = PERIOD_SECONDS[match?.[2] ?? ""];
  return match === null || period === undefined ? null : Number(match[1]) / period;
}

/** "240B/s", "1KB/s" -> bytes per second. */
export function parseByteRate(text: string): number | null {
  return text.endsWith("/s") ? parseSize(text.slice(0, -2)) : null;
}

/** "20%" -> 0.2; null below 0 % and above 100 %. */
export function parseShare(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const share = match === null ? Number.NaN : Number(match[1]) / 100;
  return share >= 0 && share <= 1 ? share : null;
}

/** Bytes for a human: 1500000 -> "1.5 MB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let index = 0;
  let amount = bytes;
  while (amount >= 1000 && index < units.length - 1) {
    amount /= 1000;
    index += 1;
  }
  const rounded = amount >= 100 || index === 0 ? Math.round(amount) : Number(amount.toFixed(1));
  return `${rounded} ${units[index] ?? ""}`;
}

function scale(amount: string | undefined, unit: number | undefined): number | null {
  const value = Number(amount) * (unit ?? Number.NaN);
  return Number.isSafeInteger(Math.ceil(value)) ? value : null;
}

/** "p95" as 0.95; from p50 to p99.9. */
export function parsePercentile(text: string): number | null {
  const digits = /^p(\d{2}(?:\.\d)?)$/.exec(text)?.[1];
  const percent = Number(digits ?? Number.NaN);
  return percent >= 50 ? percent / 100 : null;
}
