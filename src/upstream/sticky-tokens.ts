// Owns the tokens by which a client comes back to its target: for each target and secret an HMAC of
// upstream and target (RFC 2104), which says nothing about the target and cannot be made without
// the secret. The same in every worker and every gateway that has the secret. Pure.

import { createHmac } from "node:crypto";

/** Whom a token belongs to. */
export interface TokenOwner {
  readonly name: string;
  /** First the one that is given out; any of them is taken. */
  stickyTokens: readonly string[];
}

/** 128 of the 256 bits: what cannot be guessed, in 22 characters. */
const TOKEN_BYTES = 16;

export class StickyTokens<T extends TokenOwner> {
  readonly #upstream: string;
  readonly #secrets: readonly string[];
  #owners: ReadonlyMap<string, T> = new Map();

  /** `secrets`: the first signs, all verify; none: there are no tokens. */
  constructor(upstream: string, secrets: readonly string[]) {
    this.#upstream = upstream;
    this.#secrets = secrets;
  }

  /** Gives the targets of a set their tokens; those of others are worth nothing any more. */
  replace(targets: readonly T[]): void {
    if (this.#secrets.length === 0) return;
    const owners = new Map<string, T>();
    for (const target of targets) {
      if (target.stickyTokens.length === 0) target.stickyTokens = this.#tokensOf(target.name);
      for (const token of target.stickyTokens) owners.set(token, target);
    }
    this.#owners = owners;
  }

  ownerOf(token: string): T | undefined {
    return this.#owners.get(token);
  }

  #tokensOf(target: string): readonly string[] {
    return this.#secrets.map((secret) =>
      createHmac("sha256", secret)
        .update(`edgelane sticky 1\n${this.#upstream}\n${target}`)
        .digest()
        .subarray(0, TOKEN_BYTES)
        .toString("base64url"),
    );
  }
}
