// Owns what is known of the purges of all instances: for each scope the position in the journal at
// which it was purged last. A value from the second tier is judged by it, so that purging a tag
// costs one entry whatever the number of objects. Bounded. Pure.

import { uriPrefixOf } from "./key.ts";
import type { Purge, PurgeScope } from "./purge.ts";

export type Judgement = "valid" | "expired" | "purged";

interface Subject {
  readonly uri: string;
  readonly tags: readonly string[];
  /** How far its writer had followed the journal when it asked the origin server. */
  readonly position: number;
}

interface Positions {
  hard: number;
  soft: number;
}

/** 16,384 scopes of 100 bytes are 3 MB. */
const SCOPES_MAX = 16_384;

export class PurgeTable {
  /** What was written before is not judged any more: it counts as purged. */
  #epoch = 0;
  readonly #all: Positions = { hard: 0, soft: 0 };
  /** By scope, the one that was purged longest ago first. */
  readonly #scopes = new Map<string, Positions>();
  /** Lengths of the prefixes, with how many there are of each: they are looked up by text. */
  readonly #prefixLengths = new Map<number, number>();

  get size(): number {
    return this.#scopes.size;
  }

  /** Purges before this position are not known. */
  forgetBefore(position: number): void {
    this.#epoch = Math.max(this.#epoch, position);
  }

  clear(): void {
    this.#scopes.clear();
    this.#prefixLengths.clear();
    this.#all.hard = 0;
    this.#all.soft = 0;
    this.#epoch = 0;
  }

  /** `position` is Infinity while it has none yet: everything is older. Then it is added again. */
  add({ scope, mode }: Purge, position: number): void {
    if (scope.kind === "all") {
      this.#all[mode] = position;
      if (mode === "hard") this.#scopes.clear();
      if (mode === "hard") this.#prefixLengths.clear();
      return;
    }
    const name = nameOf(scope);
    const positions = this.#scopes.get(name) ?? { hard: 0, soft: 0 };
    if (!this.#scopes.delete(name)) this.#countPrefix(name, 1);
    positions[mode] = position;
    this.#scopes.set(name, positions);
    if (this.#scopes.size > SCOPES_MAX) this.#compact();
  }

  judge(subject: Subject): Judgement {
    const { position, uri, tags } = subject;
    if (position < this.#epoch || position < this.#all.hard) return "purged";
    let isExpired = position < this.#all.soft;
    if (this.#scopes.size === 0) return isExpired ? "expired" : "valid";
    for (const name of this.#namesOf(uri, tags)) {
      const positions = this.#scopes.get(name);
      if (positions === undefined) continue;
      if (position < positions.hard) return "purged";
      isExpired ||= position < positions.soft;
    }
    return isExpired ? "expired" : "valid";
  }

  *#namesOf(uri: string, tags: readonly string[]): Generator<string> {
    yield `u${uri}`;
    for (const tag of tags) yield `t${tag}`;
    for (const length of this.#prefixLengths.keys()) {
      if (length <= uri.length) yield `p${uri.slice(0, length)}`;
    }
  }

  /** The oldest scope is forgotten, and with it everything that was written before its purge. */
  #compact(): void {
    const [oldest] = this.#scopes;
    if (oldest === undefined) return;
    const [name, { hard, soft }] = oldest;
    this.#scopes.delete(name);
    this.#countPrefix(name, -1);
    this.forgetBefore(Math.max(Number.isFinite(hard) ? hard : 0, Number.isFinite(soft) ? soft : 0));
  }

  #countPrefix(name: string, change: number): void {
    if (!name.startsWith("p")) return;
    const length = name.length - 1;
    const count = (this.#prefixLengths.get(length) ?? 0) + change;
    if (count > 0) this.#prefixLengths.set(length, count);
    else this.#prefixLengths.delete(length);
  }
}

function nameOf(scope: Exclude<PurgeScope, { kind: "all" }>): string {
  if (scope.kind === "tag") return `t${scope.tag}`;
  // As keys are written; what no key can be matches none.
  if (scope.kind === "uri") return `u${uriPrefixOf(scope.uri) ?? ""}`;
  return `p${uriPrefixOf(scope.prefix) ?? scope.prefix}`;
}
