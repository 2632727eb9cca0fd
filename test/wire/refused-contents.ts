// Chunked content that is refused (RFC 9112 section 7.1): what follows the head, the status, the
// name of the error.

import type { RefusedRow } from "./refused-heads.ts";

const CHUNKED_HEAD = "POST /m4rk3r HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

type Row = readonly [title: string, content: string, error: string, status?: number];

function rows(list: readonly Row[]): RefusedRow[] {
  return list.map(([title, content, error, status = 400]) => ({
    title,
    bytes: CHUNKED_HEAD + content,
    status,
    error,
  }));
}

/** A good first chunk. */
const FIRST = "6\r\nm4rk3r\r\n";

/** Sizes and terminators. */
export const CHUNK_ROWS = rows([
  ["no size", "\r\nm4rk3r\r\n", "chunk-size"],
  ["no hexadecimal number", "g\r\nm4rk3r\r\n", "chunk-size"],
  ["a plus sign", "+6\r\nm4rk3r\r\n", "chunk-size"],
  ["a minus sign", "-6\r\nm4rk3r\r\n", "chunk-size"],
  ["a 0x prefix", "0x6\r\nm4rk3r\r\n", "chunk-size"],
  ["a space before the size", " 6\r\nm4rk3r\r\n", "chunk-size"],
  ["a tab before the size", "\t6\r\nm4rk3r\r\n", "chunk-size"],
  ["a space behind the size", "6 \r\nm4rk3r\r\n", "chunk-extension"],
  ["a space within the size", "1 0\r\nm4rk3r\r\n", "chunk-extension"],
  ["an underscore within the size", "1_0\r\nm4rk3r\r\n", "chunk-size"],
  ["a full-width digit", "\xef\xbc\x96\r\nm4rk3r\r\n", "chunk-size"],
  ["a NUL behind the size", "6\0\r\nm4rk3r\r\n", "chunk-size"],
  ["a size of 2^53", "20000000000000\r\n", "chunk-size-overflow"],
  ["a size of 2^63", "8000000000000000\r\n", "chunk-size-overflow"],
  [
    "a size of 2^64 + 6, which would wrap",
    "10000000000000006\r\nm4rk3r\r\n",
    "chunk-size-overflow",
  ],
  ["a size with too many leading zeros", "00000000000000006\r\nm4rk3r\r\n", "chunk-size-overflow"],
  ["a bare LF behind the size", "6\nm4rk3r\r\n", "bare-lf"],
  ["a bare CR behind the size", "6\rm4rk3r\r\n", "bare-cr"],
  ["a bare LF behind the content", "6\r\nm4rk3r\n", "chunk-terminator"],
  ["a bare CR behind the content", "6\r\nm4rk3r\r6\r\n", "chunk-terminator"],
  ["more content than the size", "5\r\nm4rk3r\r\n", "chunk-terminator"],
  ["no terminator", "6\r\nm4rk3r0\r\n\r\n", "chunk-terminator"],
  ["two bytes of anything for one", "6\r\nm4rk3rXX0\r\n\r\n", "chunk-terminator"],
  ["LF and CR for it", "6\r\nm4rk3r\n\r0\r\n\r\n", "chunk-terminator"],
  ["less content than the size", "7\r\nm4rk3r\r\n0\r\n\r\n", "chunk-terminator"],
  ["no size in the second chunk", `${FIRST}\r\n`, "chunk-size"],
  ["a bad size in the second chunk", `${FIRST}x\r\n`, "chunk-size"],
  ["a last chunk with a bare LF", `${FIRST}0\n\n`, "bare-lf"],
]);

/** RFC 9112 section 7.1.1: their grammar is checked, their size bounded. */
export const EXTENSION_ROWS = rows([
  ["no name", "6;\r\nm4rk3r\r\n", "chunk-extension"],
  ["no name before the equals sign", "6;=x\r\nm4rk3r\r\n", "chunk-extension"],
  ["no value", "6;a=\r\nm4rk3r\r\n", "chunk-extension"],
  ["two values", "6;a=b=c\r\nm4rk3r\r\n", "chunk-extension"],
  ["an open quote", '6;a="x\r\nm4rk3r\r\n', "chunk-extension"],
  ["something behind the quote", '6;a="x"y\r\nm4rk3r\r\n', "chunk-extension"],
  ["a control character", "6;a\x01\r\nm4rk3r\r\n", "chunk-extension"],
  ["a NUL in a quoted value", '6;a="\0"\r\nm4rk3r\r\n', "chunk-extension"],
  ["a bare LF", "6;a\nm4rk3r\r\n", "bare-lf"],
  ["a bare LF in a quoted value", '6;a="\n"\r\nm4rk3r\r\n', "bare-lf"],
  ["a bare CR", "6;a\rm4rk3r\r\n", "bare-cr"],
  // What the lists of h1 desynchronisation call TERM.EXT, EXT.TERM and their like.
  ["a bare LF right behind the semicolon", "6;\nm4rk3r\r\n0\r\n\r\n", "bare-lf"],
  ["a bare CR right behind the semicolon", "6;\rm4rk3r\r\n0\r\n\r\n", "chunk-extension"],
  ["a CRLF in a quoted value", '6;a="\r\nm4rk3r\r\n0\r\n\r\n', "chunk-extension"],
  ["a bare LF behind the last chunk's", `${FIRST}0;a\n\r\n`, "bare-lf"],
  ["a bare CR in a quoted value", '6;a="\r"\r\nm4rk3r\r\n', "chunk-extension"],
  ["1 KiB and more", `6;a=${"x".repeat(1024)}\r\nm4rk3r\r\n`, "chunk-extension-too-long"],
  [
    "16 KiB and more over many chunks",
    `1;a=${"x".repeat(1000)}\r\ny\r\n`.repeat(17),
    "chunk-extension-too-long",
  ],
]);

/**
 * RFC 9110 section 6.5.1: what a trailer section may not hold; its syntax is that of a header
 * section.
 */
export const TRAILER_ROWS = rows([
  ["Content-Length", `${FIRST}0\r\nContent-Length: 5\r\n\r\n`, "trailer"],
  ["Transfer-Encoding", `${FIRST}0\r\nTransfer-Encoding: chunked\r\n\r\n`, "trailer"],
  ["Host", `${FIRST}0\r\nHost: m4rk3r\r\n\r\n`, "trailer"],
  ["Authorization", `${FIRST}0\r\nAuthorization: m4rk3r\r\n\r\n`, "trailer"],
  ["Cookie", `${FIRST}0\r\ncookie: m4rk3r\r\n\r\n`, "trailer"],
  ["Cache-Control", `${FIRST}0\r\nX-A: b\r\nCACHE-CONTROL: no-store\r\n\r\n`, "trailer"],
  ["Content-Type", `${FIRST}0\r\nContent-Type: m4rk3r/x\r\n\r\n`, "trailer"],
  ["Content-Encoding", `${FIRST}0\r\nContent-Encoding: m4rk3r\r\n\r\n`, "trailer"],
  ["Connection", `${FIRST}0\r\nConnection: m4rk3r\r\n\r\n`, "trailer"],
  ["Expect", `${FIRST}0\r\nExpect: 100-continue\r\n\r\n`, "trailer"],
  ["X-Forwarded-For", `${FIRST}0\r\nX-Forwarded-For: m4rk3r\r\n\r\n`, "trailer"],
  ["Trailer", `${FIRST}0\r\nTrailer: m4rk3r\r\n\r\n`, "trailer"],
  ["a folded line", `${FIRST}0\r\nX-A: m4rk3r\r\n more\r\n\r\n`, "obs-fold"],
  ["a space before the colon", `${FIRST}0\r\nX-A : m4rk3r\r\n\r\n`, "space-before-colon"],
  ["an empty name", `${FIRST}0\r\n: m4rk3r\r\n\r\n`, "field-name"],
  ["a NUL in a value", `${FIRST}0\r\nX-A: m4rk3r\0\r\n\r\n`, "field-value"],
  ["a bare LF", `${FIRST}0\r\nX-A: m4rk3r\n\r\n`, "bare-lf"],
  ["a bare CR", `${FIRST}0\r\nX-A: m4rk3r\rX-B: c\r\n\r\n`, "bare-cr"],
  ["an empty line of a bare LF", `${FIRST}0\r\nX-A: m4rk3r\r\n\n`, "bare-lf"],
  ["an empty line of a bare CR", `${FIRST}0\r\n\rm4rk3r`, "bare-cr"],
  ["8 KiB and more", `${FIRST}0\r\nX-A: ${"x".repeat(8192)}\r\n\r\n`, "trailers-too-large", 431],
  ["more than 32 lines", `${FIRST}0\r\n${"X-A: b\r\n".repeat(33)}\r\n`, "trailers-too-large", 431],
]);
