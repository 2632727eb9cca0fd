// Tests how durations, sizes, rates and shares are read.

import { describe, expect, it } from "vitest";
import {
  formatBytes,
  parseByteRate,
  parseDuration,
  parseRate,
  parseShare,
  parseSize,
} from "../../src/gateway/config-units.ts";

type Row = [text: string, expected: number | null];

function table(parse: (text: string) => number | null, rows: readonly Row[]): void {
  for (const [text, expected] of rows) {
    it(`${JSON.stringify(text)} is ${expected}`, () => expect(parse(text)).toBe(expected));
  }
}

describe("parseDuration", () => {
  table(parseDuration, [
    ["500ms", 500],
    ["5s", 5000],
    ["1.5s", 1500],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["0s", 0],
    ["5", null],
    ["5 s", null],
    ["5S", null],
    ["-5s", null],
    ["5sec", null],
    [".5s", null],
    ["1e3s", null],
    ["99999999999999999d", null],
    ["", null],
  ]);
});

describe("parseSize", () => {
  table(parseSize, [
    ["1B", 1],
    ["64KB", 64_000],
    ["64KiB", 65_536],
    ["512MB", 512_000_000],
    ["1GiB", 1_073_741_824],
    ["1.5gb", 1_500_000_000],
    ["64K", null],
    ["64", null],
    ["-1B", null],
    ["1 MB", null],
    ["1iB", null],
    ["9999999999TB", null],
  ]);
});

describe("parseRate", () => {
  table(parseRate, [
    ["100/s", 100],
    ["30/m", 0.5],
    ["3600/h", 1],
    ["100", null],
    ["100/d", null],
  ]);
});

describe("parseByteRate", () => {
  table(parseByteRate, [
    ["240B/s", 240],
    ["1KB/s", 1000],
    ["240/s", null],
    ["240B", null],
  ]);
});

describe("parseShare", () => {
  table(parseShare, [
    ["0%", 0],
    ["20%", 0.2],
    ["0.5%", 0.005],
    ["100%", 1],
    ["101%", null],
    ["-1%", null],
    ["0.2", null],
    ["%", null],
  ]);
});

describe("formatBytes", () => {
  const rows: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 KB"],
    [1536, "1.5 KB"],
    [512_000_000, "512 MB"],
    [1_250_000_000, "1.3 GB"],
  ];
  for (const [bytes, expected] of rows) {
    it(expected, () => expect(formatBytes(bytes)).toBe(expected));
  }
});
