// What is measured over the parser, on any runtime: groups of subjects that do the same work. Every
// subject includes the copy into its engine's memory, and its result is checked before it is timed.

import * as layout from "../../assembly/layout.ts";
import { type Core, loadCore } from "../../src/core/core.ts";
import { type ChunkedReader, Parser } from "../../src/core/parser.ts";
import { HEADS, type HeadSample } from "../corpus/heads.ts";
import { fresh } from "./fresh.ts";
import { llhttpParser } from "./llhttp.ts";
import { murmur128 } from "./murmur.ts";
import { sipHash13 } from "./sip-hash.ts";

export interface Subject {
  readonly name: string;
  /** Does the work once; the number depends on it, so that it cannot be optimised away. */
  readonly run: () => number;
}

export interface Group {
  readonly name: string;
  readonly kind: "head" | "chunked" | "hash";
  /** Bytes that one run reads. */
  readonly bytes: number;
  readonly subjects: readonly Subject[];
}

const KEYS = [
  "http://example.com/",
  "https://www.example.com/products/keyboards/42",
  `https://www.example.com/assets/styles/main.6f8c1b.css?${"v".repeat(30)}`,
  `https://shop.example.com/search?q=${"term+".repeat(50)}`,
  `https://shop.example.com/search?q=${"term+".repeat(400)}`,
];
const CHUNKED_BODY_BYTES = 65_536;

export function allGroups(): Group[] {
  checkSipHash();
  const wasm = loadCore({ engine: "wasm-simd", seed: 1n });
  const reference = loadCore({ engine: "reference", seed: 1n });
  const groups = [
    ...HEADS.map((head) => headGroup(head, wasm, reference)),
    ...[64, 16_384].flatMap((size) => chunkedGroups(size, wasm, reference)),
    ...KEYS.flatMap((key) => [
      hashGroup(key, wasm, reference, "copied"),
      hashGroup(key, wasm, reference, "in place"),
    ]),
  ];
  for (const group of groups) check(group);
  return groups;
}

/** CPython hashes byte strings so, under PYTHONHASHSEED=0. */
function checkSipHash(): void {
  const key = Uint8Array.from("http://example.com/", (character) => character.charCodeAt(0));
  const out = new Uint32Array(2);
  sipHash13(new DataView(key.buffer), key.length, new Int32Array(4), out);
  if (out[0] !== 0x8d4234c6 || out[1] !== 0xad383701) throw new Error("SipHash-1-3 is wrong");
}

/** All subjects of a group of heads or bodies come to the same number. */
function check(group: Group): void {
  const results = group.subjects.map(({ run }) => run());
  const agree = group.kind === "hash" || results.every((result) => result === results[0]);
  if (!agree || results.some((result) => result <= 0)) {
    throw new Error(`${group.name}: results differ: ${results.join(", ")}`);
  }
}

function headGroup(head: HeadSample, wasm: Core, reference: Core): Group {
  const llhttp = llhttpParser(head.kind);
  return {
    name: head.name,
    kind: "head",
    bytes: head.bytes.length,
    subjects: [
      { name: "wasm", run: headRun(wasm, head) },
      { name: "typescript", run: headRun(reference, head) },
      { name: "llhttp", run: () => llhttp(head.bytes) },
    ],
  };
}

/** Returns the number of field lines. */
function headRun(core: Core, head: HeadSample): () => number {
  const names = {
    source: head.bytes,
    bytes: core.bytes,
    words: core.words,
    record: core.scratchRecord,
    input: core.scratchInput,
    countAt: core.scratchRecord / 4 + layout.RECORD_FIELD_COUNT,
    parse: head.kind === "request" ? core.parseRequestHead : core.parseResponseHead,
  };
  const method = head.kind === "request" ? "" : `, ${layout.METHOD_GET}`;
  const status = `parse(record, input, source.length${method})`;
  const isComplete = `${status} === ${layout.STATUS_COMPLETE}`;
  return fresh(names, `bytes.set(source, input); return ${isComplete} ? words[countAt] : -1;`);
}

/**
 * Ways to the same content: the whole body copied into the engine's memory, a body that lies there
 * already, and `ChunkedReader`, which copies framing only and is what embedders use, with the
 * offsets of content and with views of it.
 */
function chunkedGroups(size: number, wasm: Core, reference: Core): Group[] {
  const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
  const text = `${chunk.repeat(CHUNKED_BODY_BYTES / size)}0\r\n\r\n`;
  const body = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const group = (way: string, subjectOf: (engine: number) => () => number): Group => ({
    name: `64 KiB in chunks of ${size} bytes, ${way}`,
    kind: "chunked",
    bytes: body.length,
    subjects: [
      { name: "wasm", run: subjectOf(0) },
      { name: "typescript", run: subjectOf(1) },
    ],
  });
  const cores = [wasm, reference] as const;
  const coreOf = (engine: number): Core => cores[engine] ?? wasm;
  const reader = (engine: number): ChunkedReader =>
    new Parser({ engine: engine === 0 ? "wasm-simd" : "reference" }).chunkedReader();
  return [
    group("copied", (engine) => {
      const core = coreOf(engine);
      const decode = chunkedRun(core, body.length);
      return () => {
        core.bytes.set(body, core.scratchInput);
        return decode();
      };
    }),
    group("in place", (engine) => {
      const core = coreOf(engine);
      const decode = chunkedRun(core, body.length);
      return () => {
        // Another group may have put its bytes there: one that differs shows.
        if (core.bytes[core.scratchInput] !== body[0]) core.bytes.set(body, core.scratchInput);
        return decode();
      };
    }),
    group("ChunkedReader", (engine) => readerRun(reader(engine), body)),
    group("ChunkedReader, a view of each span", (engine) => viewsRun(reader(engine), body)),
  ];
}

/** Returns the number of content bytes. */
function readerRun(reader: ChunkedReader, body: Uint8Array): () => number {
  return () => {
    reader.reset();
    const { content, status } = reader.push(body);
    let bytes = 0;
    for (let span = 0; span < content.count; span++)
      bytes += content.end(span) - content.start(span);
    return status === "complete" ? bytes : -1;
  };
}

function viewsRun(reader: ChunkedReader, body: Uint8Array): () => number {
  return () => {
    reader.reset();
    const { content, status } = reader.push(body);
    let bytes = 0;
    for (const part of content) bytes += part.length;
    return status === "complete" ? bytes : -1;
  };
}

/** Decodes the `length` bytes at the scratch input; returns the number of content bytes. */
function chunkedRun(core: Core, length: number): () => number {
  const state = core.acquireChunked();
  const at = state / 4;
  const { words, scratchInput } = core;
  return () => {
    core.resetChunked(state);
    let content = 0;
    let position = 0;
    let status: number = layout.STATUS_INCOMPLETE;
    while (status === layout.STATUS_INCOMPLETE) {
      status = core.decodeChunked(state, scratchInput + position, length - position);
      const end = at + layout.CHUNKED_SPANS + (words[at + layout.CHUNKED_SPAN_COUNT] as number) * 2;
      for (let span = at + layout.CHUNKED_SPANS; span < end; span += 2) {
        content += words[span + 1] as number;
      }
      position += words[at + layout.CHUNKED_CONSUMED] as number;
    }
    return status === layout.STATUS_COMPLETE ? content : -1;
  };
}

/**
 * "copied": the bytes of a key go into the engine's memory first. "in place": they lie there, as in
 * the gateway, which writes a key and hashes it in one call; pure JavaScript needs no copy anyway.
 */
function hashGroup(key: string, wasm: Core, reference: Core, way: "copied" | "in place"): Group {
  const source = Uint8Array.from(key, (character) => character.charCodeAt(0));
  const view = new DataView(source.buffer);
  const sipKey = new Int32Array(4);
  const out = new Uint32Array(4);
  return {
    name: `key of ${source.length} bytes, ${way}`,
    kind: "hash",
    bytes: source.length,
    subjects: [
      { name: "wasm", run: hashRun(wasm, source, way) },
      { name: "typescript", run: hashRun(reference, source, way) },
      {
        name: "murmur3",
        run: fresh(
          { murmur128, source, out },
          "murmur128(source, 1, out); return (out[0] >>> 1) + 1;",
        ),
      },
      {
        name: "siphash",
        run: fresh(
          { sipHash13, view, source, sipKey, out },
          "sipHash13(view, source.length, sipKey, out); return (out[0] >>> 1) + 1;",
        ),
      },
    ],
  };
}

function hashRun(core: Core, source: Uint8Array, way: "copied" | "in place"): () => number {
  const { bytes, words, hashKey } = core;
  const address = way === "copied" ? core.keyAddress : core.slabInput(core.acquireSlab());
  bytes.set(source, address);
  const names = { bytes, words, hashKey, source, address, hashAt: core.keyHashAddress / 4 };
  const copy = way === "copied" ? "bytes.set(source, address);" : "";
  return fresh(names, `${copy} hashKey(address, source.length); return (words[hashAt] >>> 1) + 1;`);
}
