// Owns the table that turns an ERROR_* code of the parser into a name, a status, a reason and the
// RFC section that decides it. The gateway's 4xx, its log and the documentation read it. The offset
// of the error is in the record.

import { ERROR_COUNT } from "../../assembly/layout.ts";

export interface ParseError {
  readonly code: number;
  /** Stable, for logs and metrics. */
  readonly name: string;
  /**
   * Status with which a server refuses the request. A client that gets such a response answers 502.
   */
  readonly status: number;
  /** One plain sentence without any of the peer's bytes. */
  readonly reason: string;
  readonly section: string;
}

const BAD = 400;

type Row = readonly [name: string, status: number, reason: string, section: string];

const ROWS: readonly Row[] = [
  ["none", 200, "no error", ""],
  ["method", BAD, "the method is not a token of at most 32 bytes and one space", "RFC 9112 3.1"],
  ["target", BAD, "the request-target is empty or malformed", "RFC 9112 3.2"],
  ["target-too-long", 414, "the request-target exceeds the limit", "RFC 9112 3"],
  ["fragment", BAD, "the request-target holds a fragment", "RFC 9112 3.2"],
  ["version", BAD, "the HTTP version is malformed", "RFC 9112 2.3"],
  ["version-unsupported", 505, "the major HTTP version is not 1", "RFC 9110 2.5"],
  ["bare-lf", BAD, "a line ends with a bare LF", "RFC 9112 2.2"],
  ["bare-cr", BAD, "a CR is not followed by LF", "RFC 9112 2.2"],
  ["field-name", BAD, "a field name is empty or not a token", "RFC 9112 5.1"],
  ["space-before-colon", BAD, "whitespace between field name and colon", "RFC 9112 5.1"],
  ["obs-fold", BAD, "a field line starts with whitespace", "RFC 9112 5.2"],
  ["field-value", BAD, "a field value holds a control character", "RFC 9110 5.5"],
  ["head-too-large", 431, "the head exceeds the limit", "RFC 6585 5"],
  ["too-many-fields", 431, "the head has too many field lines", "RFC 6585 5"],
  ["host-missing", BAD, "HTTP/1.1 requires Host", "RFC 9112 3.2"],
  ["host-repeated", BAD, "Host occurs more than once", "RFC 9112 3.2"],
  ["host-invalid", BAD, "Host is not a valid host and port", "RFC 9112 3.2"],
  ["host-mismatch", BAD, "Host and the absolute request-target disagree", "RFC 9112 3.2.2"],
  ["content-length", BAD, "Content-Length is not a number within range", "RFC 9112 6.3"],
  ["content-length-repeated", BAD, "Content-Length occurs more than once", "RFC 9112 6.3"],
  ["length-and-coding", BAD, "Content-Length and Transfer-Encoding together", "RFC 9112 6.3"],
  ["transfer-encoding", BAD, "Transfer-Encoding is not exactly chunked", "RFC 9112 6.1"],
  ["transfer-encoding-version", BAD, "Transfer-Encoding in HTTP/1.0", "RFC 9112 6.1"],
  ["status-line", BAD, "the status line is malformed", "RFC 9112 4"],
  ["chunk-size", BAD, "a chunk size is not a hexadecimal number", "RFC 9112 7.1"],
  ["chunk-size-overflow", BAD, "a chunk size is out of range", "RFC 9112 7.1"],
  ["chunk-extension", BAD, "a chunk extension is malformed", "RFC 9112 7.1.1"],
  ["chunk-extension-too-long", BAD, "chunk extensions exceed the limit", "RFC 9112 7.1.1"],
  ["chunk-terminator", BAD, "a chunk does not end with CRLF", "RFC 9112 7.1"],
  ["trailer", BAD, "a field that may not be sent in a trailer section", "RFC 9110 6.5.1"],
  ["trailers-too-large", 431, "the trailer section exceeds the limit", "RFC 6585 5"],
  ["dot-segment", BAD, "the path holds a dot segment", "RFC 3986 6.2.2.3"],
  ["method-target", BAD, "this form of request-target is not for this method", "RFC 9112 3.2"],
];

/** Indexed by ERROR_* code. */
export const PARSE_ERRORS: readonly ParseError[] = ROWS.map(
  ([name, status, reason, section], code) => ({ code, name, status, reason, section }),
);

if (PARSE_ERRORS.length !== ERROR_COUNT) throw new Error("a parse error has no row");
