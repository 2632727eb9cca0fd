// Owns what the benchmark asks of a cache, simulated or real, and the books that the simulated ones
// share.

/** A cache of objects, which are numbers. Its limit is in bytes. */
export interface EvictionPolicy {
  /** A request for the object. Until when what is stored of it is fresh; 0 where nothing is. */
  request(object: number, seconds: number): number;
  /** After a request that found nothing fresh: what was fetched is offered. */
  offer(object: number, bytes: number, freshUntil: number, seconds: number): void;
}

export interface Stored {
  readonly object: number;
  readonly bytes: number;
  freshUntil: number;
}

/** Stored objects in an order, the first one is the oldest. */
export class Queue<Item extends Stored> {
  readonly #items = new Map<number, Item>();
  bytes = 0;

  get count(): number {
    return this.#items.size;
  }

  get(object: number): Item | undefined {
    return this.#items.get(object);
  }

  first(): Item | undefined {
    for (const item of this.#items.values()) return item;
    return undefined;
  }

  add(item: Item): void {
    this.#items.set(item.object, item);
    this.bytes += item.bytes;
  }

  remove(item: Item): void {
    this.#items.delete(item.object);
    this.bytes -= item.bytes;
  }

  /** Removes the oldest one. */
  shift(): Item | undefined {
    const item = this.first();
    if (item !== undefined) this.remove(item);
    return item;
  }

  moveToEnd(item: Item): void {
    this.#items.delete(item.object);
    this.#items.set(item.object, item);
  }
}
