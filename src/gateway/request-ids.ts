// Owns X-Request-Id: 24 hexadecimal digits, 16 random for each process and 8 of a counter, so that
// a hit patches eight bytes instead of drawing randomness.

import { randomBytes } from "node:crypto";

export class RequestIds {
  readonly prefix = randomBytes(8).toString("hex");
  /** Starts anywhere, so that ids do not tell how many requests there were. */
  #counter = randomBytes(4).readUInt32LE();

  /** Of the last text: all but its last four digits, and the number that they end in. */
  #start = "";
  #high = -1;

  /** The next number: 32 bits, wrapping around. */
  nextNumber(): number {
    this.#counter = (this.#counter + 1) >>> 0;
    return this.#counter;
  }

  text(number: number): string {
    // In two halves, because V8 writes small numbers many times faster than those of 32 bits.
    const high = number >>> 16;
    if (high !== this.#high) this.#start = this.prefix + fourDigits(high);
    this.#high = high;
    return this.#start + fourDigits(number & 0xffff);
  }
}

function fourDigits(number: number): string {
  return (0x10000 + number).toString(16).slice(1);
}
