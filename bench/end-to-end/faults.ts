// Owns what becomes of a gateway that fails during the benchmark: it is left out from there on, the
// result says why, and the others go on. Samples that it gave before stay, because each was proved
// when it was taken.

export class Faults {
  readonly #reasons = new Map<string, string>();

  has(name: string): boolean {
    return this.#reasons.has(name);
  }

  /** Does the work, unless this gateway failed before. */
  async guard(name: string, work: () => Promise<void>): Promise<void> {
    if (this.has(name)) return;
    try {
      await work();
    } catch (error) {
      this.#reasons.set(name, error instanceof Error ? error.message : String(error));
    }
  }

  /** One sentence for each gateway that failed. */
  reasons(): string[] {
    return [...this.#reasons].map(([name, reason]) => `${name} failed: ${reason}`);
  }
}
