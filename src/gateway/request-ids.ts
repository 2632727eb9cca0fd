// Owns X-Request-Id: 24 hexadecimal digits, 16 random for each process and 8 of a counter, so that
// a hit patches eight bytes instead of drawing randomness.

import { randomBytes } from "node:crypto";

export class RequestIds {
  readonly prefix = randomBytes(8).toString("hex");
  /** Starts anywhere, so that ids do not tell how many requests there were. */
  #counter = randomBytes(4).readUInt32LE();

  /** The next number: 32 bits, wrapping around. */
  nextNumber(): number {
    this.#counter = (this.#counter + 1) >>> 0;
    return this.#counter;
  }

  text(number: number): string {
    return this.prefix + number.toString(16).padStart(8, "0");
  }
}
