// Runs generated cases through both engines and compares result, code, offset and every valid word;
// whole and in random pieces.

import * as layout from "../../../assembly/layout.ts";
import { type Core, loadCore } from "../../../src/core/core.ts";
import { CaseWriter, Random } from "./generator.ts";

export interface FuzzReport {
  readonly cases: number;
  readonly seed: number;
  readonly complete: number;
  readonly incomplete: number;
  /** How often each ERROR_* code came up. */
  readonly errors: readonly number[];
  /** 32-bit digest over all results, to compare engines and machines. */
  readonly digest: number;
}

type Kind = "request" | "response" | "chunked";

const KINDS: readonly Kind[] = ["request", "request", "response", "chunked"];

/** Throws with seed, index and bytes of the first case that the engines disagree about. */
export function compareEngines(cases: number, seed: number): FuzzReport {
  const random = new Random(seed);
  const writer = new CaseWriter(random);
  const wasm = new Machine(loadCore({ engine: "wasm-simd", seed: 0n, slabs: 1, chunkedStates: 1 }));
  const reference = new Machine(
    loadCore({ engine: "reference", seed: 0n, slabs: 1, chunkedStates: 1 }),
  );
  const counts = { complete: 0, incomplete: 0, digest: 0 };
  const errors = new Array<number>(layout.ERROR_COUNT).fill(0);
  for (let index = 0; index < cases; index++) {
    const kind = KINDS[random.below(KINDS.length)] ?? "request";
    writer[kind]();
    const cut = random.below(3) === 0 ? writer.length : random.below(writer.length + 1);
    const variant = random.below(3);
    for (const cutAt of cut === writer.length ? [cut] : [writer.length, cut]) {
      const a = wasm.run(kind, writer, cutAt, variant);
      const b = reference.run(kind, writer, cutAt, variant);
      if (a !== b || !wasm.agreesWith(reference, kind)) {
        throw new Error(describeCase(kind, seed, index, writer, cutAt, [wasm, reference]));
      }
    }
    const status = wasm.status;
    if (status === layout.STATUS_COMPLETE) counts.complete++;
    else if (status === layout.STATUS_INCOMPLETE) counts.incomplete++;
    else errors[wasm.code] = (errors[wasm.code] ?? 0) + 1;
    counts.digest = (Math.imul(counts.digest, 31) + status + wasm.code * 4 + wasm.offset * 256) | 0;
  }
  return { cases, seed, ...counts, errors };
}

/** One engine with what its last case came to. */
class Machine {
  status = 0;
  code = 0;
  offset = 0;
  readonly #core: Core;
  readonly #state: number;
  #content = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#state = core.acquireChunked();
  }

  run(kind: Kind, writer: CaseWriter, cut: number, variant: number): number {
    const core = this.#core;
    // Sometimes flush against the end of memory, where no block can be loaded behind the input.
    const input = variant === 0 ? core.bytes.length - writer.length : core.scratchInput + variant;
    core.bytes.set(writer.bytes.subarray(0, writer.length), input);
    if (kind === "chunked") return this.#runChunked(input, cut, writer.length);
    core.resetRecord(core.scratchRecord);
    const method = variant === 1 ? layout.METHOD_HEAD : layout.METHOD_GET;
    for (const length of [cut, writer.length]) {
      this.status =
        kind === "request"
          ? core.parseRequestHead(core.scratchRecord, input, length)
          : core.parseResponseHead(core.scratchRecord, input, length, method);
      if (this.status !== layout.STATUS_INCOMPLETE) break;
    }
    const at = core.scratchRecord / 4;
    const isError = this.status === layout.STATUS_ERROR;
    this.code = isError ? (core.words[at + layout.RECORD_ERROR_CODE] ?? 0) : 0;
    this.offset = isError ? (core.words[at + layout.RECORD_ERROR_OFFSET] ?? 0) : 0;
    return this.status + this.code * 4 + this.offset * 256;
  }

  /** Feeds [0, cut) and [cut, length); digests the content. */
  #runChunked(input: number, cut: number, length: number): number {
    const core = this.#core;
    const at = this.#state / 4;
    core.resetChunked(this.#state);
    this.#content = 0;
    let position = 0;
    // In every third case the engine sees content only where framing stands before it.
    const window = cut % 3 === 0 ? 10 : length;
    this.status = layout.STATUS_INCOMPLETE;
    for (const end of [cut, length]) {
      while (position < end && this.status === layout.STATUS_INCOMPLETE) {
        const inMemory = Math.min(end - position, window);
        const following = end - position - inMemory;
        this.status = core.decodeChunked(this.#state, input + position, inMemory, following);
        const spans = core.words[at + layout.CHUNKED_SPAN_COUNT] ?? 0;
        for (let span = 0; span < spans; span++) {
          const word = at + layout.CHUNKED_SPANS + span * 2;
          const start = input + position + (core.words[word] ?? 0);
          const stop = start + (core.words[word + 1] ?? 0);
          for (let p = start; p < stop; p++) {
            this.#content = (Math.imul(this.#content, 33) + (core.bytes[p] ?? 0)) | 0;
          }
        }
        position += core.words[at + layout.CHUNKED_CONSUMED] ?? 0;
      }
    }
    const isError = this.status === layout.STATUS_ERROR;
    this.code = isError ? (core.words[at + layout.CHUNKED_ERROR_CODE] ?? 0) : 0;
    this.offset = isError ? (core.words[at + layout.CHUNKED_ERROR_OFFSET_LOW] ?? 0) : 0;
    return this.status + this.code * 4 + this.offset * 256 + (isError ? 0 : position) * 2 ** 20;
  }

  /** The valid words, or the content, are the same. */
  agreesWith(other: Machine, kind: Kind): boolean {
    if (kind === "chunked") {
      if (this.status === layout.STATUS_ERROR) return true;
      if (this.#content !== other.#content) return false;
      return this.status !== layout.STATUS_COMPLETE || this.#sameWords(other, true);
    }
    return this.status !== layout.STATUS_COMPLETE || this.#sameWords(other, false);
  }

  #sameWords(other: Machine, inTrailers: boolean): boolean {
    const record = inTrailers ? this.#core.trailerRecord(this.#state) : this.#core.scratchRecord;
    const theirs = inTrailers ? other.#core.trailerRecord(other.#state) : other.#core.scratchRecord;
    const count = this.#core.words[record / 4 + layout.RECORD_FIELD_COUNT] ?? 0;
    const end = layout.RECORD_FIELDS + count * layout.FIELD_WORDS;
    for (let index = 0; index < end; index++) {
      if (index >= layout.RECORD_PHASE && index <= layout.RECORD_TOKEN_START) continue;
      if (this.#core.words[record / 4 + index] !== other.#core.words[theirs / 4 + index])
        return false;
    }
    return true;
  }

  describe(): string {
    return `${this.#core.engine}: status ${this.status} code ${this.code} offset ${this.offset}`;
  }
}

function describeCase(
  kind: Kind,
  seed: number,
  index: number,
  writer: CaseWriter,
  cut: number,
  machines: readonly Machine[],
): string {
  const text = String.fromCharCode(...writer.bytes.subarray(0, writer.length));
  const results = machines.map((machine) => machine.describe()).join("; ");
  const place = `seed ${seed}, case ${index} (${kind}, cut at ${cut})`;
  return `${place}: ${results}: ${JSON.stringify(text)}`;
}
