// Makes heads and chunked bodies from a seed: put together from fragments that parsers disagree
// about, then damaged. Hot: cases are written into one buffer without strings.

import { latin1 } from "../engines.ts";

/** A small, fast generator of numbers (mulberry32); equal seeds give equal cases everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  pick(list: readonly Uint8Array[]): Uint8Array {
    return list[this.below(list.length)] ?? EMPTY;
  }
}

const EMPTY = new Uint8Array();
const all = (...texts: readonly string[]): Uint8Array[] => texts.map(latin1);

const METHODS = all(
  ...["GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH"],
  ...["QUERY", "TRACE", "get", "M-SEARCH", "GETT", "M".repeat(32), "M".repeat(33), ""],
);
const TARGETS = all(
  ...["/", "/", "/index.html?q=1", "/a/b/c", "*", "a:80", "[::1]:80", "http://a/", "http://A:80/x"],
  ...["https://a:443?y", "HTTP://a", "http://u@a/", "/../a", "/a/./b", "/%2e%2E/", "/.../", "/a#b"],
  ...["//", "/a//b/..", "/a?/../", "http://a/..", "ftp://a", "", `/${"x".repeat(60)}`, "/%2F.."],
  ...["/.%2e?", "http:/a", "/a\x7f", "/\xe9", "[::1]", "a:", "http://[::1]:8080/.", "/..%00/"],
);
const VERSIONS = all(
  ...["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2"],
  ...["HTTP/2.0", "http/1.1", "HTTP/1.", "HTTP/11", "HTTP/1.10", "", "HTTP/0.9", "HTTP/1,1"],
);
const NAMES = all(
  ...["Host", "host", "HOST", "Content-Length", "Transfer-Encoding", "Connection", "Expect"],
  ...["Upgrade", "TE", "X", "X-A", "Accept", "accept-language", "If-Unmodified-Since", "Cookie"],
  ...["Proxy-Authorization", "x-forwarded-proto", "n".repeat(15), "n".repeat(16), "n".repeat(17)],
  ...["n".repeat(33), "", "A b", "A\xe9", "@", "hos", "hostt", "content_length", "Trailer", "Etag"],
  ...["transfer-encodinG", "If-Modified-Since", "cache-control", "User-Agent", "K".repeat(31)],
);
const VALUES = all(
  ...[
    "a",
    "a",
    "a:80",
    "A:443",
    "[::1]:80",
    "[1:2::3.4.5.6]",
    "[::1",
    "[::12345]",
    "u@a",
    "a:99999",
  ],
  ...["%41", "%4", "a,b", "", "0", "5", "+5", "5,5", "00000000000000000005", "9007199254740991"],
  ...["9007199254740992", "chunked", "Chunked", "gzip, chunked", "chunked,", "chunked chunked"],
  ...[
    "close",
    "keep-alive",
    "Keep-Alive, x",
    "upgrade, te",
    ",,",
    "100-continue",
    "200-ok",
    "websocket",
  ],
  ...["x".repeat(15), "x".repeat(16), "x".repeat(47), "a b\tc", "\xff\xfe", "a\x00", "\x7f", " "],
  ...[
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "h".repeat(256),
    "a".repeat(300),
    "\tx\t",
  ],
);
const SEPARATORS = all(": ", ": ", ": ", ":", ":\t ", " : ", ":   ");
const LINE_ENDS = all(
  "\r\n",
  "\r\n",
  "\r\n",
  "\r\n",
  "\r\n",
  "\r\n",
  "\r\n",
  "\n",
  "\r",
  "\r\n ",
  "\r\r\n",
);
const STATUS_LINES = all(
  ...[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 204 x",
    "HTTP/1.0 304 ",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 200",
  ],
  ...["HTTP/1.1 099 x", "HTTP/1.1 2000 x", "HTTP/1.1  200", "HTTP/2.0 200 OK", "HTTP/1.1 500 \xe9"],
);
const SIZES = all(
  ...[
    "0",
    "0",
    "00",
    "1",
    "5",
    "a",
    "A",
    "10",
    "1F",
    "",
    "-1",
    "+1",
    "0x1",
    "1g",
    " 1",
    "1 ",
    "f f",
  ],
  ...[
    "1fffffffffffff",
    "20000000000000",
    "0000000000000001",
    "00000000000000001",
    "ffffffffffffffff",
  ],
);
const EXTENSIONS = all(
  ...["", "", "", "", ";a", ";a=b", ' ; a = "b;\\"c"', ";a=", ";", ";;", ';a="', ";a b", ";a=b c"],
  ...[
    '\t;a=\t"\r"',
    `;${"x".repeat(1023)}`,
    `;${"x".repeat(1024)}`,
    ';a="\x00"',
    ";a=\xe9",
    ';a="\xe9"',
  ],
);
const SPECIAL_BYTES = latin1('\r\n\t :;,="\\#?/.%*[]@\x00\x0b\x7f\x80\xff0aZ-');

/** Writes cases into one buffer; `bytes.subarray(0, length)` is the last one. */
export class CaseWriter {
  readonly bytes = new Uint8Array(65_536);
  length = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  request(): void {
    this.length = 0;
    const random = this.#random;
    if (random.below(50) === 0) this.#append(random.pick(LINE_ENDS));
    this.#append(METHODS[random.below(random.below(3) === 0 ? METHODS.length : 4)] ?? EMPTY);
    this.#space();
    this.#append(TARGETS[random.below(random.below(3) === 0 ? TARGETS.length : 4)] ?? EMPTY);
    if (random.below(1000) === 0) {
      const pathBytes = 8_180 + random.below(20);
      this.bytes.fill(0x70, this.length, this.length + pathBytes);
      this.length += pathBytes;
    }
    this.#space();
    this.#append(VERSIONS[random.below(random.below(5) === 0 ? VERSIONS.length : 5)] ?? EMPTY);
    this.#lineEnd();
    if (random.below(8) !== 0) this.#append(HOST_LINE);
    this.#fieldLines();
    this.#damage();
  }

  response(): void {
    this.length = 0;
    this.#append(this.#random.pick(STATUS_LINES));
    this.#lineEnd();
    this.#fieldLines();
    this.#damage();
  }

  chunked(): void {
    this.length = 0;
    const random = this.#random;
    for (let chunks = random.below(5); chunks > 0; chunks--) {
      const length = random.below(40);
      const isHonest = random.below(10) !== 0;
      this.#append(isHonest ? latin1(length.toString(16)) : random.pick(SIZES));
      this.#append(random.below(4) === 0 ? random.pick(EXTENSIONS) : EMPTY);
      this.#lineEnd();
      for (let index = 0; index < length; index++) this.bytes[this.length++] = 0x61 + (index % 26);
      this.#lineEnd();
    }
    this.#append(ZERO);
    this.#append(random.below(4) === 0 ? random.pick(EXTENSIONS) : EMPTY);
    this.#lineEnd();
    if (random.below(3) === 0) this.#fieldLines();
    else this.#lineEnd();
    if (random.below(4) === 0) this.#append(NEXT_MESSAGE);
    this.#damage();
  }

  #fieldLines(): void {
    const random = this.#random;
    if (random.below(800) === 0) this.#longLines();
    for (let lines = random.below(7); lines > 0; lines--) {
      this.#append(random.pick(NAMES));
      const isWild = random.below(6) === 0;
      this.#append(SEPARATORS[random.below(isWild ? SEPARATORS.length : 4)] ?? EMPTY);
      this.#append(random.pick(VALUES));
      this.#lineEnd();
    }
    this.#lineEnd();
  }

  /** Good lines, many or long or both, up to the limits and past them. */
  #longLines(): void {
    const random = this.#random;
    const valueBytes = random.below(2) === 0 ? random.below(20) : random.below(1200);
    for (let lines = random.below(130); lines > 0; lines--) {
      if (this.length + valueBytes > LONG_CASE_BYTES) return;
      this.#append(LONG_NAME);
      this.bytes.fill(0x76, this.length, this.length + valueBytes);
      this.length += valueBytes;
      this.#append(CRLF);
    }
  }

  #space(): void {
    if (this.#random.below(40) === 0) this.#append(this.#random.pick(SEPARATORS));
    else this.bytes[this.length++] = 0x20;
  }

  #lineEnd(): void {
    const isWild = this.#random.below(25) === 0;
    this.#append(isWild ? this.#random.pick(LINE_ENDS) : CRLF);
  }

  #append(part: Uint8Array): void {
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  /** Overwrites, removes or doubles some bytes of every other case. */
  #damage(): void {
    const random = this.#random;
    for (let times = random.below(4) - 1; times > 0 && this.length > 0; times--) {
      const at = random.below(this.length);
      const kind = random.below(4);
      if (kind === 0) this.bytes[at] = random.below(256);
      else if (kind === 1) this.bytes[at] = SPECIAL_BYTES[random.below(SPECIAL_BYTES.length)] ?? 0;
      else this.bytes.copyWithin(at, kind === 2 ? at + 1 : Math.max(0, at - 3), this.length);
      if (kind === 2) this.length--;
    }
  }
}

const CRLF = latin1("\r\n");
const LONG_CASE_BYTES = 50_000;
const LONG_NAME = latin1("X-Long: ");
const ZERO = latin1("0");
const HOST_LINE = latin1("Host: a\r\n");
const NEXT_MESSAGE = latin1("GET / HTTP/1.1\r\n");
