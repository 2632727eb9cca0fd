// Owns the rows of the load generators' response reader: where a response ends (RFC 9112 section
// 6), however it is split.

import { describe, expect, test } from "vitest";
import { ResponseReader } from "../../bench/end-to-end/response-reader.ts";

const rows = [
  {
    name: "RFC 9112 6.2 Content-Length",
    bytes: "HTTP/1.1 200 OK\r\ncontent-length:  5\r\n\r\nhello",
    status: 200,
    contentBytes: 5,
  },
  {
    name: "RFC 9112 6.3 no content",
    bytes: "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    status: 304,
    contentBytes: 0,
  },
  {
    name: "RFC 9112 7.1 chunked with an extension and a trailer",
    bytes:
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "4;a=b\r\nwiki\r\nA\r\n0123456789\r\n0\r\nExpires: 0\r\n\r\n",
    status: 200,
    contentBytes: 14,
  },
];

describe.each(rows)("$name", ({ bytes, status, contentBytes }) => {
  const whole = Buffer.from(bytes, "latin1");

  test("split at every byte", () => {
    for (let at = 0; at <= whole.length; at++) {
      const reader = new ResponseReader();
      const early = at > 0 && reader.push(whole.subarray(0, at));
      expect(early, `complete after ${at} bytes`).toBe(at === whole.length);
      if (at < whole.length) expect(reader.push(whole.subarray(at))).toBe(true);
      expect([reader.status, reader.contentBytes]).toEqual([status, contentBytes]);
    }
  });
});

test("more content than was promised is an error", () => {
  const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab");
  expect(() => new ResponseReader().push(bytes)).toThrow("more than Content-Length");
});
