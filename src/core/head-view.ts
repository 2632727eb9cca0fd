// Lazily decoded views over the record of a complete head: nothing becomes a string before it is
// asked for. A view reads the parser's memory; it is valid until its reader takes the next bytes.

import { FIELD_NAMES } from "#wasm/field-names.js";
import {
  FIELD_NAME_LENGTH_AND_ID,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_EXPECT_CONTINUE,
  FLAG_KEEP_ALIVE,
  FLAG_UPGRADE,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  RECORD_CONTENT_LENGTH_HIGH,
  RECORD_CONTENT_LENGTH_LOW,
  RECORD_FIELD_COUNT,
  RECORD_FIELDS,
  RECORD_FLAGS,
  RECORD_FRAMING,
  RECORD_HEAD_LENGTH,
  RECORD_METHOD,
  RECORD_METHOD_START,
  RECORD_REASON_LENGTH,
  RECORD_REASON_START,
  RECORD_STATUS_CODE,
  RECORD_TARGET_FORM,
  RECORD_TARGET_LENGTH,
  RECORD_TARGET_START,
  RECORD_VERSION_MINOR,
  TARGET_ABSOLUTE,
  TARGET_ASTERISK,
  TARGET_AUTHORITY,
} from "../../assembly/layout.ts";

export interface ParserMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
}

/** How the content behind a head is delimited (RFC 9112 section 6.3). */
export type Framing = "none" | "length" | "chunked" | "close";

/** Form of the request-target (RFC 9112 section 3.2). */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

const WORD = 0x1_0000_0000;
const SHORT_BYTES = 64;

/** A field section: the field lines in the order received. */
export class FieldsView {
  readonly #memory: ParserMemory;
  readonly #record: number;
  readonly #input: number;

  constructor(memory: ParserMemory, record: number, input: number) {
    this.#memory = memory;
    this.#record = record;
    this.#input = input;
  }

  get count(): number {
    return this.#word(RECORD_FIELD_COUNT);
  }

  /** The name as sent. */
  name(index: number): string {
    const length = this.#fieldWord(index, FIELD_NAME_LENGTH_AND_ID) & 0xffff;
    return this.#text(this.#fieldWord(index, FIELD_NAME_START), length);
  }

  /** The value without its OWS, a character for each byte. */
  value(index: number): string {
    const length = this.#fieldWord(index, FIELD_VALUE_LENGTH);
    return this.#text(this.#fieldWord(index, FIELD_VALUE_START), length);
  }

  /** FIELD_* id of a well-known name, 0 for any other. */
  id(index: number): number {
    return this.#fieldWord(index, FIELD_NAME_LENGTH_AND_ID) >>> 16;
  }

  /** Value of the first field line of that name, in any case. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    const id = Math.max(0, FIELD_NAMES.indexOf(lower));
    for (let index = 0; index < this.count; index++) {
      if (this.id(index) !== id) continue;
      if (id > 0 || this.name(index).toLowerCase() === lower) return this.value(index);
    }
    return undefined;
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let index = 0; index < this.count; index++) yield [this.name(index), this.value(index)];
  }

  #fieldWord(index: number, word: number): number {
    if (index < 0 || index >= this.count) throw new RangeError(`no field line ${index}`);
    return this.#word(RECORD_FIELDS + index * FIELD_WORDS + word);
  }

  #word(index: number): number {
    return this.#memory.words[(this.#record >> 2) + index] as number;
  }

  #text(start: number, length: number): string {
    return textOf(this.#memory.bytes, this.#input + start, length);
  }
}

/** What request and response heads have in common. */
class HeadView {
  readonly fields: FieldsView;
  readonly #memory: ParserMemory;
  readonly #record: number;
  readonly #input: number;

  constructor(memory: ParserMemory, record: number, input: number) {
    this.fields = new FieldsView(memory, record, input);
    this.#memory = memory;
    this.#record = record;
    this.#input = input;
  }

  /** Bytes of the head, its empty line included. */
  get byteLength(): number {
    return this.word(RECORD_HEAD_LENGTH);
  }

  get version(): "1.0" | "1.1" {
    return this.word(RECORD_VERSION_MINOR) === 0 ? "1.0" : "1.1";
  }

  get framing(): Framing {
    const framing = this.word(RECORD_FRAMING);
    if (framing === FRAMING_LENGTH) return "length";
    if (framing === FRAMING_CHUNKED) return "chunked";
    return framing === FRAMING_CLOSE ? "close" : "none";
  }

  /** Content-Length; 0 without one. */
  get contentLength(): number {
    return this.word(RECORD_CONTENT_LENGTH_HIGH) * WORD + this.word(RECORD_CONTENT_LENGTH_LOW);
  }

  /** The connection persists after this message (RFC 9112 section 9.3). */
  get keepAlive(): boolean {
    return (this.word(RECORD_FLAGS) & FLAG_KEEP_ALIVE) !== 0;
  }

  /** Connection names an upgrade, and there is an Upgrade field. */
  get upgrade(): boolean {
    return (this.word(RECORD_FLAGS) & FLAG_UPGRADE) !== 0;
  }

  protected word(index: number): number {
    return this.#memory.words[(this.#record >> 2) + index] as number;
  }

  protected text(start: number, length: number): string {
    return textOf(this.#memory.bytes, this.#input + start, length);
  }
}

export class RequestView extends HeadView {
  get method(): string {
    return this.text(this.word(RECORD_METHOD_START), this.word(RECORD_METHOD) >>> 8);
  }

  /** METHOD_* id, 0 for another method. */
  get methodId(): number {
    return this.word(RECORD_METHOD) & 0xff;
  }

  /** The request-target as sent. */
  get target(): string {
    return this.text(this.word(RECORD_TARGET_START), this.word(RECORD_TARGET_LENGTH));
  }

  get targetForm(): TargetForm {
    const form = this.word(RECORD_TARGET_FORM);
    if (form === TARGET_ABSOLUTE) return "absolute";
    if (form === TARGET_AUTHORITY) return "authority";
    return form === TARGET_ASTERISK ? "asterisk" : "origin";
  }

  /** The client waits for a 100 (Continue) before it sends content (RFC 9110 section 10.1.1). */
  get expectsContinue(): boolean {
    return (this.word(RECORD_FLAGS) & FLAG_EXPECT_CONTINUE) !== 0;
  }
}

export class ResponseView extends HeadView {
  get status(): number {
    return this.word(RECORD_STATUS_CODE);
  }

  get reason(): string {
    return this.text(this.word(RECORD_REASON_START), this.word(RECORD_REASON_LENGTH));
  }
}

/** A character for each byte. Long texts are decoded in pieces: a call takes so many arguments. */
function textOf(bytes: Uint8Array, start: number, length: number): string {
  if (length <= SHORT_BYTES) {
    return String.fromCharCode(...bytes.subarray(start, start + length));
  }
  let text = "";
  for (let at = 0; at < length; at += 4096) {
    const end = start + Math.min(length, at + 4096);
    text += String.fromCharCode.apply(null, bytes.subarray(start + at, end) as never);
  }
  return text;
}
