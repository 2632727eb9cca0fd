// Owns the bytes of one connection that wait for their turn: requests behind the one that is being
// answered. Joined once, when their turn comes, so that a client that sends them a byte at a time
// costs no more than its packets.

/** Bytes that are kept before the socket is paused. */
const AHEAD_BYTES_MAX = 65_536;

export class AheadInput {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** Keeps a copy. */
  add(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
  }

  /** Enough is kept: the socket is to be paused. */
  get full(): boolean {
    return this.#bytes >= AHEAD_BYTES_MAX;
  }

  joined(): Buffer {
    const [first] = this.#chunks;
    return first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }
}
