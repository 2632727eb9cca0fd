// Owns which entries of the store carry which tag, so that a purge by tag looks at nothing else.
// Knows no responses: an entry is the number of its slot.

/** A tag with one entry: a Map slot, the string and its header. */
const TAG_BYTES = 96;
/** A Set with its first tables. */
const SET_BYTES = 240;
/** A number in a Set whose tables have just doubled. */
const SLOT_BYTES = 40;

/** Grows with the store alone: what leaves the store leaves it too. */
export class TagIndex {
  /** A tag of one entry, which most are, needs no Set. */
  readonly #slots = new Map<string, number | Set<number>>();
  #bytes = 0;

  /** What it takes; more than it does, where it is not known exactly. */
  get bytes(): number {
    return this.#bytes;
  }

  add(tag: string, slot: number): void {
    const slots = this.#slots.get(tag);
    if (slots === undefined) {
      this.#slots.set(tag, slot);
      this.#bytes += TAG_BYTES + tag.length;
    } else if (typeof slots !== "number") {
      if (slots.has(slot)) return;
      slots.add(slot);
      this.#bytes += SLOT_BYTES;
    } else if (slots !== slot) {
      this.#slots.set(tag, new Set([slots, slot]));
      this.#bytes += SET_BYTES + 2 * SLOT_BYTES;
    }
  }

  delete(tag: string, slot: number): void {
    const slots = this.#slots.get(tag);
    if (slots === undefined) return;
    if (typeof slots === "number") {
      if (slots === slot) this.#drop(tag);
      return;
    }
    if (!slots.delete(slot)) return;
    this.#bytes -= SLOT_BYTES;
    if (slots.size > 0) return;
    this.#bytes -= SET_BYTES;
    this.#drop(tag);
  }

  /** Slots of a tag, as they are now. */
  slotsOf(tag: string): readonly number[] {
    const slots = this.#slots.get(tag);
    if (slots === undefined) return [];
    return typeof slots === "number" ? [slots] : [...slots];
  }

  /** As `slotsOf`; the tag has none any more. */
  take(tag: string): Iterable<number> {
    const slots = this.#slots.get(tag);
    if (slots === undefined) return [];
    this.#drop(tag);
    if (typeof slots === "number") return [slots];
    this.#bytes -= SET_BYTES + slots.size * SLOT_BYTES;
    return slots;
  }

  #drop(tag: string): void {
    this.#slots.delete(tag);
    this.#bytes -= TAG_BYTES + tag.length;
  }
}
