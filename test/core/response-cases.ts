// Response heads as literal bytes (RFC 9112 sections 4 and 6.3). "‸" as in request-cases.ts.

import * as layout from "../../assembly/layout.ts";
import type { RefusedHead } from "./request-cases.ts";

export interface AcceptedResponse {
  readonly title: string;
  readonly bytes: string;
  readonly requestMethod?: number;
  readonly status: number;
  readonly reason?: string;
  readonly framing: number;
  readonly flags?: number;
  readonly contentLength?: number;
}

const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";
const LENGTH = "Content-Length: 5\r\n\r\n";

export const ACCEPTED_RESPONSES: readonly AcceptedResponse[] = [
  {
    title: "RFC 9112 6.3 a length",
    bytes: `HTTP/1.1 200 OK\r\n${LENGTH}`,
    status: 200,
    reason: "OK",
    framing: layout.FRAMING_LENGTH,
    flags: layout.FLAG_KEEP_ALIVE,
    contentLength: 5,
  },
  {
    title: "RFC 9112 6.3 chunked",
    bytes: `HTTP/1.1 404 Not Found\r\n${CHUNKED}`,
    status: 404,
    reason: "Not Found",
    framing: layout.FRAMING_CHUNKED,
  },
  {
    title: "RFC 9112 6.3 neither: until the connection closes, which therefore cannot persist",
    bytes: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
    status: 200,
    framing: layout.FRAMING_CLOSE,
    flags: 0,
  },
  {
    title: "RFC 9112 4 an empty reason phrase",
    bytes: `HTTP/1.1 200 \r\n${LENGTH}`,
    status: 200,
    reason: "",
    framing: layout.FRAMING_LENGTH,
  },
  {
    title: "RFC 9112 4 no reason phrase and no space before it",
    bytes: `HTTP/1.1 200\r\n${LENGTH}`,
    status: 200,
    reason: "",
    framing: layout.FRAMING_LENGTH,
  },
  {
    title: "RFC 9112 4 obs-text and HTAB in the reason phrase",
    bytes: `HTTP/1.0 599 n\xf6\t!\r\n${LENGTH}`,
    status: 599,
    reason: "n\xf6\t!",
    framing: layout.FRAMING_LENGTH,
    flags: 0,
  },
  {
    title: "RFC 9110 15 a code from 600 on is well formed",
    bytes: `HTTP/1.1 999 x\r\n${LENGTH}`,
    status: 999,
    framing: layout.FRAMING_LENGTH,
  },
  {
    title: "RFC 9112 6.3 no content in response to HEAD",
    bytes: `HTTP/1.1 200 OK\r\n${LENGTH}`,
    requestMethod: layout.METHOD_HEAD,
    status: 200,
    framing: layout.FRAMING_NONE,
    contentLength: 5,
  },
  ...[100, 101, 103, 199, 204, 304].map((status) => ({
    title: `RFC 9112 6.3 no content in ${status}`,
    bytes: `HTTP/1.1 ${status} x\r\n\r\n`,
    status,
    framing: layout.FRAMING_NONE,
    flags: layout.FLAG_KEEP_ALIVE,
  })),
  {
    title: "RFC 9112 6.3 no content in 204 whatever its length says",
    bytes: `HTTP/1.1 204 x\r\n${LENGTH}`,
    status: 204,
    framing: layout.FRAMING_NONE,
  },
  {
    title: "RFC 9112 6.3 a successful CONNECT ignores both framing fields",
    bytes: `HTTP/1.1 200 OK\r\n${CHUNKED}`,
    requestMethod: layout.METHOD_CONNECT,
    status: 200,
    framing: layout.FRAMING_NONE,
  },
  {
    title: "RFC 9112 6.3 a refused CONNECT has content",
    bytes: `HTTP/1.1 403 No\r\n${LENGTH}`,
    requestMethod: layout.METHOD_CONNECT,
    status: 403,
    framing: layout.FRAMING_LENGTH,
  },
  {
    title: "RFC 9110 7.8 switching protocols",
    bytes: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    status: 101,
    framing: layout.FRAMING_NONE,
    flags: layout.FLAG_KEEP_ALIVE | layout.FLAG_UPGRADE,
  },
];

const refuse = (title: string, code: number, ...rows: readonly string[]): RefusedHead[] =>
  rows.map((bytes, index) => ({ title: `${title} #${index + 1}`, bytes, code }));

export const REFUSED_RESPONSES: readonly RefusedHead[] = [
  ...refuse(
    "RFC 9112 4 version",
    layout.ERROR_VERSION,
    "‸\r\nHTTP/1.1 200 OK\r\n",
    "‸http/1.1 200 OK\r\n",
    "HTTP/1‸ 200 OK\r\n",
    "‸ICY 200 OK\r\n",
  ),
  ...refuse("RFC 9110 2.5 major version", layout.ERROR_VERSION_UNSUPPORTED, "‸HTTP/2.0 200 OK\r\n"),
  ...refuse(
    "RFC 9112 4 status line",
    layout.ERROR_STATUS_LINE,
    "HTTP/1.1‸\t200 OK\r\n",
    "HTTP/1.1 ‸ 200 OK\r\n",
    "HTTP/1.1 ‸099 OK\r\n",
    "HTTP/1.1 20‸ OK\r\n",
    "HTTP/1.1 200‸0 OK\r\n",
    "HTTP/1.1 2‸x0 OK\r\n",
    "HTTP/1.1 200‸\tOK\r\n",
    "HTTP/1.1 200 O‸\x00K\r\n",
    "HTTP/1.1 200 O‸\x7fK\r\n",
    "HTTP/1.1‸\r\n",
  ),
  ...refuse(
    "RFC 9112 2.2 bare LF",
    layout.ERROR_BARE_LF,
    "HTTP/1.1 200 OK‸\n",
    "HTTP/1.1 200‸\n",
    "HTTP/1.1 200 OK\r\n‸\n",
  ),
  ...refuse("RFC 9112 2.2 bare CR", layout.ERROR_BARE_CR, "HTTP/1.1 200 OK‸\rX"),
  ...refuse(
    "RFC 9112 6.1 Transfer-Encoding where no content can follow",
    layout.ERROR_TRANSFER_ENCODING,
    "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n‸\r\n",
    "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n‸\r\n",
  ),
  ...refuse(
    "RFC 9112 6.1 Transfer-Encoding in HTTP/1.0",
    layout.ERROR_TRANSFER_ENCODING_VERSION,
    "HTTP/1.0 200 OK\r\n‸Transfer-Encoding: chunked\r\n",
  ),
  ...refuse(
    "RFC 9112 6.3 both",
    layout.ERROR_LENGTH_AND_TRANSFER_ENCODING,
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n‸Transfer-Encoding: chunked\r\n",
  ),
  ...refuse(
    "RFC 9112 6.3 repeated length",
    layout.ERROR_CONTENT_LENGTH_REPEATED,
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n‸Content-Length: 1\r\n",
  ),
];
