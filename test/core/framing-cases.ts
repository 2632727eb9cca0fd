// Request and response heads whose message framing is refused (RFC 9112 section 6), and limits. "‸"
// as in request-cases.ts.

import * as layout from "../../assembly/layout.ts";
import type { RefusedHead } from "./request-cases.ts";

const post = (lines: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${lines}`;

const refuse = (title: string, code: number, ...rows: readonly string[]): RefusedHead[] =>
  rows.map((bytes, index) => ({ title: `${title} #${index + 1}`, bytes, code }));

export const REFUSED_FRAMING: readonly RefusedHead[] = [
  ...refuse(
    "RFC 9112 6.3 Content-Length value",
    layout.ERROR_CONTENT_LENGTH,
    post("Content-Length: ‸\r\n"),
    post("Content-Length: ‸+1\r\n"),
    post("Content-Length: ‸-1\r\n"),
    post("Content-Length: ‸1,1\r\n"),
    post("Content-Length: ‸1, 2\r\n"),
    post("Content-Length: ‸0x10\r\n"),
    post("Content-Length: ‸1 1\r\n"),
    post("Content-Length: ‸9007199254740992\r\n"),
    post(`Content-Length: ‸${"9".repeat(400)}\r\n`),
    post("Content-Length: ‸\xb2\r\n"),
  ),
  ...refuse(
    "RFC 9112 6.3 Content-Length repeated",
    layout.ERROR_CONTENT_LENGTH_REPEATED,
    post("Content-Length: 1\r\n‸Content-Length: 1\r\n"),
    post("Content-Length: 1\r\nX: 1\r\n‸content-length: 2\r\n"),
  ),
  ...refuse(
    "RFC 9112 6.3 Content-Length with Transfer-Encoding",
    layout.ERROR_LENGTH_AND_TRANSFER_ENCODING,
    post("Content-Length: 1\r\n‸Transfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: chunked\r\n‸Content-Length: 1\r\n"),
    post("Content-Length: 1\r\n‸Transfer-Encoding: identity\r\n"),
  ),
  ...refuse(
    "RFC 9112 6.1 Transfer-Encoding",
    layout.ERROR_TRANSFER_ENCODING,
    post("Transfer-Encoding: ‸gzip, chunked\r\n"),
    post("Transfer-Encoding: ‸chunked, gzip\r\n"),
    post("Transfer-Encoding: ‸identity\r\n"),
    post("Transfer-Encoding: ‸\r\n"),
    post("Transfer-Encoding: ‸xchunked\r\n"),
    post("Transfer-Encoding: ‸chunked;q=1\r\n"),
    post("Transfer-Encoding: ‸,chunked\r\n"),
    post('Transfer-Encoding: ‸"chunked"\r\n'),
    post("Transfer-Encoding: chunked\r\n‸Transfer-Encoding: chunked\r\n"),
    post("Transfer-Encoding: ‸chunke\xe4\r\n"),
  ),
  ...refuse(
    "RFC 9112 6.1 Transfer-Encoding in HTTP/1.0",
    layout.ERROR_TRANSFER_ENCODING_VERSION,
    "POST / HTTP/1.0\r\n‸Transfer-Encoding: chunked\r\n",
  ),
  ...refuse(
    "RFC 6585 5 field lines",
    layout.ERROR_TOO_MANY_FIELDS,
    `GET / HTTP/1.1\r\nHost: a\r\n${"x:\r\n".repeat(99)}‸x`,
  ),
  ...refuse(
    "RFC 6585 5 head bytes",
    layout.ERROR_HEAD_TOO_LARGE,
    `${`GET / HTTP/1.1\r\nX: `.padEnd(32_768, "v")}‸`,
    `${`GET / HTTP/1.1\r\nHost: a\r\nX: `.padEnd(32_766, "v")}\r\n‸\r\n`,
    `${`GET / HTTP/1.1\r\nHost: a\r\nX: `.padEnd(32_767, "v")}\r‸\n\r\n`,
  ),
];
