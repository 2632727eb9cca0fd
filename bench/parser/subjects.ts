// What is measured over the parser, on any runtime: groups of subjects that do the same work. Every
// subject includes the copy into its engine's memory, and its result is checked before it is timed.

import * as layout from "../../assembly/layout.ts";
import { type Core, type Engine, loadCore } from "../../src/core/core.ts";
import { HEADS, type HeadSample } from "../corpus/heads.ts";
import { llhttpParser } from "./llhttp.ts";
import { murmur128 } from "./murmur.ts";

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
  `https://www.example.com/assets/styles/main.6f8c1b.css?${"v".repeat(30)}`,
  `https://shop.example.com/search?q=${"term+".repeat(50)}`,
  `https://shop.example.com/search?q=${"term+".repeat(400)}`,
];
const CHUNKED_BODY_BYTES = 65_536;

export function allGroups(): Group[] {
  const wasm = loadCore({ engine: "wasm-simd", seed: 1n });
  const reference = loadCore({ engine: "reference", seed: 1n });
  const groups = [
    ...HEADS.map((head) => headGroup(head, wasm, reference)),
    ...[64, 16_384].map((size) => chunkedGroup(size, wasm, reference)),
    ...KEYS.map((key) => hashGroup(key, wasm, reference)),
  ];
  for (const group of groups) check(group);
  return groups;
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
  const { bytes, words, scratchInput, scratchRecord } = core;
  const source = head.bytes;
  const countAt = scratchRecord / 4 + layout.RECORD_FIELD_COUNT;
  const count = (status: number): number =>
    status === layout.STATUS_COMPLETE ? (words[countAt] as number) : -1;
  if (head.kind === "request") {
    return () => {
      bytes.set(source, scratchInput);
      return count(core.parseRequestHead(scratchRecord, scratchInput, source.length));
    };
  }
  return () => {
    bytes.set(source, scratchInput);
    const { length } = source;
    const method = layout.METHOD_GET;
    return count(core.parseResponseHead(scratchRecord, scratchInput, length, method));
  };
}

function chunkedGroup(size: number, wasm: Core, reference: Core): Group {
  const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
  const text = `${chunk.repeat(CHUNKED_BODY_BYTES / size)}0\r\n\r\n`;
  const body = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const subject = (core: Core, engine: Engine): Subject => ({
    name: engine === "reference" ? "typescript" : "wasm",
    run: chunkedRun(core, body),
  });
  return {
    name: `64 KiB in chunks of ${size} bytes`,
    kind: "chunked",
    bytes: body.length,
    subjects: [subject(wasm, "wasm-simd"), subject(reference, "reference")],
  };
}

/** Returns the number of content bytes. */
function chunkedRun(core: Core, body: Uint8Array): () => number {
  const state = core.acquireChunked();
  const at = state / 4;
  const { bytes, words, scratchInput } = core;
  return () => {
    bytes.set(body, scratchInput);
    core.resetChunked(state);
    let content = 0;
    let position = 0;
    let status: number = layout.STATUS_INCOMPLETE;
    while (status === layout.STATUS_INCOMPLETE) {
      status = core.decodeChunked(state, scratchInput + position, body.length - position);
      const end = at + layout.CHUNKED_SPANS + (words[at + layout.CHUNKED_SPAN_COUNT] as number) * 2;
      for (let span = at + layout.CHUNKED_SPANS; span < end; span += 2) {
        content += words[span + 1] as number;
      }
      position += words[at + layout.CHUNKED_CONSUMED] as number;
    }
    return status === layout.STATUS_COMPLETE ? content : -1;
  };
}

function hashGroup(key: string, wasm: Core, reference: Core): Group {
  const source = Uint8Array.from(key, (character) => character.charCodeAt(0));
  const out = new Uint32Array(4);
  return {
    name: `key of ${source.length} bytes`,
    kind: "hash",
    bytes: source.length,
    subjects: [
      { name: "wasm", run: hashRun(wasm, source) },
      { name: "typescript", run: hashRun(reference, source) },
      {
        name: "murmur3",
        run: () => {
          murmur128(source, 1, out);
          return ((out[0] as number) >>> 1) + 1;
        },
      },
    ],
  };
}

function hashRun(core: Core, source: Uint8Array): () => number {
  const { bytes, words, keyAddress } = core;
  const hashAt = core.keyHashAddress / 4;
  return () => {
    bytes.set(source, keyAddress);
    core.hashKey(keyAddress, source.length);
    return ((words[hashAt] as number) >>> 1) + 1;
  };
}
