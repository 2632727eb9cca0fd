// Owns a bounded first-in-first-out queue whose members leave from anywhere in constant time
// (timeout, client gone). An intrusive list: a Set would keep a tombstone for each departure, an
// array a hole.

/** A member carries its own links; only WaitQueue writes them. */
export interface Waiter<T extends Waiter<T>> {
  waitQueue: WaitQueue<T> | null;
  nextWaiter: T | null;
  previousWaiter: T | null;
  /** Taken out because what it waits for has left: it has to look elsewhere. */
  moved(): void;
}

export class WaitQueue<T extends Waiter<T>> {
  readonly countMax: number;
  count = 0;
  #first: T | null = null;
  #last: T | null = null;

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  /** False if the queue is full. */
  push(waiter: T): boolean {
    if (this.count >= this.countMax) return false;
    waiter.waitQueue = this;
    waiter.previousWaiter = this.#last;
    waiter.nextWaiter = null;
    if (this.#last === null) this.#first = waiter;
    else this.#last.nextWaiter = waiter;
    this.#last = waiter;
    this.count += 1;
    return true;
  }

  shift(): T | null {
    const waiter = this.#first;
    if (waiter !== null) this.remove(waiter);
    return waiter;
  }

  /** Sends all of them elsewhere. */
  moveAll(): void {
    for (let waiter = this.shift(); waiter !== null; waiter = this.shift()) waiter.moved();
  }

  /** Does nothing for a waiter that is not in this queue. */
  remove(waiter: T): void {
    if (waiter.waitQueue !== this) return;
    const { previousWaiter, nextWaiter } = waiter;
    if (previousWaiter === null) this.#first = nextWaiter;
    else previousWaiter.nextWaiter = nextWaiter;
    if (nextWaiter === null) this.#last = previousWaiter;
    else nextWaiter.previousWaiter = previousWaiter;
    waiter.waitQueue = null;
    waiter.nextWaiter = null;
    waiter.previousWaiter = null;
    this.count -= 1;
  }
}
