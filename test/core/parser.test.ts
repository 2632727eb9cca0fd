// The parser as embedders use it, on both engines: heads and bodies from a stream in pieces, views,
// errors, and readers that are finite.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { METHOD_HEAD } from "../../assembly/layout.ts";
import { Parser } from "../../src/core/parser.ts";
import { ACCEPTED_BODIES, REFUSED_BODIES } from "./chunked-cases.ts";
import { ENGINES, latin1 } from "./engines.ts";

const REQUEST =
  "POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-Two: 1\r\nx-two: 2\r\n" +
  "Content-Length: 9007199254740991\r\nExpect: 100-continue\r\n\r\n";

function fail(reason: string): never {
  throw new Error(reason);
}

const textOf = (parts: Iterable<Uint8Array>): string =>
  Array.from(parts)
    .map((part) => String.fromCharCode(...part))
    .join("");

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  validate(bytes: Uint8Array): boolean;
};

const PARSER_WASM = new URL("../../build/wasm/parser.wasm", import.meta.url);

describe.each(ENGINES)("edgelane/parser on %s", (engine) => {
  test("a request head in one piece", () => {
    const reader = new Parser({ engine }).requestReader();
    const result = reader.push(latin1(`${REQUEST}rest`));
    if (result.status !== "complete") fail(result.status);
    const { head, rest } = result;
    expect(textOf([rest])).toBe("rest");
    expect(head.method).toBe("POST");
    expect(head.target).toBe("/a?b");
    expect(head.targetForm).toBe("origin");
    expect(head.version).toBe("1.1");
    expect(head.framing).toBe("length");
    expect(head.contentLength).toBe(9_007_199_254_740_991);
    expect(head.keepAlive).toBe(true);
    expect(head.expectsContinue).toBe(true);
    expect(head.upgrade).toBe(false);
    expect(head.byteLength).toBe(REQUEST.length);
    expect(head.fields.get("X-TWO")).toBe("1");
    expect(head.fields.get("host")).toBe("example.com");
    expect(head.fields.get("accept")).toBeUndefined();
    expect([...head.fields][2]).toEqual(["x-two", "2"]);
    expect(() => head.fields.name(5)).toThrow(RangeError);
  });

  test("pipelined heads, each in two pieces, through one reader", () => {
    const reader = new Parser({ engine }).requestReader();
    const stream = latin1("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /22 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (let cut = 1; cut < stream.length; cut++) {
      const targets: string[] = [];
      let pending: Uint8Array[] = [stream.subarray(0, cut), stream.subarray(cut)];
      while (pending.length > 0) {
        const [piece = stream, ...others] = pending;
        const result = reader.push(piece);
        pending = others;
        if (result.status === "error") fail(result.error.name);
        if (result.status !== "complete") continue;
        targets.push(result.head.target);
        if (result.rest.length > 0) pending = [result.rest, ...others];
      }
      expect(targets, `cut at ${cut}`).toEqual(["/1", "/22"]);
    }
  });

  test("a response head", () => {
    const reader = new Parser({ engine }).responseReader(METHOD_HEAD);
    const result = reader.push(latin1("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n"));
    if (result.status !== "complete") fail(result.status);
    expect([result.head.status, result.head.reason]).toEqual([404, "Not Found"]);
    expect([result.head.framing, result.head.contentLength]).toEqual(["none", 5]);
  });

  test("an error has a name, a section and an offset; then the reader starts anew", () => {
    const reader = new Parser({ engine }).requestReader();
    reader.push(latin1("GET / HTTP/1.1\r\nHo"));
    const result = reader.push(latin1("st : a\r\n"));
    if (result.status !== "error") fail(result.status);
    expect(result.error).toMatchObject({
      name: "space-before-colon",
      section: "RFC 9112 5.1",
      status: 400,
      offset: 20,
    });
    expect(reader.push(latin1(REQUEST)).status).toBe("complete");
  });

  test("a head that never ends is refused at the limit, however much is pushed at once", () => {
    const reader = new Parser({ engine }).requestReader();
    const result = reader.push(latin1(`GET / HTTP/1.1\r\nX: ${"v".repeat(200_000)}`));
    expect(result).toMatchObject({ status: "error", error: { name: "head-too-large" } });
  });

  test("reset forgets a head that has begun", () => {
    const reader = new Parser({ engine }).requestReader();
    reader.push(latin1("GET / HT"));
    reader.reset();
    expect(reader.push(latin1(REQUEST)).status).toBe("complete");
  });

  test.each(ACCEPTED_BODIES)("chunked: $title", (row) => {
    const reader = new Parser({ engine }).chunkedReader();
    const bytes = latin1(row.bytes + (row.rest ?? ""));
    for (let cut = 1; cut <= row.bytes.length; cut++) {
      reader.reset();
      const first = reader.push(bytes.subarray(0, cut));
      const begun = [...first.content];
      const last = first.status === "complete" ? first : reader.push(bytes.subarray(cut));
      if (last.status !== "complete") fail(`${last.status}, cut at ${cut}`);
      const content = last === first ? begun : [...begun, ...last.content];
      expect(textOf(content)).toBe(row.content);
      expect([...last.trailers]).toEqual(row.trailers ?? []);
      if (last !== first) expect(textOf([last.rest])).toBe(row.rest ?? "");
    }
  });

  test.each(REFUSED_BODIES)("chunked: $title", (row) => {
    const reader = new Parser({ engine }).chunkedReader();
    const result = reader.push(latin1(row.bytes.replace("‸", "")));
    const error = { code: row.code, offset: row.bytes.indexOf("‸") };
    expect(result).toMatchObject({ status: "error", error });
  });

  test("chunked: long chunks, where content goes past the engine", () => {
    const reader = new Parser({ engine }).chunkedReader();
    const content = "0123456789abcdef".repeat(1000);
    const chunk = `3e80\r\n${content}\r\n`;
    const bytes = latin1(`${chunk}1\r\nx\r\n${chunk}0\r\n\r\n`);
    for (const size of [1, 7, 2048, 2049, 16_384, bytes.length]) {
      reader.reset();
      let text = "";
      let status = "";
      for (let at = 0; at < bytes.length; at += size) {
        const result = reader.push(bytes.subarray(at, at + size));
        text += textOf(result.content);
        status = result.status;
      }
      expect(status).toBe("complete");
      expect(text === `${content}x${content}`, `pieces of ${size}`).toBe(true);
    }
  });

  test("chunked: content is offsets in what was pushed, until the next push", () => {
    const reader = new Parser({ engine }).chunkedReader();
    const { content } = reader.push(latin1(`1388\r\n${"x".repeat(5000)}\r\n2\r\nyz\r\n`));
    const offsets = [0, 1].map((index) => [content.start(index), content.end(index)]);
    expect(offsets).toEqual([
      [6, 5006],
      [5011, 5013],
    ]);
    expect([content.count, content.byteLength]).toEqual([2, 5002]);
    expect(textOf([content.view(1)])).toBe("yz");
    for (const index of [-1, 2, Number.NaN]) expect(() => content.start(index)).toThrow(RangeError);
    reader.push(latin1("3\r\n"));
    expect([content.count, content.byteLength]).toEqual([0, 0]);
  });

  test("readers are finite, and close gives them back", () => {
    const parser = new Parser({ engine, readersMax: 2 });
    const reader = parser.requestReader();
    parser.responseReader();
    expect(() => parser.requestReader()).toThrow(RangeError);
    reader.close();
    expect(() => reader.close()).toThrow(RangeError);
    parser.requestReader();
  });
});

test("a compiled module instead of the inlined bytes; without a choice, Wasm", () => {
  const bytes = readFileSync(PARSER_WASM);
  const parser = new Parser({ module: new WebAssembly.Module(bytes) });
  expect(parser.engine).toBe("wasm-simd");
  expect(parser.requestReader().push(latin1(REQUEST)).status).toBe("complete");
  expect(bytes.length).toBeLessThanOrEqual(16_384);
});

test("where compiling is forbidden: a given module, else the reference", () => {
  const { validate, Module } = WebAssembly;
  const module = new Module(readFileSync(PARSER_WASM));
  const forbidden = (): never => {
    throw new Error("forbidden");
  };
  Object.assign(WebAssembly, { validate: forbidden, Module: forbidden });
  try {
    expect(new Parser({ module }).engine).toBe("wasm-simd");
    expect(new Parser().engine).toBe("reference");
    expect(() => new Parser({ engine: "wasm-simd" })).toThrow();
  } finally {
    Object.assign(WebAssembly, { validate, Module });
  }
});
