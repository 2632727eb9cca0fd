// Owns what all threads of one gateway have in common and nobody else has: the name in Via, and the
// seed of the key hash.

import { randomBytes } from "node:crypto";
import type { GatewayIdentity } from "./forwarding.ts";

export function newIdentity(): GatewayIdentity {
  return { pseudonym: `edgelane-${randomBytes(4).toString("hex")}` };
}

/** Random, so that nobody can aim at collisions. */
export function newSeed(): bigint {
  return randomBytes(8).readBigUInt64LE();
}
