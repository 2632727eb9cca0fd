// Chunked bodies as literal bytes (RFC 9112 section 7.1). In a refused row "‸" stands before the
// byte whose offset the error must carry; it is not part of the bytes.

import * as layout from "../../assembly/layout.ts";

export interface AcceptedBody {
  readonly title: string;
  readonly bytes: string;
  readonly content: string;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
  /** Bytes behind the body: the next message. */
  readonly rest?: string;
}

export interface RefusedBody {
  readonly title: string;
  readonly bytes: string;
  readonly code: number;
}

export const ACCEPTED_BODIES: readonly AcceptedBody[] = [
  { title: "RFC 9112 7.1 no content", bytes: "0\r\n\r\n", content: "" },
  {
    title: "RFC 9112 7.1 two chunks",
    bytes: "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    content: "hello world",
  },
  {
    title: "RFC 9112 7.1 hex digits in both cases, leading zeros, a last chunk of many zeros",
    bytes: `00A\r\n0123456789\r\n00000000000000b\r\nabcdefghijk\r\n${"0".repeat(16)}\r\n\r\n`,
    content: "0123456789abcdefghijk",
  },
  {
    title: "RFC 9112 7.1 content that looks like chunks",
    bytes: "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
    content: "0\r\n\r\n\r\n",
  },
  {
    title: "RFC 9112 7.1 a chunk over several blocks",
    bytes: `64\r\n${"x".repeat(100)}\r\n0\r\n\r\n`,
    content: "x".repeat(100),
  },
  {
    title: "RFC 9112 7.1.1 extensions, quoted ones with escapes, and BWS where the grammar has it",
    bytes: '1;a;b=c;d="e;\\"\\\xff\t"\r\nx\r\n0 \t;\ta =\t"" ; b\r\n\r\n',
    content: "x",
  },
  {
    title: "RFC 9112 7.1.1 an extension of exactly the limit",
    bytes: `1;${"e".repeat(1023)}\r\nx\r\n0\r\n\r\n`,
    content: "x",
  },
  {
    title: "RFC 9112 7.1.2 trailers",
    bytes: '1\r\nx\r\n0\r\nX-Sum:  abc \r\nETag: "1"\r\n\r\n',
    content: "x",
    trailers: [
      ["X-Sum", "abc"],
      ["ETag", '"1"'],
    ],
  },
  {
    title: "RFC 9112 9.3.2 a pipelined request behind the body",
    bytes: "1\r\nx\r\n0\r\n\r\n",
    content: "x",
    rest: "GET / HTTP/1.1\r\n",
  },
];

const refuse = (title: string, code: number, ...rows: readonly string[]): RefusedBody[] =>
  rows.map((bytes, index) => ({ title: `${title} #${index + 1}`, bytes, code }));

export const REFUSED_BODIES: readonly RefusedBody[] = [
  ...refuse(
    "RFC 9112 7.1 chunk size",
    layout.ERROR_CHUNK_SIZE,
    "‸\r\n",
    "‸+5\r\n",
    "‸-5\r\n",
    "0‸x5\r\n",
    "‸ 5\r\n",
    "‸;a\r\n",
    "5‸g\r\n",
    "5‸,\r\n",
    "5‸\x00\r\n",
    "1\r\nx\r\n‸\r\n",
    "‸\xb5\r\n",
    "‸G",
  ),
  ...refuse(
    "RFC 9112 7.1 chunk size overflow",
    layout.ERROR_CHUNK_SIZE_OVERFLOW,
    "2000000000000‸0\r\n",
    "fffffffffffff‸ff",
    `${"0".repeat(16)}‸0`,
    "0010000000000000‸0\r\n",
  ),
  ...refuse(
    "RFC 9112 7.1.1 extension",
    layout.ERROR_CHUNK_EXTENSION,
    "5;‸\r\n",
    "5;a=‸\r\n",
    "5;‸;\r\n",
    "5;a ‸b\r\n",
    "5 ‸\r\n",
    "5;a ‸\r\n",
    "5;a=b ‸c\r\n",
    '5;a="b"‸c\r\n',
    '5;a="b‸\r\n',
    '5;a="‸\x00"\r\n',
    '5;a="\\‸\r\n',
    "5;a‸(\r\n",
    "5;a=b‸=c\r\n",
    "5;‸\xe9\r\n",
    "5;‸=b\r\n",
  ),
  ...refuse(
    "RFC 9112 7.1.1 extension bytes of one chunk",
    layout.ERROR_CHUNK_EXTENSION_TOO_LONG,
    `1;${"e".repeat(1023)}‸e\r\n`,
    `1;a="${"e".repeat(1020)}‸\x00`,
    `1${" ".repeat(1024)}‸ `,
  ),
  ...refuse(
    "RFC 9112 7.1.1 extension bytes of a message",
    layout.ERROR_CHUNK_EXTENSION_TOO_LONG,
    `${`1;${"e".repeat(1023)}\r\nx\r\n`.repeat(16)}1‸;a\r\n`,
  ),
  ...refuse(
    "RFC 9112 7.1 chunk terminator",
    layout.ERROR_CHUNK_TERMINATOR,
    "1\r\nx‸x\r\n",
    "1\r\nx‸\n",
    "1\r\nx\r‸x",
    "1\r\nx\r‸\r\n",
    "2\r\nab‸0\r\n\r\n",
  ),
  ...refuse(
    "RFC 9112 2.2 bare LF",
    layout.ERROR_BARE_LF,
    "5‸\n",
    "‸\n",
    "5;a‸\n",
    "0\r\n‸\n",
    "0\r\nX: 1‸\n",
    '5;a="‸\n',
  ),
  ...refuse(
    "RFC 9112 2.2 bare CR",
    layout.ERROR_BARE_CR,
    "5‸\rx",
    "5;a‸\r\r\n",
    "0‸\r0\r\n",
    "0\r\n‸\rx",
    "0\r\nX: 1‸\r2\r\n",
  ),
  ...refuse("RFC 9112 5.2 obs-fold in trailers", layout.ERROR_FOLD, "0\r\nX: 1\r\n‸ 2\r\n\r\n"),
  ...refuse("RFC 9112 5.1 trailer name", layout.ERROR_FIELD_NAME, "0\r\nX‸\x00: 1\r\n"),
  ...refuse("RFC 9110 5.5 trailer value", layout.ERROR_FIELD_VALUE, "0\r\nX: ‸\x01\r\n"),
  ...refuse(
    "RFC 9110 6.5.1 a field that no trailer section may hold",
    layout.ERROR_TRAILER,
    ...[
      ...["Content-Length", "transfer-encoding", "HOST", "Authorization", "Content-Encoding"],
      ...["Content-Type", "Content-Range", "Trailer", "Connection", "Upgrade", "TE", "Expect"],
      ...[
        "Cache-Control",
        "Cookie",
        "Set-Cookie",
        "If-Match",
        "Range",
        "Vary",
        "Forwarded",
        "Date",
      ],
      ...["X-Forwarded-For", "Proxy-Authorization", "Keep-Alive", "Location", "Via", "Pragma"],
    ].map((name) => `0\r\nX: 1\r\n‸${name}: 1\r\n\r\n`),
  ),
  ...refuse(
    "RFC 6585 5 trailer bytes and field lines",
    layout.ERROR_TRAILERS_TOO_LARGE,
    `0\r\n${"X: ".padEnd(8192, "v")}‸`,
    `0\r\n${"X: ".padEnd(8190, "v")}\r\n‸\r\n`,
    `0\r\n${"x:\r\n".repeat(32)}‸x:\r\n`,
  ),
];
