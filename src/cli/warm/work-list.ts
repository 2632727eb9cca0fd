// Owns what is to be asked: each target once, in order, up to a bound. It is filled while it is
// worked off, so that a list from a pipe starts with its first line.

/** What is asked of the gateway. */
export interface WarmTarget {
  /** What Host says. */
  readonly authority: string;
  readonly path: string;
}

export function urlOf({ authority, path }: WarmTarget): string {
  return `http://${authority}${path}`;
}

export class WorkList {
  readonly #targetsMax: number;
  readonly #known = new Set<string>();
  readonly #waiting: WarmTarget[] = [];
  #idle: ((target: WarmTarget | null) => void)[] = [];
  #isComplete = false;
  /** More was named than is asked. */
  isCut = false;

  constructor(targetsMax: number) {
    this.#targetsMax = targetsMax;
  }

  /** Targets so far. */
  get size(): number {
    return this.#known.size;
  }

  /** Nothing comes any more: `size` is final. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  add(target: WarmTarget): void {
    if (this.#isComplete) return;
    const name = urlOf(target);
    if (this.#known.has(name)) return;
    if (this.#known.size >= this.#targetsMax) {
      this.isCut = true;
      return;
    }
    this.#known.add(name);
    const worker = this.#idle.shift();
    if (worker === undefined) this.#waiting.push(target);
    else worker(target);
  }

  complete(): void {
    this.#isComplete = true;
    for (const worker of this.#idle.splice(0)) worker(null);
  }

  /** Drops what nobody has taken yet. */
  abandon(): void {
    this.#waiting.length = 0;
    this.complete();
  }

  /** The next target; null after the last one. */
  next(): Promise<WarmTarget | null> {
    const target = this.#waiting.shift();
    if (target !== undefined) return Promise.resolve(target);
    if (this.#isComplete) return Promise.resolve(null);
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
