// Owns the content of a request that may have to be sent again: what an attempt reads is kept, up
// to a bound, and the next attempt gets it from its first byte. Past the bound nothing is kept and
// there is no next attempt.

import { Readable } from "node:stream";
import type { OriginRequest } from "./attempt.ts";
import type { RetryRules } from "./retry-rules.ts";

/** For content that may have to be sent twice; null for what never is, or is surely too long. */
export function tapeFor(
  { bodyLength, idempotent, expectsContinue }: OriginRequest,
  body: Readable,
  rules: RetryRules,
): ContentTape | null {
  if (!idempotent || expectsContinue || rules.attempts < 2) return null;
  return bodyLength > rules.bufferBytesMax ? null : new ContentTape(body, rules.bufferBytesMax);
}

export class ContentTape {
  readonly #source: Readable;
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  /** Pieces that have come; all of them are kept unless they were too many. */
  #count = 0;
  #bytes = 0;
  #overflowed = false;
  #ended = false;
  /** The source was asked for content. */
  #flows = false;
  #reader: TapeReader | null = null;

  constructor(source: Readable, bytesMax: number) {
    this.#source = source;
    this.#bytesMax = bytesMax;
  }

  /** Everything that was read so far can be read again, and the rest is still to be had. */
  get replayable(): boolean {
    return !this.#overflowed && (this.#ended || !this.#source.destroyed);
  }

  /** The content from its first byte; whoever had it before hears nothing more. */
  open(): Readable {
    if (this.#reader === null) this.#source.on("end", this.#onEnd).on("close", this.#onClose);
    const before = this.#reader;
    // Until the new one has had what is kept.
    if (this.#flows) this.#source.pause();
    this.#reader = new TapeReader(this);
    before?.destroy();
    if (this.#source.destroyed) this.#brokenOff();
    return this.#reader;
  }

  /** No attempt follows: content that nobody has read to its end is of no use any more. */
  close(): void {
    this.#pieces = [];
    this.#overflowed = true;
    this.#source.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    if (this.#flows && !this.#ended) this.#source.destroy();
  }

  /** The `index`th piece for `reader`; later by `push` where it has not come yet. */
  read(reader: TapeReader, index: number): Buffer | null {
    if (reader !== this.#reader) return null;
    const piece = this.#pieces[index];
    if (piece !== undefined) return piece;
    if (this.#ended) reader.push(null);
    else if (this.#flows) this.#source.resume();
    else this.#flow();
    return null;
  }

  /** Not before somebody reads: content that nobody has begun can still go elsewhere. */
  #flow(): void {
    this.#flows = true;
    this.#source.on("data", this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#keep(chunk);
    if (this.#reader?.accept(chunk) !== true) this.#source.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#reader?.finish(this.#count);
  };

  readonly #onClose = (): void => this.#brokenOff();

  /** The client broke it off, or the wire found it malformed: the reason goes along. */
  #brokenOff(): void {
    if (!this.#ended) this.#reader?.destroy(this.#source.errored ?? undefined);
  }

  #keep(chunk: Buffer): void {
    this.#count += 1;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) {
      this.#overflowed = true;
      this.#pieces = [];
    } else if (!this.#overflowed) {
      this.#pieces.push(chunk);
    }
  }
}

class TapeReader extends Readable {
  readonly #tape: ContentTape;
  /** Pieces that it has had. */
  #index = 0;

  constructor(tape: ContentTape) {
    super();
    this.#tape = tape;
    // Who reads it looks at `errored`.
    this.on("error", ignore);
  }

  override _read(): void {
    for (;;) {
      const piece = this.#tape.read(this, this.#index);
      if (piece === null) return;
      this.#index += 1;
      if (!this.push(piece)) return;
    }
  }

  /** A piece that has just come. False: no more for now. */
  accept(piece: Buffer): boolean {
    this.#index += 1;
    return this.push(piece);
  }

  /** The content is these many pieces; who has not had them all yet finds that out by reading. */
  finish(count: number): void {
    if (this.#index === count) this.push(null);
  }
}

function ignore(): void {}
