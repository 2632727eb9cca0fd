// Owns what the answers of a name service say about where something is: addresses of both families
// to places to connect to, SRV records (RFC 2782) to places with weights and priorities. Pure.

import { isIPv6 } from "node:net";

/** Which addresses are used; auto: IPv4 where there are any, else IPv6. */
export type AddressFamily = "auto" | "4" | "6";

/** Where a name is, by one answer; each place has one address, or one of each family. */
export interface NamePlace {
  /** First what is tried first (RFC 8305). */
  readonly addresses: readonly string[];
  /** null: the URL's own. */
  readonly port: number | null;
  /** At least 1. */
  readonly weight: number;
  /** 0 is asked first. */
  readonly priority: number;
}

/** A name may have thousands of addresses; each is a target with a pool. */
const PLACES_MAX = 128;

/**
 * Each address is a place. A name with just one of each family is one machine: a connection tries
 * both.
 */
export function placesOf(addresses: readonly string[], family: AddressFamily): string[][] {
  const [four, six] = [false, true].map((wanted) =>
    [...new Set(addresses)].filter((address) => isIPv6(address) === wanted).sort(),
  );
  const [v4, v6] = [four ?? [], six ?? []];
  const used = family === "6" || (family === "auto" && v4.length === 0) ? v6 : v4;
  if (family === "auto" && v4.length === 1 && v6.length === 1) return [[...v4, ...v6]];
  return used.slice(0, PLACES_MAX).map((address) => [address]);
}

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** `found`: the places of each record's name; records of names without any are left out. */
export function srvPlaces(
  records: readonly SrvRecord[],
  found: ReadonlyMap<string, readonly (readonly string[])[]>,
): readonly NamePlace[] {
  const levels = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  const places = records.flatMap(({ name, port, priority, weight }) =>
    (found.get(name) ?? []).map((addresses): NamePlace => {
      // Weight 0 is the smallest share, not none.
      return { addresses, port, weight: Math.max(1, weight), priority: levels.indexOf(priority) };
    }),
  );
  return places.sort(byAddress).slice(0, PLACES_MAX);
}

/** The same answer in another order is no change. */
function byAddress(a: NamePlace, b: NamePlace): number {
  const [left = "", right = ""] = [a.addresses[0], b.addresses[0]];
  if (left !== right) return left < right ? -1 : 1;
  return (a.port ?? 0) - (b.port ?? 0);
}

/** The addresses that a hosts file has for a name: `text` is the file's. */
export function hostsAddresses(text: string, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return text.split("\n").flatMap((line) => {
    const [address = "", ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    return names.some((known) => known.toLowerCase() === wanted) ? [address] : [];
  });
}
