// Owns whether an address belongs to the networks whose forwarding fields are believed. Addresses
// are compared as numbers: an IPv4 address mapped into IPv6 (::ffff:10.0.0.1) is the IPv4 address.
// Knows no fields and no sockets.

import { BlockList, isIPv4, isIPv6 } from "node:net";

export class TrustNetwork {
  readonly #list = new BlockList();
  readonly #empty: boolean;

  /** `networks` are CIDR, validated beforehand. */
  constructor(networks: readonly string[]) {
    this.#empty = networks.length === 0;
    for (const network of networks) {
      const parts = splitCidr(network);
      if (parts === null) throw new TypeError("not a network in CIDR notation");
      this.#list.addSubnet(parts.address, parts.prefix, parts.family);
    }
  }

  /** Whether a peer at this address is believed. */
  has(address: string): boolean {
    if (this.#empty) return false;
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
    const plain = mapped ?? address;
    if (isIPv4(plain)) return this.#list.check(plain, "ipv4");
    return isIPv6(plain) && this.#list.check(plain, "ipv6");
  }
}

/**
 * "10.0.0.0/8" or "2001:db8::/32"; strict four-part decimal, as "0177.1" means other things
 * elsewhere.
 */
export function isCidr(text: string): boolean {
  return splitCidr(text) !== null;
}

function splitCidr(
  text: string,
): { address: string; prefix: number; family: "ipv4" | "ipv6" } | null {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] ?? "";
  const prefix = Number(match?.[2]);
  if (isIPv4(address) && prefix <= 32) return { address, prefix, family: "ipv4" };
  if (isIPv6(address) && prefix <= 128) return { address, prefix, family: "ipv6" };
  return null;
}
