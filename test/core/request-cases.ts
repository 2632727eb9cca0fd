// Request heads as literal bytes: what is accepted and as what, what is refused with which code. In
// a refused row "‸" stands before the byte whose offset the error must carry; it is not part of the
// bytes. Expected values come from the RFC that the title names.

import * as layout from "../../assembly/layout.ts";

export interface AcceptedHead {
  readonly title: string;
  readonly bytes: string;
  readonly method?: number;
  readonly target?: string;
  readonly form?: number;
  readonly minor?: number;
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly framing?: number;
  readonly contentLength?: number;
  readonly flags?: number;
}

export interface RefusedHead {
  readonly title: string;
  readonly bytes: string;
  readonly code: number;
}

const HOST = "Host: a\r\n\r\n";
const KEEP_ALIVE = layout.FLAG_KEEP_ALIVE;

export const ACCEPTED: readonly AcceptedHead[] = [
  {
    title: "RFC 9112 3 a request line and Host",
    bytes: `GET / HTTP/1.1\r\n${HOST}`,
    method: layout.METHOD_GET,
    target: "/",
    form: layout.TARGET_ORIGIN,
    minor: 1,
    fields: [["Host", "a"]],
    framing: layout.FRAMING_NONE,
    flags: KEEP_ALIVE,
  },
  {
    title: "RFC 9112 2.2 one empty line before the request line is skipped",
    bytes: `\r\nGET / HTTP/1.1\r\n${HOST}`,
    method: layout.METHOD_GET,
    target: "/",
  },
  {
    title: "RFC 9112 3.1 a method of 32 bytes",
    bytes: `${"M".repeat(32)} / HTTP/1.1\r\n${HOST}`,
    method: layout.METHOD_OTHER,
  },
  {
    title: "RFC 9110 9.1 methods are case-sensitive",
    bytes: `get / HTTP/1.1\r\n${HOST}`,
    method: layout.METHOD_OTHER,
  },
  ...(
    [
      ["HEAD", layout.METHOD_HEAD],
      ["POST", layout.METHOD_POST],
      ["PUT", layout.METHOD_PUT],
      ["DELETE", layout.METHOD_DELETE],
      ["OPTIONS", layout.METHOD_OPTIONS],
      ["TRACE", layout.METHOD_TRACE],
      ["PATCH", layout.METHOD_PATCH],
      ["QUERY", layout.METHOD_QUERY],
    ] as const
  ).map(([name, method]) => ({
    title: `RFC 9110 9.3 ${name}`,
    bytes: `${name} /x HTTP/1.1\r\n${HOST}`,
    method,
    target: "/x",
  })),
  {
    title: "RFC 9112 3.2.1 origin form with a query that looks like a dot segment",
    bytes: `GET /a?x=/../y HTTP/1.1\r\n${HOST}`,
    target: "/a?x=/../y",
  },
  {
    title: "RFC 3986 3.3 three dots and dotted names are ordinary segments",
    bytes: `GET /.../.x/x./..y/.%2ex/%2e%2e%2e HTTP/1.1\r\n${HOST}`,
    target: "/.../.x/x./..y/.%2ex/%2e%2e%2e",
  },
  {
    title: "RFC 3986 2.2 encoded slashes, semicolons and percent signs beside ordinary names",
    bytes: `GET /a%2Fb%5cc;d/..e%2f.f;/...;/%252e%252e/%0/%zz/% HTTP/1.1\r\n${HOST}`,
    target: "/a%2Fb%5cc;d/..e%2f.f;/...;/%252e%252e/%0/%zz/%",
  },
  {
    title: "RFC 3986 3.4 the query is not a path",
    bytes: `GET /a?..%2f%5c..\\%00/../ HTTP/1.1\r\n${HOST}`,
    target: "/a?..%2f%5c..\\%00/../",
  },
  {
    title: "RFC 9112 3.2.2 absolute form, Host the same but for case and default port",
    bytes: "GET http://EXAMPLE.com:80/x HTTP/1.1\r\nHost: example.COM\r\n\r\n",
    target: "http://EXAMPLE.com:80/x",
    form: layout.TARGET_ABSOLUTE,
  },
  {
    title: "RFC 9112 3.2.2 absolute form of https with an empty path",
    bytes: "GET HTTPS://a?q HTTP/1.1\r\nHost: a:443\r\n\r\n",
    form: layout.TARGET_ABSOLUTE,
  },
  {
    title: "RFC 9112 3.2.3 authority form",
    bytes: "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
    method: layout.METHOD_CONNECT,
    target: "[::1]:443",
    form: layout.TARGET_AUTHORITY,
  },
  {
    title: "RFC 9112 3.2.4 asterisk form",
    bytes: `OPTIONS * HTTP/1.1\r\n${HOST}`,
    target: "*",
    form: layout.TARGET_ASTERISK,
  },
  {
    title: "RFC 9110 2.5 HTTP/1.9 counts as HTTP/1.1",
    bytes: `GET / HTTP/1.9\r\n${HOST}`,
    minor: 1,
    flags: KEEP_ALIVE,
  },
  {
    title: "RFC 9112 3.2 HTTP/1.0 without Host; 9.3 it does not persist",
    bytes: "GET / HTTP/1.0\r\n\r\n",
    minor: 0,
    fields: [],
    flags: 0,
  },
  {
    title: "RFC 9112 9.3 HTTP/1.0 persists when asked",
    bytes: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    flags: KEEP_ALIVE,
  },
  {
    title: "RFC 9112 9.6 close wins over keep-alive",
    bytes: `GET / HTTP/1.1\r\nConnection: keep-alive, ,CLOSE\r\n${HOST}`,
    flags: 0,
  },
  {
    title: "RFC 9110 7.6.1 an option of two Connection lines, and a nominated field",
    bytes: `GET / HTTP/1.1\r\nConnection: te\r\nConnection:\tx-hop ,keep-alive\r\n${HOST}`,
    flags: KEEP_ALIVE | layout.FLAG_CONNECTION_NOMINATES,
  },
  {
    title: "RFC 9110 7.8 an upgrade that Connection names",
    bytes: `GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${HOST}`,
    flags: KEEP_ALIVE | layout.FLAG_UPGRADE,
  },
  {
    title: "RFC 9110 7.8 an upgrade that Connection does not name",
    bytes: `GET / HTTP/1.1\r\nUpgrade: websocket\r\n${HOST}`,
    flags: KEEP_ALIVE,
  },
  {
    title: "RFC 9110 7.8 an upgrade in HTTP/1.0 is ignored",
    bytes: "GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade, keep-alive\r\n\r\n",
    flags: KEEP_ALIVE,
  },
  {
    title: "RFC 9110 10.1.1 Expect in any case",
    bytes: `PUT / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n${HOST}`,
    flags: KEEP_ALIVE | layout.FLAG_EXPECT_CONTINUE,
    framing: layout.FRAMING_LENGTH,
    contentLength: 1,
  },
  {
    title: "RFC 9110 10.1.1 an unknown expectation",
    bytes: `PUT / HTTP/1.1\r\nExpect: 100-continue, x\r\n${HOST}`,
    flags: KEEP_ALIVE | layout.FLAG_EXPECT_UNKNOWN,
  },
  {
    title: "RFC 9110 10.1.1 100-continue in HTTP/1.0 is ignored",
    bytes: "PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    flags: 0,
  },
  {
    title: "RFC 9112 5.1 OWS around a value is not part of it; within it is",
    bytes: `GET / HTTP/1.1\r\nX:\t  a \t b \t \r\nY:\r\nZ: \t\r\n${HOST}`,
    fields: [
      ["X", "a \t b"],
      ["Y", ""],
      ["Z", ""],
      ["Host", "a"],
    ],
  },
  {
    title: "RFC 9110 5.5 obs-text and HTAB in a value",
    bytes: `GET / HTTP/1.1\r\nX: \x80\t\xff${"\xe9".repeat(40)}\r\n${HOST}`,
    fields: [
      ["X", `\x80\t\xff${"\xe9".repeat(40)}`],
      ["Host", "a"],
    ],
  },
  {
    title: "RFC 9110 5.6.2 every tchar in a name",
    bytes: `GET / HTTP/1.1\r\n!#$%&'*+-.^_\`|~09AZaz: 1\r\n${HOST}`,
    fields: [
      ["!#$%&'*+-.^_`|~09AZaz", "1"],
      ["Host", "a"],
    ],
  },
  {
    title: "RFC 9112 5 names and values over several blocks",
    bytes: `GET / HTTP/1.1\r\n${"n".repeat(70)}: ${"v".repeat(200)}\r\n${HOST}`,
    fields: [
      ["n".repeat(70), "v".repeat(200)],
      ["Host", "a"],
    ],
  },
  {
    title: "RFC 9112 6.3 Transfer-Encoding: chunked in any case",
    bytes: `POST / HTTP/1.1\r\nTRANSFER-ENCODING: CHunked \r\n${HOST}`,
    framing: layout.FRAMING_CHUNKED,
  },
  {
    title: "RFC 9110 8.6 the largest Content-Length",
    bytes: `POST / HTTP/1.1\r\nContent-Length: 009007199254740991\r\n${HOST}`,
    framing: layout.FRAMING_LENGTH,
    contentLength: 9_007_199_254_740_991,
  },
  ...[
    "a.b-c_d~e",
    "192.0.2.1:0",
    "x:65535",
    "[2001:db8::1]:8080",
    "[::]",
    "[1:2:3:4:5:6:7::]",
    "[::ffff:192.0.2.1]",
    "[1:2:3:4:5:6:192.0.2.1]",
    "[1:2:3:4:5:6:7:8]",
    "%41%7a!$&'()*+,;=",
    "h".repeat(255),
  ].map((host) => ({
    title: `RFC 3986 3.2.2 Host ${host.slice(0, 30)}`,
    bytes: `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    fields: [["Host", host]] as const,
  })),
];

const line = (text: string): string => `GET / HTTP/1.1\r\n${text}`;
const host = (value: string): string => line(`Host: ‸${value}\r\n`);
const target = (method: string, text: string): string => `${method} ${text} HTTP/1.1\r\n`;

const refuse = (title: string, code: number, ...rows: readonly string[]): RefusedHead[] =>
  rows.map((bytes, index) => ({ title: `${title} #${index + 1}`, bytes, code }));

export const REFUSED: readonly RefusedHead[] = [
  ...refuse(
    "RFC 9112 3.1 method",
    layout.ERROR_METHOD,
    "‸ GET / HTTP/1.1\r\n",
    "G‸(T / HTTP/1.1\r\n",
    "GET‸\t/ HTTP/1.1\r\n",
    "GET‸\r\n",
    "G‸\x80T / HTTP/1.1\r\n",
    "‸\x00GET",
    `${"M".repeat(32)}‸M / HTTP/1.1\r\n`,
    "\r\n‸\r\nGET / HTTP/1.1\r\n",
    "‸{}",
    "‸\x16\x03\x01",
  ),
  ...refuse(
    "RFC 9112 3.2 target",
    layout.ERROR_TARGET,
    "GET ‸ / HTTP/1.1\r\n",
    "GET ‸\r\n",
    "GET /a‸\x7fb HTTP/1.1\r\n",
    "GET /a‸\xc3\xa9 HTTP/1.1\r\n",
    "GET /a‸\x00 HTTP/1.1\r\n",
    "GET /a‸\tHTTP/1.1\r\n",
    target("GET", "‸a"),
    target("GET", "/a‸\\b"),
    target("GET", "/..‸\\b"),
    target("GET", "/‸\\..\\b"),
    target("GET", "/a‸%00"),
    target("GET", "/a/..‸%00/b"),
    target("GET", "/a‸\\/../b"),
    target("GET", "/0123456789abcdef0123456789‸%00.png"),
    target("GET", "/0123456789abcdef0123456789‸\\.png"),
    target("GET", "http://a/b‸\\c"),
    target("GET", "‸a:80"),
    target("GET", "‸ftp://a/"),
    target("GET", "‸http:///x"),
    target("GET", "‸http://u@a/x"),
    target("GET", "‸http://a:/x"),
    target("GET", "‸http://a:65536/x"),
    target("GET", "‸http:/a"),
    target("CONNECT", "‸a"),
    target("CONNECT", "‸a:"),
    target("CONNECT", "‸u@a:80"),
    target("CONNECT", "‸a:80/x"),
  ),
  ...refuse(
    "RFC 9112 3.2 a form that is not for the method",
    layout.ERROR_METHOD_TARGET,
    target("GET", "‸*"),
    target("CONNECT", "‸/"),
    target("CONNECT", "‸http://a:80/"),
    target("CONNECT", "‸*"),
    "PRI ‸* HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ),
  ...refuse(
    "RFC 9112 3 target limit",
    layout.ERROR_TARGET_TOO_LONG,
    `GET /${"a".repeat(8191)}‸a HTTP/1.1\r\n`,
  ),
  ...refuse("RFC 9112 3.2 fragment", layout.ERROR_FRAGMENT, "GET /a‸#b HTTP/1.1\r\n", "GET ‸# "),
  ...refuse(
    "RFC 3986 5.2.4 dot segment",
    layout.ERROR_DOT_SEGMENT,
    target("GET", "/‸."),
    target("GET", "/a/‸../b"),
    target("GET", "/a/‸.."),
    target("GET", "/‸./a"),
    target("GET", "/‸..?q"),
    target("GET", "/‸%2e%2E/x"),
    target("GET", "/0123456789abcdef/‸.%2e"),
    target("GET", "http://a/‸../x"),
    target("GET", "/a//‸..//"),
    target("GET", "/a/‸..%2fb"),
    target("GET", "/a%2F‸..%2Fb"),
    target("GET", "/a%5c‸..%5Cb"),
    target("GET", "/a%2f‸%2e./b"),
    target("GET", "/a%2f‸.."),
    target("GET", "/a/‸..;/b"),
    target("GET", "/‸.;x=y?q"),
    target("GET", "/a/‸..;\\"),
    target("GET", "http://a/b%5C‸.?q"),
  ),
  ...refuse(
    "RFC 9112 2.3 version",
    layout.ERROR_VERSION,
    "GET /‸\r\n",
    "GET / ‸http/1.1\r\n",
    "GET / ‸ HTTP/1.1\r\n",
    "GET / HTTP/‸.1\r\n",
    "GET / HTTP/1‸,1\r\n",
    "GET / HTTP/1.‸x\r\n",
    "GET / HTTP/1.1‸ \r\n",
    "GET / HTTP/1.1‸1\r\n",
    "GET /a/longer/path HTTP/1.1‸1\r\n",
    "GET /a/longer/path HTTP/1‸1\r\n",
    "GET / HTT‸X/1.1\r\n",
    "GET / ‸\r\n",
  ),
  ...refuse(
    "RFC 9110 2.5 major version",
    layout.ERROR_VERSION_UNSUPPORTED,
    "GET / ‸HTTP/2.0\r\n",
    "GET / ‸HTTP/0.9\r\n",
  ),
  ...refuse(
    "RFC 9112 2.2 bare LF",
    layout.ERROR_BARE_LF,
    "‸\nGET / HTTP/1.1\r\n",
    "GET‸\n",
    "GET /‸\n",
    "GET / HTTP/1.1‸\n",
    "GET /a/longer/path HTTP/1.1‸\n",
    line("‸\n"),
    line("Host‸\n: a\r\n"),
    line("Host: a‸\n\r\n"),
    line("Host:‸\n"),
    line("Host: a\r\n‸\n"),
  ),
  ...refuse(
    "RFC 9112 2.2 bare CR",
    layout.ERROR_BARE_CR,
    "‸\rGET / HTTP/1.1\r\n",
    "GET / HTTP/1.1‸\rX",
    "GET /a/longer/path HTTP/1.1‸\rX",
    "GET /a/longer/path HTTP/1.1‸\r\r\n",
    line("Host: a‸\rb\r\n"),
    line("Host: a‸\r\r\n"),
    line("Host: a\r\n‸\rX"),
    line("‸\r\r\n"),
  ),
  ...refuse(
    "RFC 9112 5.1 field name",
    layout.ERROR_FIELD_NAME,
    line("‸: x\r\n"),
    line("Host‸\r\n"),
    line("X‸\x00Y: 1\r\n"),
    line("X‸(: 1\r\n"),
    line("X‸\xe9: 1\r\n"),
    line("0123456789abcdefg‸@: 1\r\n"),
    line("Transfer-Encoding‸\x0b: chunked\r\n"),
  ),
  ...refuse(
    "RFC 9112 5.1 space before the colon",
    layout.ERROR_SPACE_BEFORE_COLON,
    line("Host‸ : a\r\n"),
    line("Transfer-Encoding‸\t: chunked\r\n"),
    line("X‸ Y: 1\r\n"),
  ),
  ...refuse(
    "RFC 9112 5.2 obs-fold",
    layout.ERROR_FOLD,
    line("Host: a\r\n‸ b\r\n"),
    line("Host: a\r\n‸\tb\r\n"),
    line("‸ Host: a\r\n"),
  ),
  ...refuse(
    "RFC 9110 5.5 field value",
    layout.ERROR_FIELD_VALUE,
    line("X: a‸\x00b\r\n"),
    line("X: a‸\x7f\r\n"),
    line("X:‸\x01\r\n"),
    line(`X: ${"a".repeat(40)}‸\x1f\r\n`),
    line("X: a‸\x0b\r\n"),
  ),
  ...refuse(
    "RFC 9112 3.2 Host missing",
    layout.ERROR_HOST_MISSING,
    line("‸\r\n"),
    line("X: 1\r\n‸\r\n"),
    "GET http://a/ HTTP/1.1\r\n‸\r\n",
    "OPTIONS * HTTP/1.1\r\n‸\r\n",
  ),
  ...refuse(
    "RFC 9112 3.2 Host repeated",
    layout.ERROR_HOST_REPEATED,
    line("Host: a\r\n‸Host: a\r\n"),
    line("Host: a\r\nX: 1\r\n‸hOST: b\r\n"),
    "GET / HTTP/1.0\r\nHost: a\r\n‸Host: a\r\n",
  ),
  ...refuse(
    "RFC 9112 3.2 Host value",
    layout.ERROR_HOST_INVALID,
    ...[
      ["", "a b", "a,b/", "u@a", "a:", "a:x", "a:65536", "a:000080", "a:-1", "a/b", "a\\b", "a?"],
      ["[::1", "[::1]x", "[]", "[:]", "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]"],
      ["[1:2:3:4:5:6:7:8::]", "[12345::]", "[::1.2.3]", "[::256.1.1.1]", "[::01.1.1.1]", "[v1.x]"],
      ["[::1%25eth0]", "[1.2.3.4]", "[::1.2.3.4:5]", ":80", "%4", "%zz", "\xe9", "a\tb"],
      ["h".repeat(256), "[:1]", "[1:]", "[:::]", "[::g]"],
    ]
      .flat()
      .map(host),
  ),
  ...refuse(
    "RFC 9112 3.2.2 absolute form and Host",
    layout.ERROR_HOST_MISMATCH,
    "GET http://a/ HTTP/1.1\r\nHost: ‸b\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nHost: ‸a:81\r\n\r\n",
    "GET https://a:80/ HTTP/1.1\r\nHost: ‸a\r\n\r\n",
    "GET http://a/ HTTP/1.0\r\nHost: ‸ab\r\n\r\n",
  ),
];
