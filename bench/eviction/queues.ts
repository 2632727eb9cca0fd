// Owns the simulated policies that keep queues and count little: LRU, SIEVE (Zhang et al., NSDI
// 2024) and S3-FIFO (Yang et al., SOSP 2023). None of them looks at lifetimes. What is fetched
// again, because it was stale, keeps its place.

import { type EvictionPolicy, Queue, type Stored } from "./policy.ts";

export class Lru implements EvictionPolicy {
  readonly #queue = new Queue<Stored>();
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  request(object: number): number {
    const stored = this.#queue.get(object);
    if (stored === undefined) return 0;
    this.#queue.moveToEnd(stored);
    return stored.freshUntil;
  }

  offer(object: number, bytes: number, freshUntil: number): void {
    const stored = this.#queue.get(object);
    if (stored !== undefined) {
      stored.freshUntil = freshUntil;
    } else if (bytes <= this.#bytesMax) {
      this.#queue.add({ object, bytes, freshUntil });
      while (this.#queue.bytes > this.#bytesMax) this.#queue.shift();
    }
  }
}

interface Node extends Stored {
  isVisited: boolean;
  newer: Node | null;
  older: Node | null;
}

export class Sieve implements EvictionPolicy {
  readonly #nodes = new Map<number, Node>();
  readonly #bytesMax: number;
  #bytes = 0;
  #newest: Node | null = null;
  #oldest: Node | null = null;
  #hand: Node | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  request(object: number): number {
    const node = this.#nodes.get(object);
    if (node === undefined) return 0;
    node.isVisited = true;
    return node.freshUntil;
  }

  offer(object: number, bytes: number, freshUntil: number): void {
    const known = this.#nodes.get(object);
    if (known !== undefined) {
      known.freshUntil = freshUntil;
      return;
    }
    if (bytes > this.#bytesMax) return;
    while (this.#bytes + bytes > this.#bytesMax) this.#evict();
    const older = this.#newest;
    const node = { object, bytes, freshUntil, isVisited: false, newer: null, older };
    if (older === null) this.#oldest = node;
    else older.newer = node;
    this.#newest = node;
    this.#nodes.set(object, node);
    this.#bytes += bytes;
  }

  /** The hand goes from old to new, and takes the first one that was not visited since. */
  #evict(): void {
    let node = this.#hand ?? this.#oldest;
    while (node?.isVisited === true) {
      node.isVisited = false;
      node = node.newer ?? this.#oldest;
    }
    if (node === null) return;
    this.#hand = node.newer;
    if (node.newer === null) this.#newest = node.older;
    else node.newer.older = node.older;
    if (node.older === null) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    this.#nodes.delete(node.object);
    this.#bytes -= node.bytes;
  }
}

interface Counted extends Stored {
  uses: number;
}

/** A small queue of a tenth, a main one, and the objects that the small one has let go lately. */
export class S3Fifo implements EvictionPolicy {
  readonly #small = new Queue<Counted>();
  readonly #main = new Queue<Counted>();
  readonly #ghosts = new Set<number>();
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  request(object: number): number {
    const stored = this.#small.get(object) ?? this.#main.get(object);
    if (stored === undefined) return 0;
    stored.uses = Math.min(3, stored.uses + 1);
    return stored.freshUntil;
  }

  offer(object: number, bytes: number, freshUntil: number): void {
    const known = this.#small.get(object) ?? this.#main.get(object);
    if (known !== undefined) {
      known.freshUntil = freshUntil;
      return;
    }
    if (bytes > this.#bytesMax) return;
    while (this.#small.bytes + this.#main.bytes + bytes > this.#bytesMax) this.#evict();
    const queue = this.#ghosts.delete(object) ? this.#main : this.#small;
    queue.add({ object, bytes, freshUntil, uses: 0 });
  }

  #evict(): void {
    if (this.#small.bytes > this.#bytesMax / 10 || this.#main.count === 0) this.#evictSmall();
    else this.#evictMain();
  }

  #evictSmall(): void {
    const stored = this.#small.shift();
    if (stored === undefined) return;
    if (stored.uses > 1) {
      stored.uses = 0;
      this.#main.add(stored);
      return;
    }
    this.#ghosts.add(stored.object);
    for (const oldest of this.#ghosts) {
      if (this.#ghosts.size <= Math.max(100, this.#main.count)) break;
      this.#ghosts.delete(oldest);
    }
  }

  #evictMain(): void {
    const stored = this.#main.shift();
    if (stored === undefined || stored.uses === 0) return;
    stored.uses--;
    this.#main.add(stored);
  }
}
