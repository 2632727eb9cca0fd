// Owns reading single values of a config that has passed the checks: units to numbers, the default
// where nothing is written. A value that it cannot read is a programmer's mistake.

import { defaultOf } from "./config-keys.ts";
import { parseDuration, parseShare, parseSize } from "./config-units.ts";

export function duration(key: string, written: string | undefined): number {
  const value = text(key, written);
  return value === "off" ? 0 : known(parseDuration(value));
}

export function size(key: string, written: string | undefined): number {
  return known(parseSize(text(key, written)));
}

export function sizeOrOff(key: string, written: string | undefined): number {
  const value = text(key, written);
  return value === "off" ? 0 : known(parseSize(value));
}

export function seconds(written: string): number {
  return Math.floor(known(parseDuration(written)) / 1000);
}

export function ratioOrOff(written: string): number {
  return written === "off" ? 0 : known(parseShare(written));
}

export function lower(name: string): string {
  return name.toLowerCase();
}

export function share(key: string, written: string | undefined): number {
  return known(parseShare(text(key, written)));
}

export function text(key: string, written: string | undefined): string {
  return written ?? String(defaultOf(key));
}

/** A default that is one of a few words; the table's form makes sure that it is. */
export function word<T extends string>(key: string, written: T | undefined): T {
  return written ?? (defaultOf(key) as T);
}

export function number(key: string, written: number | undefined): number {
  return written ?? Number(defaultOf(key));
}

export function offOr(value: string): string | null {
  return value === "off" ? null : value;
}

/** Optional variables that are unset leave holes in lists. */
export function present<T>(list: readonly T[]): readonly T[] {
  return list.filter((item) => item !== undefined);
}

export function known<T>(value: T | null): T {
  if (value === null) throw new TypeError("a value passed the checks that cannot be read");
  return value;
}
