// Where content lies in pushed bytes: pairs of offsets, and views only for who asks for them. A
// view costs more than decoding a short chunk does.

/** Offsets kept between pushes: one push of many tiny chunks must not pin memory for good. */
const OFFSETS_KEPT_MAX = 8192;
const NO_BYTES = new Uint8Array(0);

/** Valid until its reader takes the next bytes or is reset; views stay valid as long as the bytes. */
export class ContentSpans implements Iterable<Uint8Array> {
  #bytes: Uint8Array = NO_BYTES;
  /** A start and an end for each span. */
  #offsets: number[] = [];
  #count = 0;
  #byteLength = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes of content in all spans. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Start and end of each span in turn, and maybe more behind those of `count` spans. */
  get offsets(): readonly number[] {
    return this.#offsets;
  }

  /** Offset in the pushed bytes. A RangeError from `count` on. */
  start(index: number): number {
    return this.#offset(index, 0);
  }

  /** Offset behind the span's last byte. A RangeError from `count` on. */
  end(index: number): number {
    return this.#offset(index, 1);
  }

  /** The span as a view of the pushed bytes. */
  view(index: number): Uint8Array {
    return this.#bytes.subarray(this.start(index), this.end(index));
  }

  *[Symbol.iterator](): Generator<Uint8Array, void> {
    for (let index = 0; index < this.#count; index++) yield this.view(index);
  }

  /** The reader's: forgets all spans; those to come lie in `bytes`. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#count = 0;
    this.#byteLength = 0;
    if (this.#offsets.length > OFFSETS_KEPT_MAX) this.#offsets = [];
  }

  /** The reader's: content that follows the span before it without a gap becomes part of it. */
  add(start: number, length: number): void {
    const next = this.#count * 2;
    this.#byteLength += length;
    if (next > 0 && this.#offsets[next - 1] === start) {
      this.#offsets[next - 1] = start + length;
      return;
    }
    this.#offsets[next] = start;
    this.#offsets[next + 1] = start + length;
    this.#count++;
  }

  #offset(index: number, which: 0 | 1): number {
    if (!(index >= 0 && index < this.#count)) throw new RangeError(`no span ${index}`);
    return this.#offsets[index * 2 + which] as number;
  }
}
