// Requests whose head is refused: literal bytes, the status that the RFCs ask for, and the name of
// the error. All are GET or POST for /m4rk3r where the row does not say otherwise, so that a test
// sees whether an answer echoes them.

/** A message that is refused. */
export interface RefusedRow {
  readonly title: string;
  readonly bytes: string;
  readonly status: number;
  /** Name of the parse error, as log and metrics have it. */
  readonly error: string;
}

type Row = readonly [title: string, bytes: string, error: string, status?: number | undefined];

const HOST = "Host: a\r\n";

function lines(rows: readonly Row[]): RefusedRow[] {
  return rows.map(([title, bytes, error, status = 400]) => ({ title, bytes, status, error }));
}

/** Rows that differ in the request line. */
function requestLines(rows: readonly Row[]): RefusedRow[] {
  const whole = rows.map(([title, line, error, status]): Row => {
    return [title, `${line}\r\n${HOST}\r\n`, error, status];
  });
  return lines(whole);
}

/** Rows that differ in the header section, which they hold without its empty line. */
function sections(rows: readonly Row[]): RefusedRow[] {
  const whole = rows.map(([title, section, error, status]): Row => {
    return [title, `POST /m4rk3r HTTP/1.1\r\n${section}\r\n`, error, status];
  });
  return lines(whole);
}

/** Rows that differ in one field line beside Host. */
function fieldLines(rows: readonly Row[]): RefusedRow[] {
  return sections(
    rows.map(([title, line, error, status]): Row => {
      return [title, `${HOST}${line}\r\n`, error, status];
    }),
  );
}

/** RFC 9112 section 3: the request line. */
export const REQUEST_LINE_ROWS = requestLines([
  ["no version (HTTP/0.9)", "GET /m4rk3r", "version"],
  ["a lower-case protocol name", "GET /m4rk3r http/1.1", "version"],
  ["another protocol", "GET /m4rk3r HTTX/1.1", "version"],
  ["a version of one digit", "GET /m4rk3r HTTP/1", "version"],
  ["a minor version of two digits", "GET /m4rk3r HTTP/1.10", "version"],
  ["a major version of two digits", "GET /m4rk3r HTTP/01.1", "version"],
  ["a version with a sign", "GET /m4rk3r HTTP/1.+1", "version"],
  ["major version 2", "GET /m4rk3r HTTP/2.0", "version-unsupported", 505],
  ["major version 0", "GET /m4rk3r HTTP/0.9", "version-unsupported", 505],
  ["a space behind the version", "GET /m4rk3r HTTP/1.1 ", "version"],
  ["two spaces before the version", "GET /m4rk3r  HTTP/1.1", "version"],
  ["a space in the target", "GET /m4rk3r x HTTP/1.1", "version"],
  ["two spaces before the target", "GET  /m4rk3r HTTP/1.1", "target"],
  ["a tab for the first space", "GET\t/m4rk3r HTTP/1.1", "method"],
  ["a tab for the second space", "GET /m4rk3r\tHTTP/1.1", "target"],
  ["a space before the method", " GET /m4rk3r HTTP/1.1", "method"],
  ["no method", " /m4rk3r HTTP/1.1", "method"],
  ["a method that is no token", "G@T /m4rk3r HTTP/1.1", "method"],
  ["a method of 33 letters", `${"M4RK3R".repeat(6).slice(3)} / HTTP/1.1`, "method"],
  ["a NUL in the method", "GE\0T /m4rk3r HTTP/1.1", "method"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0", "method-target"],
  ["an absolute form without a version", "GET http://a/m4rk3r", "version"],
  ["two empty lines before", "\r\n\r\nGET /m4rk3r HTTP/1.1", "method"],
  ["an empty line of a bare LF before", "\nGET /m4rk3r HTTP/1.1", "bare-lf"],
  ["an empty line of a bare CR before", "\rGET /m4rk3r HTTP/1.1", "bare-cr"],
  ["a bare LF in the target", "GET /m4\nrk3r HTTP/1.1", "bare-lf"],
  ["a bare LF in the method", "GE\nT /m4rk3r HTTP/1.1", "bare-lf"],
  ["a bare CR in the target", "GET /m4\rrk3r HTTP/1.1", "version"],
  ["a bare CR in the method", "GE\rT /m4rk3r HTTP/1.1", "method"],
  ["a bare LF behind the version", `GET /m4rk3r HTTP/1.1\nX: y`, "bare-lf"],
  ["a bare CR behind the version", `GET /m4rk3r HTTP/1.1\rX: y`, "bare-cr"],
]);

/** RFC 9112 section 3.2, RFC 3986: the request-target. */
export const TARGET_ROWS = requestLines([
  ["a fragment", "GET /m4rk3r#x HTTP/1.1", "fragment"],
  ["a fragment behind a query", "GET /?m4rk3r#x HTTP/1.1", "fragment"],
  ["a NUL", "GET /m4rk3r\0 HTTP/1.1", "target"],
  ["a control character", "GET /m4rk3r\x1f HTTP/1.1", "target"],
  ["DEL", "GET /m4rk3r\x7f HTTP/1.1", "target"],
  ["a byte outside ASCII", "GET /m4rk3r\xe9 HTTP/1.1", "target"],
  ["no leading slash", "GET m4rk3r HTTP/1.1", "target"],
  ["another scheme", "GET ftp://a/m4rk3r HTTP/1.1", "target"],
  ["a scheme without an authority", "GET http:/m4rk3r HTTP/1.1", "target"],
  ["absolute form with an empty host", "GET http:///m4rk3r HTTP/1.1", "target"],
  ["absolute form with userinfo", "GET http://u@a/m4rk3r HTTP/1.1", "target"],
  ["absolute form with a bad port", "GET http://a:8x/m4rk3r HTTP/1.1", "target"],
  ["absolute form with another host", "GET http://b/m4rk3r HTTP/1.1", "host-mismatch"],
  ["absolute form with another port", "GET http://a:81/m4rk3r HTTP/1.1", "host-mismatch"],
  ["absolute form, port of the other scheme", "GET https://a:80/m HTTP/1.1", "host-mismatch"],
  ["asterisk form for GET", "GET * HTTP/1.1", "method-target"],
  ["asterisk form with more", "OPTIONS *m4rk3r HTTP/1.1", "target"],
  ["authority form for GET", "GET a:80 HTTP/1.1", "target"],
  ["CONNECT with a path", "CONNECT /m4rk3r HTTP/1.1", "method-target"],
  ["CONNECT with an absolute form", "CONNECT http://a:80/ HTTP/1.1", "method-target"],
  ["CONNECT with an asterisk", "CONNECT * HTTP/1.1", "method-target"],
  ["CONNECT without a port", "CONNECT a HTTP/1.1", "target"],
  ["CONNECT with userinfo", "CONNECT u@a:80 HTTP/1.1", "target"],
  ["a dot segment", "GET /./m4rk3r HTTP/1.1", "dot-segment"],
  ["a double-dot segment", "GET /x/../m4rk3r HTTP/1.1", "dot-segment"],
  ["a double-dot segment at the end", "GET /m4rk3r/.. HTTP/1.1", "dot-segment"],
  ["a double-dot segment before a query", "GET /m4rk3r/..?x HTTP/1.1", "dot-segment"],
  ["an encoded double-dot segment", "GET /%2e%2E/m4rk3r HTTP/1.1", "dot-segment"],
  ["a half-encoded double-dot segment", "GET /.%2e/m4rk3r HTTP/1.1", "dot-segment"],
  ["a dot segment in absolute form", "GET http://a/../m4rk3r HTTP/1.1", "dot-segment"],
  ["a dot segment before an encoded slash", "GET /x/..%2fm4rk3r HTTP/1.1", "dot-segment"],
  ["a dot segment between encoded slashes", "GET /x%2F..%2Fm4rk3r HTTP/1.1", "dot-segment"],
  ["a dot segment between encoded backslashes", "GET /x%5c..%5Cm4rk3r HTTP/1.1", "dot-segment"],
  ["a dot segment with a parameter", "GET /x/..;/m4rk3r HTTP/1.1", "dot-segment"],
  ["a backslash in the path", "GET /x\\m4rk3r HTTP/1.1", "target"],
  ["a dot segment between backslashes", "GET /x\\..\\m4rk3r HTTP/1.1", "target"],
  ["a backslash for the first slash", "GET \\m4rk3r HTTP/1.1", "target"],
  ["a NUL, encoded", "GET /m4rk3r%00.png HTTP/1.1", "target"],
  ["an IPv6 zone in absolute form", "GET http://[fe80::1%25eth0]/m4rk3r HTTP/1.1", "target"],
]);

/** RFC 9112 sections 2.2 and 5, RFC 9110 section 5: field lines. */
export const FIELD_ROWS = [
  ...fieldLines([
    ["a space before the colon", "X-A : m4rk3r", "space-before-colon"],
    ["a tab before the colon", "X-A\t: m4rk3r", "space-before-colon"],
    [
      "a space before the colon of Transfer-Encoding",
      "Transfer-Encoding : chunked",
      "space-before-colon",
    ],
    ["an empty name", ": m4rk3r", "field-name"],
    ["a line without a colon", "m4rk3r", "field-name"],
    ["a NUL in the name", "X\0A: m4rk3r", "field-name"],
    ["a control character in the name", "X\x01A: m4rk3r", "field-name"],
    ["DEL in the name", "X\x7fA: m4rk3r", "field-name"],
    ["a byte outside ASCII in the name", "X\xe4A: m4rk3r", "field-name"],
    ["a parenthesis in the name", "X(A): m4rk3r", "field-name"],
    ["a slash in the name", "X/A: m4rk3r", "field-name"],
    ["a quote in the name", 'X"A: m4rk3r', "field-name"],
    ["a NUL in the value", "X-A: m4rk3r\0", "field-value"],
    ["the first control character in the value", "X-A: m4rk3r\x01", "field-value"],
    ["a vertical tab before a value", "X-A: \x0bm4rk3r", "field-value"],
    ["the last control character in the value", "X-A: m4rk3r\x1f", "field-value"],
    ["DEL in the value", "X-A: m4rk3r\x7f", "field-value"],
    ["a folded line", "X-A: m4rk3r\r\n more", "obs-fold"],
    ["a line folded with a tab", "X-A: m4rk3r\r\n\tmore", "obs-fold"],
    ["a folded empty line", "X-A: m4rk3r\r\n ", "obs-fold"],
    ["a bare LF behind a field line", "X-A: m4rk3r\nX-B: y", "bare-lf"],
    ["a bare LF in a field name", "X\nA: m4rk3r", "bare-lf"],
    ["a bare CR in a field value", "X-A: m4\rrk3r", "bare-cr"],
    ["two CRs before the LF", "X-A: m4rk3r\r", "bare-cr"],
    ["a bare CR in a field name", "X\rA: m4rk3r", "field-name"],
    ["a header section that ends with a bare LF", "X-A: m4rk3r\r\n\n", "bare-lf"],
    ["a CR and something else for the empty line", "X-A: m4rk3r\r\n\rX-B: y", "bare-cr"],
  ]),
  ...sections([
    ["white space before the first field line", ` X-A: m4rk3r\r\n${HOST}`, "obs-fold"],
    ["a tab before the first field line", `\tX-A: m4rk3r\r\n${HOST}`, "obs-fold"],
  ]),
];

/** RFC 9112 section 3.2: Host. */
export const HOST_ROWS = sections([
  ["no Host", "X-A: m4rk3r\r\n", "host-missing"],
  ["Host twice, the same", `${HOST}${HOST}`, "host-repeated"],
  ["Host twice, in another case", `${HOST}hOST: a\r\n`, "host-repeated"],
  ["Host twice, different, apart", `${HOST}X-A: y\r\nHost: b\r\n`, "host-repeated"],
  // RFC 9110 section 4.2.1: an http URI with an empty host is invalid.
  ["an empty Host", "Host:\r\n", "host-invalid"],
  ["a Host of white space", "Host: \t \r\n", "host-invalid"],
  ["userinfo", "Host: m4rk3r@a\r\n", "host-invalid"],
  ["a path", "Host: a/m4rk3r\r\n", "host-invalid"],
  ["a query", "Host: a?m4rk3r\r\n", "host-invalid"],
  ["a fragment", "Host: a#m4rk3r\r\n", "host-invalid"],
  ["a scheme", "Host: http://m4rk3r\r\n", "host-invalid"],
  ["a backslash", "Host: a\\m4rk3r\r\n", "host-invalid"],
  ["a space", "Host: a m4rk3r\r\n", "host-invalid"],
  ["a byte outside ASCII", "Host: m4rk3r\xe9\r\n", "host-invalid"],
  ["a broken percent-encoding", "Host: m4rk3r%2\r\n", "host-invalid"],
  ["a port that is no number", "Host: m4rk3r:http\r\n", "host-invalid"],
  ["a port with a sign", "Host: m4rk3r:+80\r\n", "host-invalid"],
  ["a port out of range", "Host: m4rk3r:65536\r\n", "host-invalid"],
  ["two ports", "Host: m4rk3r:80:80\r\n", "host-invalid"],
  ["a port without a host", "Host: :80\r\n", "host-invalid"],
  // The grammar has it; that two readers make different cache keys of it is reason enough.
  ["an empty port", "Host: m4rk3r:\r\n", "host-invalid"],
  ["an IPv6 address without brackets", "Host: ::1\r\n", "host-invalid"],
  ["an IPv6 zone", "Host: [fe80::1%25eth0]\r\n", "host-invalid"],
  ["a list of two", "Host: m4rk3r, a\r\n", "host-invalid"],
  ["a port that wraps to 80", "Host: m4rk3r:65616\r\n", "host-invalid"],
  ["an open bracket", "Host: [::1\r\n", "host-invalid"],
  ["no IPv6 address in the brackets", "Host: [::g]\r\n", "host-invalid"],
  ["something behind the bracket", "Host: [::1]m4rk3r\r\n", "host-invalid"],
]);

/** RFC 9112 sections 6.1 to 6.3: message framing in the head. */
export const FRAMING_ROWS = [
  ...fieldLines([
    [
      "Content-Length, then Transfer-Encoding",
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "length-and-coding",
    ],
    [
      "Transfer-Encoding, then Content-Length",
      "Transfer-Encoding: chunked\r\nContent-Length: 5",
      "length-and-coding",
    ],
    [
      "Content-Length: 0 with Transfer-Encoding",
      "Content-Length: 0\r\nTransfer-Encoding: chunked",
      "length-and-coding",
    ],
    [
      "Content-Length twice, the same",
      "Content-Length: 5\r\nContent-Length: 5",
      "content-length-repeated",
    ],
    [
      "Content-Length twice, different",
      "Content-Length: 5\r\ncontent-length: 6",
      "content-length-repeated",
    ],
    ["a list of equal lengths", "Content-Length: 5, 5", "content-length"],
    ["a list of different lengths", "Content-Length: 5,6", "content-length"],
    ["a length with a plus sign", "Content-Length: +5", "content-length"],
    ["a length with a minus sign", "Content-Length: -5", "content-length"],
    ["a hexadecimal length", "Content-Length: 0x5", "content-length"],
    ["a length with a fraction", "Content-Length: 5.0", "content-length"],
    ["a length with an exponent", "Content-Length: 5e0", "content-length"],
    ["a length with a unit", "Content-Length: 5m4rk3r", "content-length"],
    ["two numbers", "Content-Length: 5 5", "content-length"],
    ["an empty length", "Content-Length:", "content-length"],
    ["a length of 2^53", "Content-Length: 9007199254740992", "content-length"],
    ["a length of 2^64", "Content-Length: 18446744073709551616", "content-length"],
    ["a length that would wrap to 5", "Content-Length: 18446744073709551621", "content-length"],
    ["chunked twice", "Transfer-Encoding: chunked, chunked", "transfer-encoding"],
    [
      "chunked on two lines",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
      "transfer-encoding",
    ],
    ["chunked behind another coding", "Transfer-Encoding: gzip, chunked", "transfer-encoding"],
    ["chunked before another coding", "Transfer-Encoding: chunked, gzip", "transfer-encoding"],
    [
      "another coding on a line before",
      "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
      "transfer-encoding",
    ],
    ["identity", "Transfer-Encoding: identity", "transfer-encoding"],
    [
      "identity behind chunked",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
      "transfer-encoding",
    ],
    ["a longer name", "Transfer-Encoding: xchunked", "transfer-encoding"],
    ["a shorter name", "Transfer-Encoding: chunke", "transfer-encoding"],
    ["a parameter", "Transfer-Encoding: chunked;m4rk3r", "transfer-encoding"],
    ["a comma behind", "Transfer-Encoding: chunked,", "transfer-encoding"],
    ["a comma before", "Transfer-Encoding: ,chunked", "transfer-encoding"],
    ["a quoted coding", 'Transfer-Encoding: "chunked"', "transfer-encoding"],
    ["a space within", "Transfer-Encoding: chun ked", "transfer-encoding"],
    ["no coding", "Transfer-Encoding:", "transfer-encoding"],
    [
      "no coding on a line before",
      "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
      "transfer-encoding",
    ],
    ["a form feed behind", "Transfer-Encoding: chunked\x0c", "field-value"],
    ["a NUL behind the name", "Transfer-Encoding\0: chunked", "field-name"],
    ["a form feed before the name", "\x0cTransfer-Encoding: chunked", "field-name"],
    [
      "a coding with a quoted parameter",
      'Transfer-Encoding: chunked; a="m4rk3r"',
      "transfer-encoding",
    ],
    [
      "chunked, then identity in a list",
      "Transfer-Encoding: chunked, identity",
      "transfer-encoding",
    ],
    ["an octal length", "Content-Length: 0o5", "content-length"],
    ["a length with an underscore", "Content-Length: 1_0", "content-length"],
    ["a length of full-width digits", "Content-Length: \xef\xbc\x95", "content-length"],
    ["a non-breaking space behind the length", "Content-Length: 5\xa0", "content-length"],
    ["a list with an empty member", "Content-Length: ,5", "content-length"],
    ["a vertical tab before", "Transfer-Encoding: \x0bchunked", "field-value"],
    ["a folded coding", "Transfer-Encoding:\r\n chunked", "transfer-encoding"],
    ["a non-breaking space behind", "Transfer-Encoding: chunked\xa0", "transfer-encoding"],
  ]),
  ...lines([
    [
      "Transfer-Encoding in HTTP/1.0",
      `POST /m4rk3r HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
      "transfer-encoding-version",
    ],
  ]),
];
