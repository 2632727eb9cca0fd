// Owns the one table of config keys that are understood but not yet implemented. Where leaving one
// out would leave somebody unprotected it is an error, because a config that names it must not
// serve without it; where it only tunes it is a warning. Whoever implements a key deletes its row.

import { parseAddress } from "./listen-address.ts";
import { isMap } from "./config-environment.ts";
import type { ConfigPath } from "./config-keys.ts";
import type { ProblemList } from "./config-problem.ts";

export interface UnavailableKey {
  readonly key: string;
  /**
   * Whether this value asks for what is missing; every value does where there is no such function.
   */
  readonly applies?: (value: unknown) => boolean;
  readonly effect: "error" | "warning";
  /** Completes "not available in this version: …". */
  readonly consequence: string;
}

export const UNAVAILABLE: readonly UnavailableKey[] = [
  {
    key: "listen[]",
    applies: asksForTls,
    effect: "error",
    consequence: "TLS listeners; serve http behind something that ends TLS",
  },
  { key: "listen[].address", applies: asksForTls, effect: "error", consequence: "TLS listeners" },
  {
    key: "listen[].http3",
    applies: (value) => value === true,
    effect: "error",
    consequence: "HTTP/3",
  },
  { key: "tls", effect: "error", consequence: "TLS listeners" },
  {
    key: "routes[].auth",
    effect: "error",
    consequence: "authentication; the route would be open to everybody",
  },
  {
    key: "routes[].limit",
    effect: "error",
    consequence: "rate limits; the route would have none",
  },
  {
    key: "routes[].validate",
    effect: "error",
    consequence: "request validation; everything would be let through",
  },
  {
    key: "cache.prefetch",
    applies: (value) => value !== "off",
    effect: "warning",
    consequence: "prefetching; nothing is prefetched",
  },
  {
    key: "tracing",
    effect: "warning",
    consequence: "tracing; no span is sent, trace fields pass through",
  },
  {
    key: "routes[].compress",
    applies: (value) => value === true,
    effect: "warning",
    consequence: "compression; responses pass through as the origin coded them",
  },
];

/** What no config can switch on in this version, in a few words each: for the banner. */
export const MISSING_FEATURES: readonly string[] = [
  "TLS",
  "HTTP/2",
  "HTTP/3",
  "prefetching",
  "rate limits",
  "authentication",
  "validation",
  "compression",
  "tracing",
];

/** Reports every key in a config that the table names. */
export function checkAvailable(value: unknown, problems: ProblemList): void {
  for (const row of UNAVAILABLE) {
    const steps = row.key.replaceAll("[]", ".[]").split(".");
    for (const found of findAll(value, steps, [])) {
      if (row.applies !== undefined && !row.applies(found.value)) continue;
      const message = `not available in this version: ${row.consequence}`;
      if (row.effect === "error") problems.error(found.path, message);
      else problems.warn(found.path, message);
    }
  }
}

function asksForTls(value: unknown): boolean {
  return typeof value === "string" && parseAddress(value)?.secure === true;
}

interface Found {
  readonly path: ConfigPath;
  readonly value: unknown;
}

function findAll(value: unknown, steps: readonly string[], path: ConfigPath): readonly Found[] {
  const [step, ...rest] = steps;
  if (step === undefined) return value === undefined ? [] : [{ path, value }];
  if (step === "[]") {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item: unknown, index) => findAll(item, rest, [...path, index]));
  }
  if (!isMap(value)) return [];
  const keys = step === "<name>" ? Object.keys(value) : [step];
  return keys
    .filter((key) => Object.hasOwn(value, key))
    .flatMap((key) => findAll(value[key], rest, [...path, key]));
}
