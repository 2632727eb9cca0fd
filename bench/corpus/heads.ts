// Real heads of several sizes, for everything that is measured over a parser.

export interface HeadSample {
  readonly name: string;
  readonly kind: "request" | "response";
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Field lines in it. */
  readonly fieldCount: number;
}

const CHROME_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
  "Chrome/141.0.0.0 Safari/537.36";

const cookie = (length: number): string =>
  Array.from({ length: Math.ceil(length / 40) }, (_, index) =>
    `session_part_${index}=`.padEnd(38, "0123456789abcdef"),
  )
    .join("; ")
    .slice(0, length);

/** A head that fills the limit of 32 KiB to the byte, with 20 field lines of equal length. */
function longestHead(): string[] {
  const lines = ["GET /longest HTTP/1.1", "Host: example.com"];
  for (let index = 0; index < 20; index++) lines.push(`X-Long-${index}: `.padEnd(1_600, "v"));
  const missing = 32_768 - lines.join("\r\n").length - "\r\n\r\n".length;
  const last = lines.pop() ?? "";
  return [...lines, last + "v".repeat(missing)];
}

export const HEADS: readonly HeadSample[] = [
  // The request that the benchmark of picohttpparser has made the customary one.
  sample("browser", "request", [
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1",
    "Host: www.kittyhell.com",
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) " +
      "Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3",
    "Accept-Encoding: gzip,deflate",
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7",
    "Keep-Alive: 115",
    "Connection: keep-alive",
    "Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; " +
      "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; " +
      "__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com" +
      "|utmcct=/reader/|utmcmd=referral",
  ]),
  sample("curl GET", "request", [
    "GET /health HTTP/1.1",
    "Host: localhost:8080",
    "User-Agent: curl/8.5.0",
    "Accept: */*",
  ]),
  sample("Chrome GET", "request", [
    "GET /products/list?page=2&sort=price HTTP/1.1",
    "Host: shop.example.com",
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="141", "Not?A_Brand";v="8"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    `User-Agent: ${CHROME_AGENT}`,
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp," +
      "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Referer: https://shop.example.com/products",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    `Cookie: ${cookie(180)}`,
  ]),
  sample("API POST", "request", [
    "POST /v1/orders HTTP/1.1",
    "Host: api.example.com",
    "User-Agent: okhttp/4.12.0",
    `Authorization: Bearer ${"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9".repeat(9)}`,
    "Content-Type: application/json; charset=utf-8",
    "Content-Length: 348",
    "Accept: application/json",
    "Accept-Encoding: gzip",
    "X-Request-Id: 7f3c1a52-6f0b-4a58-9d0e-0d7b8a5f9c11",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  ]),
  sample("4 KiB of cookies", "request", [
    "GET /account HTTP/1.1",
    "Host: www.example.com",
    `User-Agent: ${CHROME_AGENT}`,
    "Accept: text/html",
    "Accept-Encoding: gzip, deflate, br",
    `Cookie: ${cookie(4_096)}`,
  ]),
  sample("60 field lines", "request", [
    "GET /many HTTP/1.1",
    "Host: example.com",
    ...Array.from({ length: 59 }, (_, index) => `X-Header-${index}: value of ${index}`),
  ]),
  sample("longest head", "request", longestHead()),
  sample("200 with content", "response", [
    "HTTP/1.1 200 OK",
    "Date: Mon, 02 Nov 2026 10:00:00 GMT",
    "Content-Type: text/html; charset=utf-8",
    "Content-Length: 10240",
    "Connection: keep-alive",
    "Cache-Control: public, max-age=3600, stale-while-revalidate=60",
    'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
    "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT",
    "Vary: Accept-Encoding",
    "Server: origin",
  ]),
  sample("304", "response", [
    "HTTP/1.1 304 Not Modified",
    "Date: Mon, 02 Nov 2026 10:00:00 GMT",
    'ETag: "33a64df5"',
  ]),
  sample("200 chunked with cookies", "response", [
    "HTTP/1.1 200 OK",
    "Date: Mon, 02 Nov 2026 10:00:00 GMT",
    "Content-Type: application/json",
    "Transfer-Encoding: chunked",
    ...Array.from({ length: 4 }, (_, index) => `Set-Cookie: ${cookie(90)}${index}; Path=/; Secure`),
    "Strict-Transport-Security: max-age=31536000; includeSubDomains",
    `Content-Security-Policy: default-src 'self'; script-src ${"https://cdn.example.com ".repeat(5)}`,
    "X-Content-Type-Options: nosniff",
  ]),
];

function sample(name: string, kind: HeadSample["kind"], lines: readonly string[]): HeadSample {
  const text = `${lines.map((line) => line.trimEnd()).join("\r\n")}\r\n\r\n`;
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return { name, kind, bytes, fieldCount: lines.length - 1 };
}
